// A visit: its energy by source, money, the car's level, and the pages that list and show them.

import { html, useEffect, useRef, useState } from "./vendor/htm-3.1.1-preact-standalone.js";
import { call } from "./asking.js";
import { Chart, Totals } from "./chart.js";
import { Icon } from "./icons.js";
import { live, now } from "./live.js";
import { useVisit } from "./past.js";
import { PlanWords } from "./plan.js";
import { Timeline } from "./timeline.js";
import { CloudVerdict } from "./told.js";
import { WhatIf } from "./whatif.js";
import { clock, day, duration, energy, grams, language, money, percent, t, weekday, when } from "./words.js";

const OLD_LEVEL_S = 900; // a level that was told longer ago says so
const SHORT_BREAK_MS = 300_000;
const FIRST_BLOCKS = 6;
const SOURCES = ["solar", "battery", "grid"];
const LOOK = { solar: "sun", battery: "battery", grid: "grid" };

/** Energy by source, as one bar and in words. */
export function SourceBar({ kwh, slim, most }) {
  const total = SOURCES.reduce((all, one) => all + (kwh[one] ?? 0), 0);
  if (slim && !total) return null;
  const parts = SOURCES.map((one) => [one, kwh[one] ?? 0]).filter(([, value]) => value >= 0.05 || value / total > 0.01);
  const words = parts.map(([one, value]) => `${t(`source.${one}`)} ${energy(value)}`).join(", ");
  return html`<div class=${`sources ${slim ? "slim" : ""}`}>
    <div class="bar" role="img" aria-label=${words || t("visit.nothing")} style=${{ width: most ? `${Math.max((total / most) * 100, 1)}%` : "" }}>
      ${parts.map(([one, value]) => html`<i key=${one} class=${LOOK[one]} style=${{ flexGrow: value / total }}></i>`)}
    </div>
    ${!slim && html`<div class="parts">${parts.map(([one, value]) => html`
      <span key=${one}><i class=${`swatch ${LOOK[one]}`}></i>${t(`source.${one}`)} <b>${energy(value)}</b></span>`)}</div>`}
  </div>`;
}

/** The CO2 of a visit; nothing where nobody foretells it. */
function Carbon({ caused, saved }) {
  if (caused == null) return null;
  return html`<p><b class="big">${grams(caused)}</b>
    <span class="quiet">${saved != null ? t("visit.co2_saved", { amount: grams(saved) }) : t("visit.co2")}</span></p>`;
}

/** This visit, on the first page. */
export function ThisVisit({ name, box, plan, alone }) {
  if (!box.plugged) return html`<section class="visit"><h2>${t("visit.this")}</h2><p class="quiet">${t("visit.none")}</p></section>`;
  const kwh = { solar: box.session_solar_kwh, battery: box.session_battery_kwh, grid: box.session_grid_kwh };
  return html`<section class="visit">
    <header><h2>${alone ? t("visit.this") : t("visit.at", { name })}</h2>
      ${box.session_id && !live.guest && html`<a href=${`#/visits/${box.session_id}`}>${t("visit.more")}<${Icon} name="more" size="16" /></a>`}</header>
    <div class="facts live">
      <p><b class="big">${energy(box.session_kwh)}</b><span class="quiet">${box.plugged_in_at ? t("visit.since", { at: when(box.plugged_in_at) }) : ""}</span></p>
      ${box.session_cost != null && html`<p><b class="big">${money(box.session_cost)}</b>
        <span class="quiet">${box.session_saved != null ? t("visit.saved", { amount: money(box.session_saved) }) : t("visit.cost")}</span></p>`}
      <${Carbon} caused=${box.session_co2_g} saved=${box.session_co2_saved_g} />
    </div>
    <${SourceBar} kwh=${kwh} />
    <${Level} box=${box} />
    <${PlanWords} box=${plan} at=${now()} />
  </section>`;
}

