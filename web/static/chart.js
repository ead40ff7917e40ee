// A day as areas: above the line where the sun went, below it what had to come from elsewhere. Decisions stand under it.

import { html, useLayoutEffect, useMemo, useRef, useState } from "./vendor/htm-3.1.1-preact-standalone.js";
import { evidenceWords } from "./alarm.js";
import { told } from "./sentence.js";
import { Verdict, decisionIcon, intent, isBad } from "./verdict.js";
import { Icon } from "./icons.js";
import { Planned, Prices, blocksOf } from "./plan.js";
import { clock, energy, midnight, power, powerWords, shortDay, t, tickPower, weekday } from "./words.js";

const LOW = 220;
const TALL = 320; // where there is room beside it, there is room above it
const ROOMY = 760;

export const heightOf = (width) => (width > ROOMY ? TALL : LOW);

const PAD = { top: 10, right: 2, bottom: 20, left: 38 };
const HOUR = 3_600_000;

// What is stacked from the line outward, and with which class it is drawn.
export const UP = [["pv_house_w", "house"], ["pv_car_w", "car"], ["pv_battery_w", "battery"], ["pv_grid_w", "grid"]];
export const DOWN = [["grid_house_w", "house"], ["grid_car_w", "car"], ["grid_battery_w", "battery"]];
export const STORED = [["battery_house_w", "house"], ["battery_car_w", "car"]];

export const sum = (point, rows) => rows.reduce((total, [key]) => total + (point[key] ?? 0), 0);

export function useWidth() {
  const ref = useRef();
  const [width, setWidth] = useState(280);
  useLayoutEffect(() => {
    const measured = (px) => setWidth(Math.max(Math.round(px), 160)); // a hidden page has no width at all
    measured(ref.current.clientWidth); // before it is painted for the first time
    const watch = new ResizeObserver(([entry]) => measured(entry.contentRect.width));
    watch.observe(ref.current);
    return () => watch.disconnect();
  }, []);
  return [ref, width];
}

/** Rows of points without a gap in time, so that an outage stays white. */
function runs(points, step_s) {
  const rows = [];
  for (const point of points) {
    const at = Date.parse(point.time);
    const row = rows.at(-1);
    if (row && at - row.at(-1).at <= step_s * 2500) row.push({ ...point, at });
    else rows.push([{ ...point, at }]);
  }
  return rows;
}

function area(row, x, y, low, high) {
  const top = row.map((p) => `${x(p.at)} ${y(high(p))}`);
  const bottom = row.map((p) => `${x(p.at)} ${y(low(p))}`).reverse();
  return `M${top.join("L")}L${bottom.join("L")}Z`;
}

function layers(row, rows, x, y, sign, already = () => 0) {
  return rows.map(([key, kind], index) => {
    const below = rows.slice(0, index);
    const low = (p) => sign * (already(p) + sum(p, below));
    return { kind, key, d: area(row, x, y, low, (p) => low(p) + sign * (p[key] ?? 0)) };
  });
}

/** Where an area is thick enough over some width to carry its own name. */
function labels(points, rows, x, y) {
  if (points.length < 2) return [];
  const step = (x(Date.parse(points.at(-1).time)) - x(Date.parse(points[0].time))) / (points.length - 1);
  return rows.flatMap(([key, kind], index) => {
    const around = Math.ceil((t(`sink.${kind}`).length * 3.5 + 4) / step);
    let best = { thick: 20 };
    for (let n = around; n < points.length - around; n++) {
      const near = points.slice(n - around, n + around + 1);
      const thick = Math.min(...near.map((p) => y(0) - y(p[key] ?? 0)));
      if (thick > best.thick) best = { thick, n };
    }
    if (best.n === undefined) return [];
    const point = points[best.n];
    const middle = sum(point, rows.slice(0, index)) + (point[key] ?? 0) / 2;
    return [{ kind, left: x(Date.parse(point.time)), top: y(middle) + 4 }];
  });
}

/** A step of the axis that gives three to five lines. */
export function stepOf(size) {
  for (const step of [250, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000]) if (size / step <= 5.5) return step;
  return 100_000;
}

