// The flow: sun, battery, grid and cars around the house. The numbers are the truth; the dots only decorate.

import { html, useEffect, useRef } from "./vendor/htm-3.1.1-preact-standalone.js";
import { path } from "./icons.js";
import { duration, percent, power, t } from "./words.js";

const STILL_W = 15; // below this nothing visibly flows
const RADIUS = 38;
const HOUSE = [180, 182];
const PLACES = { sun: [180, 60], grid: [46, 182], battery: [314, 182] };
const CARS = { 1: [[180, 304]], 2: [[104, 296], [256, 296]], 3: [[60, 288], [180, 304], [300, 288]] };
const SLOTS = 6; // dots before the pattern of sources repeats
const GAP = 15;

const width = (watts) => 2 + Math.min(Math.sqrt(Math.abs(watts)) / 13, 8);

/** The line from one node's rim to the other's. */
function line([x1, y1], [x2, y2]) {
  const length = Math.hypot(x2 - x1, y2 - y1);
  const [dx, dy] = [((x2 - x1) / length) * RADIUS, ((y2 - y1) / length) * RADIUS];
  return `M${x1 + dx} ${y1 + dy}L${x2 - dx} ${y2 - dy}`;
}

/** How many of the SLOTS each source gets; the largest first, together all of them. */
function shares(mix, watts) {
  const parts = [["sun", mix?.solar_w ?? 0], ["battery", mix?.battery_w ?? 0], ["grid", mix?.grid_w ?? 0]];
  const total = parts.reduce((sum, [, w]) => sum + w, 0) || watts;
  const slots = parts.map(([kind, w]) => [kind, Math.round((w / total) * SLOTS)]).filter(([, n]) => n > 0);
  return slots.length ? slots : [["car", SLOTS]];
}

/** Dots that travel along a line; each source has its own slots of one repeating pattern. */
function Dots({ d, watts, parts }) {
  const group = useRef();
  const still = Math.abs(watts) < STILL_W;
  useEffect(() => {
    const rate = 0.35 + Math.min(Math.sqrt(Math.abs(watts)) / 60, 1.6);
    for (const dot of group.current?.children ?? [])
      for (const motion of dot.getAnimations?.() ?? []) motion.updatePlaybackRate(rate);
  }, [watts]);
  if (still) return null;
  let slot = 0;
  return html`<g ref=${group}>
    ${parts.map(([kind, count]) => {
      const dashes = "0 " + `${GAP} 0 `.repeat(count - 1) + (SLOTS - count + 1) * GAP;
      const shift = -slot * GAP;
      slot += count;
      return html`<path
        key=${kind}
        class=${`dots ${kind}`}
        d=${d}
        style=${{ strokeWidth: Math.max(3, width(watts) - 2), strokeDasharray: dashes, "--shift": shift }}
      />`;
    })}
  </g>`;
}

function Stream({ from, to, watts, kind, parts }) {
  const d = watts >= 0 ? line(from, to) : line(to, from);
  return html`
    <path class=${`wire ${kind}`} d=${d} style=${{ strokeWidth: Math.abs(watts) < STILL_W ? 1.5 : width(watts) }} />
    <${Dots} d=${d} watts=${watts} parts=${parts ?? [[kind, SLOTS]]} />
  `;
}

function Node({ at: [x, y], kind, label, watts, stale, idle, above }) {
  const quiet = idle || (watts != null && Math.abs(watts) < STILL_W);
  return html`<g class=${`node ${kind} ${stale ? "stale" : ""} ${quiet ? "quiet" : ""}`} transform=${`translate(${x} ${y})`}>
    <circle r=${RADIUS} />
    <path class="picture" d=${path(kind)} transform="translate(-10 -26) scale(.84)" />
    <text class="value" y="17">${size(watts)}</text>
    ${label && html`<text class="label" y=${above ? -RADIUS - 9 : RADIUS + 17}>${label}</text>`}
  </g>`;
}

function gridWords(watts) {
  if (watts == null) return t("flow.grid");
  if (Math.abs(watts) < STILL_W) return t("flow.grid");
  return watts > 0 ? t("flow.from_grid") : t("flow.to_grid");
}

const size = (watts) => power(watts == null ? null : Math.abs(watts));

/** A number that is old says so. */
const ago = (meter) => (meter.power_w == null ? t("flow.silent") : t("devices.ago", { time: duration(meter.age_s) }));

function batteryWords(meter) {
  const level = meter.soc_pct == null ? "" : ` · ${percent(meter.soc_pct)}`;
  if (meter.power_w == null || Math.abs(meter.power_w) < STILL_W) return t("flow.battery") + level;
  return (meter.power_w > 0 ? t("flow.from_battery") : t("flow.to_battery")) + level;
}

