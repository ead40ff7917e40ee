// A week or a month as one bar a day: above the line where the sun's energy went, below it what came from elsewhere.

import { html } from "./vendor/htm-3.1.1-preact-standalone.js";
import { DOWN, Hatching, STORED, UP, heightOf, inside, stepOf, sum, useWidth } from "./chart.js";
import { day, energy, midnight, shortDay, t, tickEnergy, weekday } from "./words.js";

const DAY = 86_400_000;
const PAD = { top: 10, right: 2, bottom: 20, left: 48 };
const WIDEST_PX = 72;
const LABEL_PX = 46;
const ALL = [...UP, ...DOWN, ...STORED].map(([key]) => key);

/** What flowed on each day of the house, in Wh: [{at, end, pv_house_w, ...}]. */
function perDay(points, step_s) {
  const days = new Map();
  for (const point of points) {
    const at = midnight(Date.parse(point.time));
    const one = days.get(at) ?? { at, end: midnight(at + 1.5 * DAY) };
    for (const key of ALL) one[key] = (one[key] ?? 0) + ((point[key] ?? 0) * step_s) / 3600;
    days.set(at, one);
  }
  return [...days.values()];
}

/** A day's flows as stacked pieces: [{kind, low, high}], in Wh from the line. */
function pieces(one) {
  const stack = (rows, sign, already, kindOf) => rows.map(([key, kind], index) => {
    const low = already + sum(one, rows.slice(0, index));
    return { kind: kindOf(kind), bought: rows === DOWN, low: sign * low, high: sign * (low + one[key]) };
  });
  return [...stack(UP, 1, 0, (kind) => kind), ...stack(DOWN, -1, 0, (kind) => kind), ...stack(STORED, -1, sum(one, DOWN), () => "battery")].filter(({ low, high }) => low !== high);
}

/** "Sun, Jun 21: Sun 37.9 kWh, From the grid 0.7 kWh". */
function words(one) {
  const parts = [[t("today.sun"), sum(one, UP)], [t("today.bought"), sum(one, DOWN)], [t("today.stored"), sum(one, STORED)]];
  return `${day(one.at)}: ${parts.filter(([, wh]) => wh >= 50).map(([name, wh]) => `${name} ${energy(wh / 1000)}`).join(", ")}`;
}

/** ``open`` is called with the moment of a day that was tapped, or entered by the keyboard. */
export function Days({ history, from, to, open }) {
  const [ref, width] = useWidth();
  const height = heightOf(width);
  const days = perDay(history?.points ?? [], history?.step_s ?? 0);
  const high = Math.max(1000, ...days.map((one) => sum(one, UP))) * 1.04;
  const low = Math.max(high / 30, ...days.map((one) => sum(one, DOWN) + sum(one, STORED))) * 1.04;
  const x = (moment) => PAD.left + ((moment - from) / (to - from)) * (width - PAD.left - PAD.right);
  const y = (wh) => PAD.top + ((high - wh) / (high + low)) * (height - PAD.top - PAD.bottom);
  const step = stepOf(high + low);
  const lines = [];
  for (let wh = -Math.floor(low / step) * step; wh <= high; wh += step) lines.push(wh);
  const each = (DAY / (to - from)) * (width - PAD.left - PAD.right);
  const named = Math.ceil(LABEL_PX / each);
  return html`<div class="chart days live" ref=${ref}>
    <svg width=${width} height=${height} viewBox="0 0 ${width} ${height}" role="group" aria-label=${days.length ? t("history.days") : t("history.empty")}>
      <defs><${Hatching} /><clipPath id="inside"><rect x=${PAD.left} y="0" width=${width - PAD.left} height=${height} /></clipPath></defs>
      ${lines.map((wh) => html`<g key=${wh} class=${wh === 0 ? "axis zero" : "axis"}><line x1=${PAD.left} x2=${width} y1=${y(wh)} y2=${y(wh)} />
        ${wh !== 0 && html`<text class="tick" x=${PAD.left - 6} y=${y(wh) + 4} text-anchor="end">${tickEnergy(Math.abs(wh))}</text>`}</g>`)}
      <g clip-path="url(#inside)">${days.map((one, index) => html`<${Bar} key=${one.at} one=${one} x=${x} y=${y} height=${height} last=${index === days.length - 1} open=${open} />`)}</g>
      ${days.filter((one, index) => (days.length - 1 - index) % named === 0 && inside((one.at + one.end) / 2, from, to)).map((one) => html`
        <text key=${one.at} class="tick" x=${Math.min(x((one.at + one.end) / 2), width - LABEL_PX / 2)} y=${height - 4} text-anchor="middle">${to - from < 10 * DAY ? weekday(one.at) : shortDay(one.at)}</text>`)}
    </svg></div>`;
}

/** The whole height of a day can be tapped. One stop of the tab key for all of them; the arrow keys go from day to day. */
function Bar({ one, x, y, height, last, open }) {
  const pick = () => open((one.at + one.end) / 2);
  function key(event) {
    const bar = event.currentTarget;
    const next = { ArrowLeft: bar.previousElementSibling, ArrowRight: bar.nextElementSibling }[event.key];
    if (event.key === "Enter" || event.key === " ") pick();
    else if (next) next.focus();
    else return;
    event.preventDefault();
  }
  const wide = Math.min((x(one.end) - x(one.at)) * 0.74, WIDEST_PX);
  const left = (x(one.at) + x(one.end) - wide) / 2;
  return html`<g role="button" tabindex=${last ? 0 : -1} aria-label=${words(one)} onClick=${pick} onKeyDown=${key}><title>${words(one)}</title>
    <rect fill="transparent" x=${x(one.at)} y="0" width=${x(one.end) - x(one.at)} height=${height} />
    ${pieces(one).map(({ kind, bought, low, high }) => {
      const box = { x: left, width: wide, y: Math.min(y(low), y(high)), height: Math.abs(y(high) - y(low)) };
      return html`<g key=${low}><rect class=${`area ${kind}`} ...${box} />${bought && html`<rect fill="url(#bought)" ...${box} />`}</g>`;
    })}</g>`;
}