/** Where the time axis is labelled: full hours, or midnights when it is long. */
function timeTicks(from, to, width) {
  const every = [0.25, 0.5, 1, 2, 3, 4, 6, 12].find((n) => ((n * HOUR) / (to - from)) * width >= 56);
  const ticks = [];
  const first = midnight(from);
  const long = to - from > 26 * HOUR; // then a midnight carries its day
  if (every) {
    for (let h = first + Math.ceil((from - first) / HOUR / every) * every * HOUR; h <= to; h += every * HOUR) ticks.push([h, long && clock(h) === "00:00" ? weekday(h) : clock(h)]);
    return ticks;
  }
  const apart = Math.ceil(((to - from) / 24 / HOUR) * (58 / width));
  for (let m = first, n = 0; m <= to; m = midnight(m + 36 * HOUR), n++) if (m >= from && n % apart === 0) ticks.push([m, shortDay(m)]);
  return ticks;
}

/** ``plan`` adds what lies ahead, ``odd`` what the judgement found; ``quiet`` leaves out the decisions, where there would be too many. */
export function Chart({ history, decisions, commands, from, to, at, plan, quiet, odd = [] }) {
  const [ref, width] = useWidth();
  const [chosen, setChosen] = useState(null); // index into marks
  const height = heightOf(width);
  const points = history?.points ?? [];
  const marks = quiet ? [] : decisions.filter((one) => (one.kind !== "hold" || one.command_id) && inside(Date.parse(one.time), from, to));
  const ahead = blocksOf(plan, at).filter((block) => block.from < to);
  const high = Math.max(1000, ...ahead.map((block) => block.watts * 1.15), ...points.map((p) => Math.max(sum(p, UP), p.pv_w ?? 0)));
  const low = Math.max(300, ...points.map((p) => sum(p, DOWN) + sum(p, STORED)));
  const x = (moment) => Math.round((PAD.left + ((moment - from) / (to - from)) * (width - PAD.left - PAD.right)) * 10) / 10;
  const scale = (height - PAD.top - PAD.bottom) / (high + low);
  const y = (watts) => Math.round((PAD.top + (high - watts) * scale) * 10) / 10;
  const step = stepOf(high + low);
  const lines = [];
  for (let w = -Math.floor(low / step) * step; w <= high; w += step) lines.push(w);
  const parts = runs(points, history?.step_s ?? 300);

  function choose(event) {
    const box = event.currentTarget.getBoundingClientRect();
    const moment = from + ((event.clientX - box.left - PAD.left) / (width - PAD.left - PAD.right)) * (to - from);
    let best = null;
    marks.forEach((mark, index) => {
      if (best === null || Math.abs(Date.parse(mark.time) - moment) < Math.abs(Date.parse(marks[best].time) - moment)) best = index;
    });
    setChosen(best);
  }
  function move(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by || !marks.length) return;
    event.preventDefault();
    setChosen((index) => Math.min(Math.max((index ?? marks.length) + by, 0), marks.length - 1));
  }
  const mark = marks[chosen];
  const shown = mark ?? marks.at(-1);
  const named = labels(points, UP, x, y);
  const day = useMemo(() => parts.map((row, n) => html`<${Stretch} key=${n} row=${row} x=${x} y=${y} />`), [history, width, from, to]);
  const ticks = timeTicks(from, to, width);

  return html`<div class="chart live" ref=${ref}>
    <svg width=${width} height=${height} viewBox="0 0 ${width} ${height}" role="img" aria-label=${t("today.about")} onClick=${choose}>
      <defs>
        <${Hatching} />
        <clipPath id="inside"><rect x=${PAD.left} y="0" width=${width - PAD.left} height=${height} /></clipPath>
      </defs>
      ${lines.map((w) => html`<g key=${w} class=${w === 0 ? "axis zero" : "axis"}>
        <line x1=${PAD.left} x2=${width} y1=${y(w)} y2=${y(w)} /></g>`)}
      <g clip-path="url(#inside)">${day}</g>
      <${Planned} blocks=${ahead} x=${x} y=${y} at=${Math.max(at, from)} most=${high} width=${width} />
      ${odd.map(({ begin, end, category }) => {
        const [left, right] = [x(Math.max(Date.parse(begin), from)), x(Math.min(Date.parse(end), to))];
        return html`<g key=${category + begin}><rect class="odd" x=${left} y=${PAD.top} width=${Math.max(right - left, 3)} height=${height - PAD.top - PAD.bottom} />
          <line class="odd-line" x1=${left} x2=${left} y1=${PAD.top} y2=${height - PAD.bottom} /></g>`;
      })}
      ${named.filter(({ left }) => left > PAD.left + 16 && left < width - 16).map(({ kind, left, top }) => html`<text key=${kind} class=${`name ${kind}`} x=${left} y=${top}>${t(`sink.${kind}`)}</text>`)}
      ${lines.filter((w) => w !== 0).map((w) => html`<text key=${w} class="tick" x=${PAD.left - 6} y=${y(w) + 4} text-anchor="end">${tickPower(Math.abs(w))}</text>`)}
      ${ticks.map(([moment, text]) => html`<text key=${moment} class="tick" x=${x(moment)} y=${height - 4}
        text-anchor=${x(moment) > width - 20 ? "end" : x(moment) < 20 ? "start" : "middle"}>${text}</text>`)}
      ${at > from && at < to && html`<g class="present"><line x1=${x(at)} x2=${x(at)} y1=${PAD.top} y2=${height - PAD.bottom} />
        <text class="tick" x=${x(at) + (x(at) > width - 40 ? -5 : 5)} y=${PAD.top + 9} text-anchor=${x(at) > width - 40 ? "end" : "start"}>${t("today.now")}</text></g>`}
      ${mark && html`<line class="picked" x1=${x(Date.parse(mark.time))} x2=${x(Date.parse(mark.time))} y1="0" y2=${height - PAD.bottom} />`}
    </svg>
    ${plan && html`<${Prices} plan=${plan} from=${from} to=${to} x=${x} width=${width} at=${at} />`}
    ${!quiet && html`<div class="marks" role="slider" tabindex="0" aria-label=${t("today.marks")} aria-valuemin="0" aria-valuemax=${Math.max(marks.length - 1, 0)}
      aria-valuenow=${chosen ?? 0} aria-valuetext=${mark ? `${clock(mark.time)} ${told(mark)}` : t("today.pick")} onClick=${choose} onKeyDown=${move}>
      <svg width=${width} height="26" viewBox="0 0 ${width} 26" aria-hidden="true">
        ${marks.map((one, index) => html`<${Mark} key=${one.time + one.kind} one=${one} x=${x(Date.parse(one.time))}
          bad=${isBad(commandOf(one, commands) ?? { final: false })} chosen=${index === chosen} />`)}
      </svg>
    </div>`}
    ${!quiet && html`<${Reason} decision=${shown} command=${shown && commandOf(shown, commands)} picked=${mark !== undefined} point=${mark && pointAt(points, mark)} />`}
  </div>`;
}

