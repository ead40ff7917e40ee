// What lies ahead: planned blocks in the chart, the price as a strip under it, and both in words.

import { html } from "./vendor/htm-3.1.1-preact-standalone.js";
import { clock, energy, money, percent, t, when } from "./words.js";

const HEIGHT = 36;
const QUARTER = 900_000;

/** Every planned block that is not over, with its wallbox and its mean power. */
export function blocksOf(plan, at) {
  return Object.entries(plan?.wallboxes ?? {}).flatMap(([name, box]) =>
    box.blocks
      .map((block) => ({ ...block, name, from: Date.parse(block.start), to: Date.parse(block.end) }))
      .filter(({ to }) => to > at)
      .map((block) => ({ ...block, watts: (block.kwh / Math.max((block.to - Math.max(block.from, at)) / 3_600_000, 0.01)) * 1000 })));
}

/** Planned power, as an outline over the hours to come. */
export function Planned({ blocks, x, y, at, most, width }) {
  return blocks.map((block) => {
    const [left, right, top] = [x(Math.max(block.from, at)), x(block.to), y(Math.min(block.watts, most))];
    return html`<g key=${block.name + block.start} class="planned">
      <rect x=${left} y=${top} width=${Math.max(right - left, 2)} height=${Math.max(y(0) - top, 2)} rx="2" />
      <text x=${Math.min((left + right) / 2, width - 24)} y=${Math.max(top - 5, 9)}>${t("plan.block")}</text></g>`;
  });
}

/** Neighbours of one price and one look as one bar: [{at, end, price, look}]. */
export function priceBars(rows, x, from, to) {
  const bars = [];
  for (const { at, price, look } of rows) {
    const last = bars.at(-1);
    if (last && last.end === at && last.price === price && last.look === look) last.end = at + QUARTER;
    else bars.push({ at, end: at + QUARTER, price, look });
  }
  return bars.map((bar) => {
    const [left, right] = [Math.max(x(bar.at), x(from)), Math.min(x(bar.end), x(to))];
    return { ...bar, left, wide: Math.max(right - left, 0.6) };
  });
}

/** What a kilowatt-hour costs as bars; only where that changes. */
export function Prices({ plan, from, to, x, width, at }) {
  const rows = (plan?.quarters ?? [])
    .map((one) => ({ at: Date.parse(one.start), price: one.import_eur_per_kwh, look: Date.parse(one.start) + QUARTER <= at ? "past" : "" }))
    .filter((one) => one.price != null && one.at + QUARTER > from && one.at < to);
  const prices = rows.map((one) => one.price);
  const [least, most] = [Math.min(...prices), Math.max(...prices)];
  if (rows.length < 2 || most - least < 0.0005) return null;
  const floor = Math.min(0, least);
  const y = (price) => 12 + ((most - price) / (most - floor)) * (HEIGHT - 14);
  const cheapest = rows.find((one) => one.price === least);
  const dearest = rows.find((one) => one.price === most);
  const about = t("plan.prices", { least: money(least), at: clock(cheapest.at), most: money(most), then: clock(dearest.at) });
  const mark = (one) => html`<text class="tick" x=${Math.min(Math.max(x(one.at), 56), width - 24)} y="9" text-anchor="middle">${money(one.price)}</text>`;
  return html`<svg class="prices" width=${width} height=${HEIGHT} viewBox="0 0 ${width} ${HEIGHT}" role="img" aria-label=${about}>
    <text class="tick" x="0" y=${HEIGHT - 4}>${t("plan.price")}</text>
    ${priceBars(rows, x, from, to).map(({ at, look, left, wide, price }) => html`<rect key=${at} class=${look} x=${left} y=${y(price)}
      width=${wide} height=${Math.max(HEIGHT - y(price), 1)} />`)}
    ${mark(cheapest)}${Math.abs(x(cheapest.at) - x(dearest.at)) > 64 && mark(dearest)}
  </svg>`;
}

/** "Planned: 4.2 kWh from 02:00 to 04:15, about €1.20." */
export function PlanWords({ box, at }) {
  const ahead = (box?.blocks ?? []).filter((block) => Date.parse(block.end) > at);
  if (!ahead.length && box?.target_reachable !== false) return null;
  const kwh = ahead.reduce((sum, block) => sum + block.kwh, 0);
  const cost = ahead.every((block) => block.cost != null) ? ahead.reduce((sum, block) => sum + block.cost, 0) : null;
  const values = { kwh: energy(kwh), from: ahead.length ? when(ahead[0].start) : "", to: ahead.length ? when(ahead.at(-1).end) : "", cost: money(cost) };
  return html`<p class="plan-words">${ahead.length > 0 && t(cost == null ? "plan.words" : "plan.words_cost", values)}
    ${box.target_reachable === false && html` <b>${t("plan.missed", { level: percent(box.level_at_deadline_pct) })}</b>`}</p>`;
}
