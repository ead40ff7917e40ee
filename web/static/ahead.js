// The plan: what lies ahead of each car, what it rests on, and what would change it.

import { html, useState } from "./vendor/htm-3.1.1-preact-standalone.js";
import { call } from "./asking.js";
import { useWidth } from "./chart.js";
import { live, now } from "./live.js";
import { usePlan } from "./past.js";
import { blocksOf, priceBars } from "./plan.js";
import { ReadyBy, readyWords } from "./ready.js";
import { planStory } from "./story.js";
import { TellLevel } from "./visit.js";
import { clock, energy, midnight, money, percent, t, tickPower, weekday, when } from "./words.js";

const HOUR = 3_600_000;
const QUARTER = 900_000;
const SHORTEST = 12 * HOUR;
const LONGEST = 36 * HOUR;
const PAD = { left: 44, right: 2 };
const POWERS = { top: 14, height: 130 };
const PRICES = { top: 164, height: 84 };
const HEIGHT = 272;

export function Ahead({ state }) {
  const plan = usePlan(state);
  const boxes = Object.entries(state.wallboxes).filter(([, box]) => box.steer);
  return html`<main class="page" id="main" tabindex="-1">
    <header class="title"><h1>${t("nav.plan")}</h1></header>
    <div class="ahead"><div>${boxes.map(([name, box]) => html`<${BoxPlan} key=${name} name=${name} box=${box} plan=${plan?.wallboxes[name]} alone=${boxes.length === 1} />`)}
    ${boxes.length === 0 && html`<p class="why">${t("say.no_wallbox")}</p>`}</div>
    ${plan && html`<section><h2>${t("ahead.hours")}</h2><${Hours} plan=${plan} boxes=${boxes} /></section>`}</div>
  </main>`;
}

/** What one car is going to get, and why then. */
function BoxPlan({ name, box, plan, alone }) {
  const [problem, setProblem] = useState("");
  const path = `api/wallboxes/${encodeURIComponent(name)}/target`;
  const ask = (method, body) => call(method, path, body).then(() => setProblem(""), (error) => setProblem(error.message));
  const blocks = (plan?.blocks ?? []).filter((block) => Date.parse(block.end) > now());
  return html`<section class="box-plan">
    ${!alone && html`<h2 class="eyebrow">${name}</h2>`}
    <div class="live"><p class="say plan-say">${box.target_pct ? readyWords(box) : t("ahead.no_target")}</p>
    <p class="why">${whyOf(box, plan)}</p></div>
    ${blocks.length > 0 && html`<ul class="blocks live">${blocks.map((block) => html`<${Row} key=${block.start} block=${block} />`)}</ul>`}
    ${!live.guest && html`<div class="buttons"><${ReadyBy} box=${box} save=${(body) => ask("PUT", body)} clear=${() => ask("DELETE")} text=${t(box.target_pct ? "ahead.change" : "ready.none")} /></div>`}
    <p class="problem" role="alert">${problem}</p>
    <h3>${t("ahead.changes")}</h3>
    <ul class="changes">${changesOf(box, plan).map((line, n) => html`<li key=${n}>${line}</li>`)}</ul>
  </section>`;
}

function whyOf(box, plan) {
  if (plan) return planStory(plan);
  if (!box.plugged) return t("ahead.unplugged");
  return t(box.mode === "fast" ? "ahead.fast" : box.mode === "off" ? "ahead.off" : "ahead.sun_only");
}

function Row({ block }) {
  const running = Date.parse(block.start) <= now();
  return html`<li><b>${when(block.start)} – ${clock(block.end)}</b>
    <span class="quiet">${t(`block.${block.type}`)}${running ? ` · ${t("block.running")}` : ""}</span>
    <span>${energy(block.kwh)}</span><span class="quiet">${block.cost == null ? "" : t("ahead.about", { cost: money(block.cost) })}</span></li>`;
}