/** What was bought is hatched, whatever it went into. */
export const Hatching = () => html`<pattern id="bought" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
  <rect class="hatch" width="2" height="5" /></pattern>`;

/** A stretch without a gap: what the sun gave above the line, what was bought or taken from the battery below it. */
function Stretch({ row, x, y }) {
  const draw = ({ key, kind, d }) => html`<path key=${key} class=${`area ${kind}`} d=${d} />`;
  return html`<g>
    ${layers(row, UP, x, y, 1).map(draw)}
    ${layers(row, DOWN, x, y, -1).map(draw)}
    ${layers(row, STORED, x, y, -1, (p) => sum(p, DOWN)).map((one) => draw({ ...one, kind: "battery" }))}
    <path class="hatched" fill="url(#bought)" d=${area(row, x, y, () => 0, (p) => -sum(p, DOWN))} />
    <path class="sunline" d=${`M${row.map((p) => `${x(p.at)} ${y(p.pv_w ?? 0)}`).join("L")}`} />
  </g>`;
}

export const inside = (moment, from, to) => moment >= from && moment <= to;
const commandOf = (decision, commands) => commands.find((one) => one.id === decision.command_id);

/** Starts point right, pauses are blocks, doubts are rings, steps are strokes; a cross was not obeyed. */
const SHAPES = { start: "M-3.500-4.500 4.500 0-3.500 4.500Z", stop: "M-3.500-3.500h7v7h-7Z", skip: "M-3.500 0a3.500 3.500 0 1 0 7 0 3.500 3.500 0 1 0-7 0" };