/** How old a told level is, or what the one of now is reckoned from. */
function howKnown(box) {
  const time = duration(box.soc_age_s ?? 0);
  if (isReckoned(box)) return ` · ${t("level.reckoned", { level: percent(box.soc_pct), time })}`;
  return box.soc_age_s > OLD_LEVEL_S ? ` · ${t("devices.ago", { time })}` : "";
}

/** Whether what was charged since a level was told makes another one of it. */
export const isReckoned = ({ soc_pct, soc_now_pct }) => soc_now_pct != null && percent(soc_now_pct) !== percent(soc_pct);

/** The car's level of charge on its way to the target. */
function Level({ box }) {
  if (box.soc_pct == null) return box.vehicle && !live.guest ? html`<${TellLevel} vehicle=${box.vehicle} text=${t("level.unknown")} />` : null;
  const level = box.soc_now_pct ?? box.soc_pct;
  const aim = box.target_pct ? t("level.to", { level: percent(box.target_pct) }) : "";
  const by = box.ready_by ? t("level.by", { at: when(box.ready_by) }) : "";
  return html`<div class="level">
    <div class="track" role="img" aria-label=${`${percent(level)} ${aim} ${by}`}>
      <i style=${{ width: `${Math.min(level, 100)}%` }}></i>
      ${box.target_pct && html`<b style=${{ left: `${box.target_pct}%` }}></b>`}
    </div>
    <p class="live"><span>${t("level.car")} <b>${percent(level)}</b> ${aim} ${by}${howKnown(box)}</span>
      ${box.vehicle && !live.guest && html`<${TellLevel} vehicle=${box.vehicle} text=${t("level.correct")} />`}</p>
  </div>`;
}

export function TellLevel({ vehicle, text }) {
  const dialog = useRef();
  const field = useRef();
  const [problem, setProblem] = useState("");
  async function tell(event) {
    event.preventDefault();
    try {
      await call("PUT", `api/vehicles/${encodeURIComponent(vehicle)}/soc`, { soc_pct: Number(field.current.value) });
      dialog.current.close();
    } catch (error) {
      setProblem(error.message);
    }
  }
  return html`<button class="link" onClick=${() => dialog.current.showModal()}>${text}</button>
    <dialog ref=${dialog} aria-label=${t("level.title")} onClick=${(e) => e.target === dialog.current && dialog.current.close()}>
      <form onSubmit=${tell}>
        <h2>${t("level.title")}</h2>
        <label class="field">${t("level.ask")}<input ref=${field} type="number" min="0" max="100" step="1" inputmode="numeric" required /></label>
        <p class="problem" role="alert">${problem}</p>
        <div class="buttons"><button class="main" type="submit">${t("level.save")}</button>
          <button class="pill" type="button" onClick=${() => dialog.current.close()}>${t("cancel")}</button></div>
      </form>
    </dialog>`;
}

/** Every visit, newest first. */
export function Visits() {
  const [pages, setPages] = useState(null);
  const [next, setNext] = useState(null);
  const [problem, setProblem] = useState("");
  async function more(after) {
    try {
      const page = await call("GET", `api/sessions?limit=20${after ? `&after=${after}` : ""}`);
      setPages((before) => [...(after ? before : []), ...page.sessions]);
      setNext(page.next_after);
    } catch (error) {
      setProblem(error.message);
    }
  }
  useEffect(() => void more(), []);
  const most = Math.max(1, ...(pages ?? []).map((one) => one.kwh));
  return html`<main class="page" id="main" tabindex="-1">
    <header class="title"><h1>${t("nav.visits")}</h1>${pages?.length ? html`<a class="pill" href="api/sessions.csv" download>${t("visits.csv")}</a>` : ""}</header>
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    <${Lately} />
    ${pages?.length === 0 && html`<p class="quiet">${t("visits.empty")}</p>`}
    <ul class="visits">${(pages ?? []).map((one) => html`<${VisitRow} key=${one.id} visit=${one} most=${most} />`)}</ul>
    ${next && html`<div class="buttons"><button class="pill" onClick=${() => more(next)}>${t("visits.more")}</button></div>`}
  </main>`;
}

