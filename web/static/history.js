// Any stretch of the past: a day, a week, a month, or whatever was zoomed and dragged to.

import { html, useEffect, useMemo, useRef, useState } from "./vendor/htm-3.1.1-preact-standalone.js";
import { Chart, Totals } from "./chart.js";
import { Days } from "./days.js";
import { Icon } from "./icons.js";
import { live, now } from "./live.js";
import { useSpan } from "./past.js";
import { clock, day, midnight, t } from "./words.js";

const DAY = 86_400_000;
const DAYS = { day: 1, week: 7, month: 30 };
const SHORTEST = 1_800_000;
const LONGEST = 62 * DAY;
const DAYWISE = 4 * DAY; // longer is told by the day
const DRAG_PX = 6; // less is a tap

/** The span of so many days that holds a moment as its last day. */
function spanOf(kind, moment) {
  const from = midnight(midnight(moment) - (DAYS[kind] - 1) * DAY + DAY / 2);
  return { from, to: midnight(midnight(moment) + 1.5 * DAY) };
}

/** The same span so many lengths later; whole days stay whole days when the clocks change. */
function moved({ from, to }, by) {
  const shift = (to - from) * by;
  const days = (to - from) / DAY;
  if (Math.abs(days - Math.round(days)) > 0.05 || days < 0.9) return { from: from + shift, to: to + shift };
  return { from: midnight(from + shift + DAY / 2), to: midnight(to + shift + DAY / 2) };
}

function zoomed({ from, to }, factor, share = 0.5) {
  const length = Math.min(Math.max((to - from) * factor, SHORTEST), LONGEST);
  const held = from + (to - from) * share;
  return { from: held - length * share, to: held + length * (1 - share) };
}

/** Let go of, it comes to rest at whole days, full hours, or at five minutes where it is short. */
function settled({ from, to }) {
  if (to - from > DAYWISE) return { from: midnight(from + DAY / 2), to: midnight(to + DAY / 2) };
  const grid = to - from > 2 * DAY ? 3_600_000 : 300_000;
  const rest = Math.round(from / grid) * grid;
  return { from: rest, to: rest + (to - from) };
}

const kindOf = ({ from, to }) => Object.keys(DAYS).find((kind) => Math.abs((to - from) / DAY - DAYS[kind]) < 0.06);

function title({ from, to }) {
  const last = to - 1;
  if (day(from) === day(last)) return to - from > 0.9 * DAY ? day(from) : `${day(from)}, ${clock(from)} – ${clock(to)}`;
  return `${day(from)}\u00a0– ${day(last)}`;
}

/** Dragging moves the span, two fingers and ctrl + wheel zoom it; a tap goes through to the chart. */
function useHands(range, setRange) {
  const box = useRef();
  const hands = useRef(new Map());
  const began = useRef(null);
  const dragged = useRef(false);
  const newest = useRef(range);
  newest.current = range;

  function begin() {
    began.current = { range: newest.current, xs: [...hands.current.values()] };
  }
  function down(event) {
    if (hands.current.size === 0) dragged.current = false;
    hands.current.set(event.pointerId, event.clientX);
    begin();
  }
  function move(event) {
    if (!hands.current.has(event.pointerId)) return;
    hands.current.set(event.pointerId, event.clientX);
    const { left, width } = box.current.getBoundingClientRect();
    const [first, second] = [...hands.current.values()];
    const was = began.current;
    if (second !== undefined && was.xs.length === 2) {
      const apart = Math.max(Math.abs(first - second), 20);
      dragged.current = true;
      setRange(zoomed(was.range, Math.max(Math.abs(was.xs[0] - was.xs[1]), 20) / apart, ((first + second) / 2 - left) / width));
    } else if (dragged.current || Math.abs(first - was.xs[0]) > DRAG_PX) {
      if (!dragged.current) box.current.setPointerCapture(event.pointerId);
      dragged.current = true;
      const shift = ((was.xs[0] - first) / width) * (was.range.to - was.range.from);
      setRange({ from: was.range.from + shift, to: was.range.to + shift });
    }
  }
  function up(event) {
    hands.current.delete(event.pointerId);
    if (dragged.current && hands.current.size === 0) setRange(settled(newest.current));
    begin();
  }
  function click(event) {
    if (dragged.current) event.stopPropagation();
  }
  useEffect(() => {
    const wheel = (event) => {
      if (!event.ctrlKey) return; // without it the page is scrolled
      event.preventDefault();
      const { left, width } = box.current.getBoundingClientRect();
      setRange(zoomed(newest.current, event.deltaY > 0 ? 1.25 : 0.8, (event.clientX - left) / width));
    };
    box.current.addEventListener("wheel", wheel, { passive: false });
    return () => box.current?.removeEventListener("wheel", wheel);
  }, []);
  return { ref: box, onPointerDown: down, onPointerMove: move, onPointerUp: up, onPointerCancel: up, onClickCapture: click };
}

export function History() {
  const [range, setRange] = useState(() => spanOf("day", now()));
  const hands = useHands(range, setRange);
  const { history, decisions, commands } = useSpan(range.from, range.to);
  const inside = useMemo(() => within(history, range), [history, range]);
  const kind = kindOf(range);
  const daywise = range.to - range.from > DAYWISE;
  const asked = new URLSearchParams({ from: new Date(range.from).toISOString(), to: new Date(range.to).toISOString(), step_s: history?.step_s ?? 300 });
  return html`<main class="page" id="main" tabindex="-1">
    <header class="title"><h1>${t("nav.history")}</h1>
      ${!live.guest && html`<a class="pill" href=${`api/history.csv?${asked}`} download>${t("visits.csv")}</a>`}</header>
    <div class="spans">
      <div class="modes three" role="group" aria-label=${t("history.span")}>${Object.keys(DAYS).map((one) => html`
        <button key=${one} aria-pressed=${one === kind} onClick=${() => setRange(spanOf(one, Math.min(range.to - 1, now())))}>${t(`history.${one}`)}</button>`)}</div>
      <div class="walk">
        <button class="round" aria-label=${t("history.earlier")} onClick=${() => setRange(moved(range, -1))}><${Icon} name="back" /></button>
        <b role="status">${title(range)}</b>
        <button class="round" aria-label=${t("history.later")} disabled=${range.to > now()} onClick=${() => setRange(moved(range, 1))}><${Icon} name="more" /></button>
        <button class="round" aria-label=${t("history.closer")} disabled=${range.to - range.from <= SHORTEST} onClick=${() => setRange(zoomed(range, 0.5))}><${Icon} name="plus" /></button>
        <button class="round" aria-label=${t("history.wider")} disabled=${range.to - range.from >= LONGEST} onClick=${() => setRange(zoomed(range, 2))}><${Icon} name="minus" /></button>
      </div>
    </div>
    <div class="movable" ...${hands}>
      ${daywise ? html`<${Days} history=${inside} from=${range.from} to=${range.to} open=${(moment) => setRange(spanOf("day", moment))} />`
        : html`<${Chart} history=${history} decisions=${decisions} commands=${commands} from=${range.from} to=${range.to} at=${now()} quiet=${range.to - range.from > 2.1 * DAY} />`}
    </div>
    <${Totals} history=${inside} />
    ${history && !inside.points.length && html`<p class="quiet">${t("history.empty")}</p>`}
    <p class="quiet hint">${daywise ? `${t("history.tap")} ` : ""}${t("history.hint")}</p>
  </main>`;
}

const within = (history, { from, to }) =>
  history && { ...history, points: history.points.filter(({ time }) => Date.parse(time) >= from && Date.parse(time) < to) };
