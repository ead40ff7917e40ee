// Who outside the house is told: how they do, what they refused, and what a cloud thinks of a visit.

import { html, useEffect, useState } from "./vendor/htm-3.1.1-preact-standalone.js";
import { call } from "./asking.js";
import { Head } from "./facts.js";
import { Icon } from "./icons.js";
import { live } from "./live.js";
import { clock, percent, say, t, when } from "./words.js";

const LOOK_MS = 15_000;
const RECEIVERS = { analysis: "told.analysis", summaries: "told.summaries", telemetry: "told.telemetry" };
const KINDS = { visit: "told.kind.visit", batch: "told.kind.batch", "station.anomaly_detected": "told.kind.station" };

const receiver = (lane) => t(RECEIVERS[lane] ?? "told.webhook");
const thing = (letter) => t(KINDS[letter.kind] ?? "told.kind.summary");

/** Every receiver with its lane; what was refused can be sent again. Nothing at all where nobody is told. */
export function Told() {
  const [page, setPage] = useState(null);
  const [said, setSaid] = useState("");
  const look = () => call("GET", "api/cloud").then(setPage, () => setPage(null));
  useEffect(() => {
    if (live.guest) return undefined;
    look();
    const timer = setInterval(look, LOOK_MS);
    return () => clearInterval(timer);
  }, []);
  async function again(path) {
    const words = await call("POST", path).then((answer) => t("told.sent", { n: answer.count }), (error) => error.message);
    await look();
    setSaid(words);
  }
  if (!page?.lanes.length) return null;
  return html`<section id="told"><h2>${t("told.title")}</h2>
    <ul class="devices">${page.lanes.map((lane) => html`<${Lane} key=${lane.lane} lane=${lane} />`)}</ul>
    <p role="status" class="quiet">${said}</p>
    ${page.letters.length > 0 && html`<h3>${t("told.refused")}</h3><p class="quiet">${t("told.refused_about")}</p>
      <ul class="faults">${page.letters.map((one) => html`<${Letter} key=${one.id} one=${one} again=${again} />`)}</ul>
      ${page.letters.length > 1 && html`<p class="buttons"><button class="pill" onClick=${() => again("api/cloud/retry")}>${t("told.all_again")}</button></p>`}`}
  </section>`;
}

function Lane({ lane }) {
  const ok = !lane.failing_since && !lane.given_up;
  const waits = lane.waiting ? t("told.waits", { n: lane.waiting, since: when(lane.oldest) }) : t("told.nothing_waits");
  const last = lane.answered ? t("told.last", { at: when(lane.answered) }) : t("told.never");
  const state = lane.given_up ? t("told.given_up", { at: when(lane.given_up) }) : lane.failing_since ? t("told.failing", { at: when(lane.failing_since) }) : t("told.well");
  return html`<li><${Head} icon="devices" name=${receiver(lane.lane)} ok=${ok} text=${state} />
    <div class="body"><p>${lane.address}</p><p class="quiet">${waits} · ${last}</p>
      ${!ok && html`<p class="doubt"><${Icon} name="alarm" size="16" />${say(lane.answer)}</p>`}</div></li>`;
}

function Letter({ one, again }) {
  const what = `${receiver(one.lane)}: ${thing(one)}`;
  return html`<li><b>${one.visit_id && one.kind !== "batch" ? html`<a href=${`#/visits/${one.visit_id}`}>${what}</a>` : what}</b> <span class="quiet">${when(one.time)}</span>
    <p>${say(one.answer)}</p>
    <button class="pill" onClick=${() => again(`api/cloud/letters/${one.id}/retry`)}>${t("told.again")}</button></li>`;
}

/** Beside what was found here, what a cloud says of the same visit. */
export function CloudVerdict({ verdict, own }) {
  const here = own.length ? t("told.verdict.odd", { n: own.length }) : t("told.verdict.nothing");
  const share = verdict.score == null ? "" : ` (${t("told.verdict.score", { score: percent(verdict.score * 100) })})`;
  const words = verdict.is_anomaly == null ? t("told.verdict.pending") : verdict.is_anomaly ? `${t("told.verdict.anomaly")}${share}` : `${t("told.verdict.nothing")}${share}`;
  return html`<section><h2>${t("told.verdict.title")}</h2><dl class="proof">
    <div><dt>${t("told.verdict.here")}</dt><dd>${here}</dd></div>
    <div><dt>${t("told.verdict.cloud")}</dt><dd>${[words, ...verdict.anomalies.map(place)].join("; ")}</dd></div></dl>
    <p class="quiet">${t("told.verdict.received", { at: when(verdict.received) })}</p></section>`;
}

/** In the cloud's own words, which are open. */
const place = ({ category, begin, end }) =>
  category.toLowerCase().replaceAll("_", " ") + (begin && end ? ` ${clock(begin)} – ${clock(end)}` : "");