/** The last 30 days in three numbers. */
function Lately() {
  const [visits, setVisits] = useState([]);
  useEffect(() => {
    const from = new Date(now() - 30 * 86_400_000).toISOString();
    call("GET", `api/sessions?from=${from}&limit=500`).then((page) => setVisits(page.sessions.filter((visit) => visit.wallbox)), () => {});
  }, []);
  if (visits.length < 2) return null;
  const sum = (value) => visits.reduce((total, visit) => total + (value(visit) ?? 0), 0);
  const kwh = sum((visit) => visit.kwh);
  const share = kwh > 0 ? (sum((visit) => visit.solar_kwh) / kwh) * 100 : 0;
  const saved = visits.some((visit) => visit.saved != null) ? sum((visit) => visit.saved) : null;
  return html`<section class="lately"><h2 class="eyebrow">${t("visits.month")}</h2>
    <div class="facts">
      <p><b class="big">${energy(kwh)}</b><span class="quiet">${t("visit.energy")}</span></p>
      <p><b class="big">${percent(share)}</b><span class="quiet">${t("visits.from_sun")}</span></p>
      ${saved != null && html`<p><b class="big">${money(saved)}</b><span class="quiet">${t("visits.saved")}</span></p>`}
    </div></section>`;
}

const kwhOf = (visit) => ({ solar: visit.solar_kwh, battery: visit.battery_kwh, grid: visit.grid_kwh });

function lengthOf(visit) {
  const end = visit.plugged_out_at ? Date.parse(visit.plugged_out_at) : now();
  return duration((end - Date.parse(visit.plugged_in_at)) / 1000);
}