function Mark({ one, x, bad, chosen }) {
  return html`<g class=${`mark ${one.kind} ${chosen ? "chosen" : ""}`} transform=${`translate(${x} 0)`}>
    ${SHAPES[one.kind] ? html`<path d=${SHAPES[one.kind]} transform="translate(0 7)" />` : html`<path class="stroke" d="M0 3V11" />`}
    ${bad && html`<path class="not" d="M-3 17l6 6M3 17l-6 6" />`}
  </g>`;
}

/** The newest step of the history that began before a decision. */
const pointAt = (points, { time }) => points.findLast((point) => Date.parse(point.time) <= Date.parse(time));

/** "Sun 7.0 kW, house 160 W, car 6.1 kW, 20 W to the grid". */
function powersOf(point) {
  const cars = Object.values(point.cars_w).reduce((sum, watts) => sum + watts, 0);
  return [
    point.pv_w != null && `${t("today.sun")} ${power(point.pv_w)}`,
    point.house_w != null && `${t("sink.house")} ${power(point.house_w)}`,
    `${t("sink.car")} ${power(cars)}`,
    point.battery_w != null && `${t("sink.battery")} ${powerWords("battery", point.battery_w)}`,
    point.grid_w != null && powerWords("grid", point.grid_w),
  ].filter(Boolean).join(" · ");
}

/** Of the mark that was picked; until one is, of the newest. */
function Reason({ decision, command, picked, point }) {
  if (!decision) return html`<p class="hint quiet">${t("today.no_marks")}</p>`;
  return html`<div class="reason" role=${picked ? "status" : undefined}>
    <p><b>${clock(decision.time)}</b> <${Icon} name=${decisionIcon(decision, command && { limit_a: command.before_a, phases: command.phases })} size="16" /> ${told(decision)}</p>
    ${command && html`<p class="quiet">${intent(command)}: <${Verdict} command=${command} /> ${evidenceWords(command)}</p>`}
    ${point && html`<p class="quiet">${powersOf(point)}</p>`}
    ${!picked && html`<p class="quiet">${t("today.pick")}</p>`}
  </div>`;
}

/** Where the day's energy came from and went, in numbers. */
export function Totals({ history }) {
  const points = history?.points ?? [];
  const kwh = (key) => points.reduce((total, p) => total + (p[key] ?? 0), 0) * (history?.step_s ?? 0) / 3.6e6;
  const rows = [
    ["sun", t("today.sun"), kwh("pv_w"), UP.map(([key, kind]) => [kind, kwh(key)])],
    ["grid", t("today.bought"), DOWN.reduce((all, [key]) => all + kwh(key), 0), DOWN.map(([key, kind]) => [kind, kwh(key)])],
    ["battery", t("today.stored"), STORED.reduce((all, [key]) => all + kwh(key), 0), STORED.map(([key, kind]) => [kind, kwh(key)])],
  ].filter(([, , all]) => all >= 0.05);
  return html`<dl class="totals live">${rows.map(([kind, label, all, sinks]) => html`
    <div key=${kind}><dt><i class=${`swatch from ${kind}`}></i>${label} <b>${energy(all)}</b></dt>
      <dd>${sinks.filter(([, value]) => value >= 0.05).map(([sink, value]) => html`
        <span key=${sink}><i class=${`swatch ${sink} ${kind === "grid" ? "striped" : ""}`}></i>${t(`sink.${sink}`)} ${energy(value)}</span>`)}</dd></div>`)}
  </dl>`;
}