/** What the plan rests on, so what would turn it. */
function changesOf(box, plan) {
  const story = plan?.story;
  const unknown = box.vehicle && box.plugged && box.soc_pct == null;
  return [
    unknown && html`${t("ahead.by_level", { soc: percent(story?.soc_pct) })} ${!live.guest && html`<${TellLevel} vehicle=${box.vehicle} text=${t("level.unknown")} />`}`,
    story && story.priced_h < story.all_h - 0.01 && t(story.priced_h > 0 ? "ahead.by_prices" : "ahead.no_prices"),
    plan && box.mode !== "fast" && t("ahead.by_sun"),
    t("ahead.by_target"),
    box.plugged && t("ahead.by_boost"),
  ].filter(Boolean);
}

/** The hours ahead: what is planned and what the sun is expected to leave, and under it the price. */
function Hours({ plan, boxes }) {
  const [ref, width] = useWidth();
  const at = now();
  const blocks = blocksOf(plan, at);
  const quarters = plan.quarters.map((one) => ({ ...one, at: Date.parse(one.start) })).filter((one) => one.at + QUARTER > at - HOUR);
  const goals = boxes.map(([name, box]) => ({ name, at: Date.parse(box.ready_by) })).filter((one) => one.at > at);
  const last = Math.max(at + SHORTEST, ...blocks.map((one) => one.to), ...goals.map((one) => one.at + HOUR), ...quarters.filter((one) => one.import_eur_per_kwh != null).map((one) => one.at + QUARTER));
  const from = at - HOUR / 2;
  const to = Math.min(last, at + LONGEST);
  const x = (moment) => PAD.left + ((moment - from) / (to - from)) * (width - PAD.left - PAD.right);
  const inside = quarters.filter((one) => one.at < to);
  const words = blocks.map((one) => `${when(one.start)} – ${clock(one.end)}: ${energy(one.kwh)}`).join("; ");
  return html`<div class="chart live" ref=${ref}><svg width=${width} height=${HEIGHT} viewBox="0 0 ${width} ${HEIGHT}" role="img" aria-label=${words || t("ahead.nothing")}>
    <${Powers} blocks=${blocks} quarters=${inside} x=${x} width=${width} at=${at} to=${to} />
    <${PriceBars} quarters=${inside} x=${x} from=${from} to=${to} width=${width} />
    ${ticks(from, to, width).map(([moment, text, bold]) => html`<text key=${moment} class=${bold ? "tick bold" : "tick"} x=${x(moment)} y=${HEIGHT - 4} text-anchor="middle">${text}</text>`)}
    <g class="present"><line x1=${x(at)} x2=${x(at)} y1=${POWERS.top} y2=${HEIGHT - 20} /><text class="tick" x=${x(at) + 5} y=${POWERS.top + 9}>${t("today.now")}</text></g>
    ${goals.filter((one) => one.at < to).map((one) => html`<g key=${one.name} class="goal"><line x1=${x(one.at)} x2=${x(one.at)} y1=${POWERS.top} y2=${HEIGHT - 20} />
      <text class="tick" x=${x(one.at) + (x(one.at) < width / 2 ? 5 : -5)} y=${POWERS.top + POWERS.height + 14} text-anchor=${x(one.at) < width / 2 ? "start" : "end"}>${t("ahead.goal", { at: clock(one.at) })}</text></g>`)}
  </svg></div>`;
}