function VisitRow({ visit, most }) {
  const share = visit.kwh > 0 ? Math.round((visit.solar_kwh / visit.kwh) * 100) : null;
  return html`<li><a href=${`#/visits/${visit.id}`}>
    <span class="who"><b>${day(visit.plugged_in_at)}</b> <span class="quiet">${clock(visit.plugged_in_at)}</span></span>
    <span class="amount"><b>${energy(visit.kwh)}</b> <span class="quiet">${share == null ? "" : t("visits.solar", { share: percent(share) })}</span></span>
    <${SourceBar} kwh=${kwhOf(visit)} most=${most} slim />
    <span class="note quiet">${[visit.plugged_out_at ? lengthOf(visit) : t("visits.now"), visit.vehicle, visit.wallbox || t("visits.elsewhere"), !visit.managed && visit.wallbox && t("visits.unmanaged"),
      visit.cost != null && money(visit.cost), visit.saved > 0 && t("visits.saved_much", { amount: money(visit.saved) }),
      visit.judged > 0 && t("visits.obeyed", { n: visit.obeyed, all: visit.judged })].filter(Boolean).join(" · ")}
      ${visit.anomalies.length > 0 && html`<em><${Icon} name="alarm" size="16" />${oddWords(visit.anomalies[0])}${visit.anomalies.length > 1 ? ` (+${visit.anomalies.length - 1})` : ""}</em>`}</span>
  </a></li>`;
}

/** What was odd, as a sentence of its own. */
function oddWords({ texts, category }) {
  const text = texts[language] ?? texts.en ?? category;
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;
}

/** One visit: its figures, its chart, and why everything happened. */
export function VisitView({ id, news }) {
  const { visit, decisions, commands, history, from, to, problem } = useVisit(id, news);
  if (!visit) return html`<main class="page" id="main" tabindex="-1"><${Back} /><p class="problem" role="alert">${problem}</p></main>`;
  const judged = commands.filter((one) => one.final && one.outcome !== "unverified");
  const obeyed = judged.filter((one) => one.outcome === "applied").length;
  return html`<main class="page" id="main" tabindex="-1">
    <${Back} />
    <header class="title"><h1>${day(visit.plugged_in_at)}, ${clock(visit.plugged_in_at)}</h1></header>
    <p class="quiet">${[visit.vehicle, visit.wallbox || t("visits.elsewhere"), lengthOf(visit), visit.managed || !visit.wallbox ? "" : t("visits.unmanaged")].filter(Boolean).join(" · ")}</p>
    ${visit.anomalies.map((one) => html`<p key=${one.category + one.begin} class="finding"><${Icon} name="alarm" size="18" /><span>
      <b>${t("odd.span", { from: clock(one.begin), to: clock(one.end) })}</b> ${oddWords(one)}
      <span class="quiet">${one.advice[language] ?? one.advice.en ?? ""}</span></span></p>`)}
    <div class="facts">
      <p><b class="big">${energy(visit.kwh)}</b><span class="quiet">${t("visit.energy")}</span></p>
      ${visit.cost != null && html`<p><b class="big">${money(visit.cost)}</b><span class="quiet">${visit.saved != null ? t("visit.saved", { amount: money(visit.saved) }) : t("visit.cost")}</span></p>`}
      <${Carbon} caused=${visit.co2_g} saved=${visit.co2_saved_g} />
      ${judged.length > 0 && html`<p><b class="big">${t("visit.obeyed", { n: obeyed, all: judged.length })}</b><span class="quiet">${t("visit.obeyed_about")}</span></p>`}
    </div>
    <${SourceBar} kwh=${kwhOf(visit)} />
    <section><h2>${t("visit.power")}</h2>
      <${Chart} history=${history} decisions=${decisions} commands=${commands} from=${from} to=${to} at=${now()} odd=${visit.anomalies} /><${Totals} history=${history} /></section>
    ${visit.blocks.length > 0 && html`<section><h2>${t("visit.blocks")}</h2><${Blocks} blocks=${visit.blocks} /></section>`}
    ${visit.cloud && html`<${CloudVerdict} verdict=${visit.cloud} own=${visit.anomalies} />`}
    <section><h2>${t("timeline.title")}</h2><${Timeline} decisions=${decisions} commands=${commands} /></section>
    ${visit.wallbox && history?.points.length > 1 && html`<${WhatIf} id=${id} />`}
    <p class="buttons apart"><a class="pill" href=${`api/sessions/${visit.id}.csv`} download>${t("visits.csv")}</a></p>
  </main>`;
}

/** Blocks of one kind that follow each other within minutes, as one: what lies between is a change of phases. */
function joined(blocks) {
  const rows = [];
  for (const block of blocks) {
    const last = rows.at(-1);
    if (last?.end && last.type === block.type && Date.parse(block.start) - Date.parse(last.end) < SHORT_BREAK_MS) rows[rows.length - 1] = { ...block, start: last.start, kwh: last.kwh + block.kwh };
    else rows.push(block);
  }
  return rows;
}

/** When a visit charged, and why then. */
function Blocks({ blocks }) {
  const [all, setAll] = useState(false);
  const rows = joined(blocks);
  const days = day(rows[0].start) !== day(rows.at(-1).start);
  return html`<ul class="blocks">${(all ? rows : rows.slice(0, FIRST_BLOCKS)).map((one) => html`<li key=${one.start}>
      <b>${days ? `${weekday(one.start)} ` : ""}${clock(one.start)} – ${one.end ? clock(one.end) : t("block.running")}</b><span class="quiet">${t(`block.done.${one.type}`)}</span><span>${energy(one.kwh)}</span></li>`)}</ul>
    ${rows.length > FIRST_BLOCKS && html`<div class="buttons"><button class="pill" aria-expanded=${all} onClick=${() => setAll(!all)}>${all ? t("timeline.less") : t("timeline.all", { n: rows.length })}</button></div>`}`;
}

const Back = () => html`<a class="back" href="#/visits"><${Icon} name="back" size="18" />${t("nav.visits")}</a>`;
