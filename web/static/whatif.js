// "What if": the visit once more under other settings, and what would have been different.

import { html, useState } from "./vendor/htm-3.1.1-preact-standalone.js";
import { call } from "./asking.js";
import { duration, energy, money, plain, t } from "./words.js";

const BUDGETS = [["steering.stop_budget_wh", "stop", 150, 5, 30], ["steering.start_budget_wh", "start", 60, 2, 10]];
const MODES = ["solar", "min+solar", "fast"];

/** "2 starts fewer", "0.4 kWh more from the grid": what differs enough to be told. */
function differences({ now, then }) {
  const counts = [["starts", then.starts - now.starts], ["switches", then.phase_switches - now.phase_switches]]
    .filter(([, n]) => n !== 0)
    .map(([what, n]) => t(`whatif.${what}_${n < 0 ? "fewer" : "more"}`, { n: plain(Math.abs(n)) }));
  const energies = [["grid", then.grid_kwh - now.grid_kwh], ["solar", then.solar_kwh - now.solar_kwh], ["battery", then.battery_kwh - now.battery_kwh]]
    .filter(([, kwh]) => Math.abs(kwh) >= 0.05)
    .map(([what, kwh]) => t(`whatif.${what}_${kwh < 0 ? "less" : "more"}`, { kwh: energy(Math.abs(kwh)) }));
  const eur = now.cost == null || then.cost == null ? 0 : then.cost - now.cost;
  const cost = Math.abs(eur) < 0.01 ? [] : [t(`whatif.cost_${eur < 0 ? "less" : "more"}`, { amount: money(Math.abs(eur)) })];
  return [...counts, ...energies, ...cost];
}

export function WhatIf({ id }) {
  const [asked, setAsked] = useState({});
  const [found, setFound] = useState(null); // {waiting} or {page} or {problem}
  const set = (key, value) => setAsked((before) => ({ ...before, [key]: value }));
  async function play(event) {
    event.preventDefault();
    setFound({ waiting: true });
    try {
      setFound({ page: await call("POST", `api/sessions/${encodeURIComponent(id)}/what-if`, asked) });
    } catch (error) {
      setFound({ problem: error.message });
    }
  }
  return html`<section class="what-if"><h2>${t("whatif.title")}</h2>
    <p class="quiet">${t("whatif.about")}</p>
    <form onSubmit=${play}>
      ${BUDGETS.map(([key, name, max, step, usual]) => html`<label key=${key} class="field"><span>${t(`whatif.${name}`)}
          <b>${asked[key] == null ? t("whatif.as_now") : `${plain(asked[key])}\u00a0Wh`}</b></span>
        <input type="range" min="0" max=${max} step=${step} value=${asked[key] ?? usual} onInput=${(e) => set(key, Number(e.target.value))} /></label>`)}
      <label class="field">${t("whatif.mode")}<select onChange=${(e) => set("wallbox.mode", e.target.value || undefined)}>
        <option value="">${t("whatif.as_was")}</option>
        ${MODES.map((mode) => html`<option key=${mode} value=${mode}>${t(`mode.${mode}`)}</option>`)}</select></label>
      <div class="buttons"><button class="main" type="submit" disabled=${found?.waiting}>${t("whatif.play")}</button></div>
    </form>
    <div role="status">${found?.waiting && html`<p class="quiet">${t("whatif.waiting")}</p>`}
      ${found?.problem && html`<p class="problem">${found.problem}</p>`}
      ${found?.page && html`<${Found} page=${found.page} />`}</div>
  </section>`;
}

function Found({ page }) {
  const told = differences(page);
  const rows = [["whatif.starts", "starts", plain], ["whatif.switches", "phase_switches", plain], ["whatif.commands", "commands", plain],
    ["source.solar", "solar_kwh", energy], ["source.battery", "battery_kwh", energy], ["source.grid", "grid_kwh", energy], ["whatif.cost", "cost", money]]
    .filter(([, name]) => page.now[name] || page.then[name]);
  return html`<p class="found">${told.length ? t("whatif.found", { differences: told.join(", ") }) : t("whatif.same")}</p>
    <table><thead><tr><td></td><th scope="col">${t("whatif.now")}</th><th scope="col">${t("whatif.then")}</th></tr></thead>
      <tbody>${rows.map(([label, name, write]) => html`<tr key=${name}><th scope="row">${t(label)}</th>
        <td>${write(page.now[name])}</td><td>${write(page.then[name])}</td></tr>`)}</tbody></table>
    ${!page.whole && html`<p class="quiet">${t("whatif.part", { time: duration(page.hours * 3600) })}</p>`}`;
}