function Powers({ blocks, quarters, x, width, at, to }) {
  const sun = quarters.filter((one) => one.surplus_w != null && x(one.at + QUARTER) > PAD.left);
  const most = Math.max(2000, ...blocks.map((one) => one.watts), ...sun.map((one) => one.surplus_w)) * 1.15;
  const floor = POWERS.top + POWERS.height;
  const y = (watts) => floor - (Math.min(watts, most) / most) * POWERS.height;
  const line = [1000, 2000, 5000, 10_000, 20_000].find((step) => most / step <= 3.5) ?? 50_000;
  const area = sun.length > 1 && `M${Math.max(x(sun[0].at), PAD.left)} ${floor}${sun.map((one) => `L${Math.max(x(one.at), PAD.left)} ${y(Math.max(one.surplus_w, 0))}H${Math.min(x(one.at + QUARTER), width - PAD.right)}`).join("")}V${floor}Z`;
  return html`<g>
    ${[1, 2, 3].map((n) => n * line).filter((w) => w < most).map((w) => html`<g key=${w} class="axis"><line x1=${PAD.left} x2=${width} y1=${y(w)} y2=${y(w)} />
      <text class="tick" x=${PAD.left - 6} y=${y(w) + 4} text-anchor="end">${tickPower(w)}</text></g>`)}
    <g class="axis zero"><line x1=${PAD.left} x2=${width} y1=${floor} y2=${floor} /></g>
    ${area && html`<path class="expected" d=${area} />`}
    ${area && html`<text class="tick" x=${Math.max(x(sun.reduce((a, b) => (b.surplus_w > a.surplus_w ? b : a)).at), PAD.left + 40)} y=${y(Math.max(...sun.map((one) => one.surplus_w))) - 5} text-anchor="middle">${t("ahead.sun")}</text>`}
    ${blocks.filter((one) => one.from < to).map((one) => {
      const [left, right] = [x(Math.max(one.from, at)), Math.min(x(one.to), width)];
      return html`<g key=${one.name + one.start} class="planned"><rect x=${left} y=${y(one.watts)} width=${Math.max(right - left, 2)} height=${Math.max(floor - y(one.watts), 2)} rx="2" />
        <text x=${(left + right) / 2} y=${Math.max(y(one.watts) - 5, 9)}>${energy(one.kwh)}</text></g>`;
    })}
    ${!blocks.length && !area && html`<text class="tick" x=${PAD.left + 8} y=${floor - 10}>${t("ahead.nothing")}</text>`}
  </g>`;
}

function PriceBars({ quarters, x, from, to, width }) {
  const rows = quarters.map((one) => ({ at: one.at, price: one.import_eur_per_kwh })).filter((one) => one.price != null && one.at + QUARTER > from);
  if (!rows.length) return html`<text class="tick" x=${PAD.left + 8} y=${PRICES.top + 40}>${t("ahead.no_prices")}</text>`;
  const prices = rows.map((one) => one.price);
  const [least, most] = [Math.min(...prices), Math.max(...prices)];
  const floor = Math.min(0, least);
  const base = PRICES.top + PRICES.height;
  const y = (price) => base - ((price - floor) / Math.max(most - floor, 0.01)) * (PRICES.height - 16);
  const flat = most - least < 0.0005;
  const cheap = flat ? most + 1 : least + (most - least) * 0.25;
  const known = rows.at(-1).at + QUARTER;
  const bars = priceBars(rows.map((one) => ({ ...one, look: one.price <= cheap && !flat ? "cheap" : "" })), x, from, to);
  return html`<g class="prices">
    <text class="tick" x=${PAD.left - 6} y=${PRICES.top + 14} text-anchor="end">${money(most)}</text>
    ${!flat && html`<text class="tick" x=${PAD.left - 6} y=${y(least) + 4} text-anchor="end">${money(least)}</text>`}
    ${bars.map(({ at, end, look, left, wide, price }) => html`<rect key=${at} class=${look} x=${left} y=${y(price)}
      width=${wide} height=${Math.max(base - y(price), 1)}><title>${clock(at)} – ${clock(end)} ${money(price)}</title></rect>`)}
    ${known < to - HOUR && html`<text class="tick" x=${Math.min(x(known) + 6, width - 60)} y=${base - 8}>${t("ahead.unknown")}</text>`}
  </g>`;
}

/** Full hours that have room; a midnight carries its day. */
function ticks(from, to, width) {
  const every = [1, 2, 3, 4, 6, 12].find((n) => ((n * HOUR) / (to - from)) * width >= 56) ?? 24;
  const found = [];
  for (let h = midnight(from); h < to; h += every * HOUR) {
    const zero = clock(h) === "00:00";
    if (h > from + HOUR / 2 && h < to - HOUR / 2) found.push([h, zero ? weekday(h) : clock(h), zero]);
  }
  return found;
}