function carWords(name, box, many) {
  const who = many ? name : t("flow.car");
  const level = box.soc_now_pct ?? box.soc_pct;
  return level == null ? who : `${who} · ${percent(level)}`;
}

/** The meters of one role as one: powers add up, one that is silent makes all of them doubtful. */
function together(meters, role) {
  const some = Object.entries(meters).filter(([name, meter]) => (meter.role ?? name.split("_")[0]) === role);
  if (!some.length) return null;
  const known = some.map(([, meter]) => meter).filter((meter) => meter.power_w != null);
  return {
    power_w: known.length ? known.reduce((sum, meter) => sum + meter.power_w, 0) : null,
    ok: some.every(([, meter]) => meter.ok),
    age_s: known.length ? Math.max(...known.map((meter) => meter.age_s ?? 0)) : null,
    soc_pct: some.map(([, meter]) => meter.soc_pct).find((level) => level != null),
  };
}

/** "Age: Grid 1 s, Sun 1 s, garage 3 s": how old the numbers are. */
function ages({ meters, wallboxes }) {
  const known = ["grid", "pv", "battery"].map((role) => [t(`flow.${role === "pv" ? "sun" : role}`), together(meters, role)?.age_s]);
  const boxes = Object.entries(wallboxes).map(([name, box]) => [name, box.sample_age_s]);
  const told = [...known, ...boxes].filter(([, age]) => age != null).map(([name, age]) => `${name} ${duration(age)}`);
  return told.length ? t("flow.ages", { list: told.join(", ") }) : "";
}

export function Flow({ state }) {
  const [grid, pv, battery] = ["grid", "pv", "battery"].map((role) => together(state.meters, role));
  const boxes = Object.entries(state.wallboxes).slice(0, 3);
  const beside = !battery && boxes.length === 1; // then the car takes the battery's place
  const places = beside ? [PLACES.battery] : (CARS[boxes.length] ?? []);
  const told = [
    pv && `${t("flow.sun")} ${power(pv.power_w)}`,
    grid && `${gridWords(grid.power_w)} ${size(grid.power_w)}`,
    battery && `${batteryWords(battery)} ${size(battery.power_w)}`,
    `${t("flow.house")} ${power(state.house_w)}`,
    ...boxes.map(([name, box]) => `${carWords(name, box, boxes.length > 1)} ${power(box.power_w)}`),
  ];
  return html`<section class="flow" aria-label=${t("flow.title")}>
    <svg viewBox="0 0 360 ${boxes.length && !beside ? 368 : 248}" role="img" aria-label=${told.filter(Boolean).join(", ")}>
      ${pv && html`<${Stream} from=${PLACES.sun} to=${HOUSE} watts=${pv.power_w ?? 0} kind="sun" />`}
      ${grid && html`<${Stream} from=${PLACES.grid} to=${HOUSE} watts=${grid.power_w ?? 0} kind="grid" />`}
      ${battery && html`<${Stream} from=${PLACES.battery} to=${HOUSE} watts=${battery.power_w ?? 0} kind="battery" />`}
      ${boxes.map(([name, box], i) => html`
        <${Stream} key=${name} from=${HOUSE} to=${places[i]} watts=${box.power_w ?? 0} kind="car" parts=${shares(box.mix, box.power_w)} />
      `)}
      ${pv && html`<${Node} at=${PLACES.sun} kind="sun" label=${pv.ok ? t("flow.sun") : ago(pv)} watts=${pv.power_w} stale=${!pv.ok} above />`}
      ${grid && html`<${Node} at=${PLACES.grid} kind="grid" label=${grid.ok ? gridWords(grid.power_w) : ago(grid)} watts=${grid.power_w} stale=${!grid.ok} />`}
      ${battery && html`<${Node} at=${PLACES.battery} kind="battery" label=${battery.ok ? batteryWords(battery) : ago(battery)} watts=${battery.power_w} stale=${!battery.ok} />`}
      <${Node} at=${HOUSE} kind="house" watts=${state.house_w} stale=${grid && !grid.ok} />
      ${boxes.map(([name, box], i) => html`
        <${Node} key=${name} at=${places[i]} kind="car" label=${carWords(name, box, boxes.length > 1)}
          watts=${box.connected ? box.power_w : null} idle=${!box.plugged} stale=${!box.connected} />
      `)}
    </svg>
    <p class="ages quiet">${ages(state)}</p>
  </section>`;
}
