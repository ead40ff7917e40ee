// The past, as far as it is shown: loaded once, then only what has been added since.

import { useEffect, useRef, useState } from "./vendor/htm-3.1.1-preact-standalone.js";
import { call } from "./asking.js";
import { now } from "./live.js";
import { blocksOf } from "./plan.js";
import { midnight } from "./words.js";

const HOUR = 3_600_000;
const OVERLAP = 10 * 60_000; // a verdict, or the mean of a step, may still change for so long
const PAUSE_MS = 3000; // between two questions, however fast decisions follow each other
const STEP_S = 300;

const iso = (moment) => new Date(moment).toISOString();
const span = (from, to) => `from=${iso(from)}&to=${iso(to)}`;

/** Changes when there is something new to ask for: not with every look, but with every decision and verdict. */
export function newsOf(boxes) {
  return boxes
    .map(({ decision, command }) => [decision?.kind, decision?.rule, decision?.limit_a, decision?.phases, command?.id, command?.outcome, command?.final].join())
    .join(";");
}

/** Calls ``ask`` when the news or the minute change, but never more often than every PAUSE_MS. */
function useAsking(ask, news) {
  const [minute, setMinute] = useState(0);
  const last = useRef(-PAUSE_MS);
  useEffect(() => {
    const timer = setInterval(() => setMinute((n) => n + 1), 60_000);
    return () => clearInterval(timer);
  }, []);
  const waiting = useRef(null);
  const newest = useRef(ask);
  newest.current = ask;
  useEffect(() => {
    if (waiting.current !== null) return;
    waiting.current = setTimeout(async () => {
      waiting.current = null;
      last.current = performance.now();
      await newest.current();
    }, Math.max(0, last.current + PAUSE_MS - performance.now()));
  }, [news, minute]);
  useEffect(() => () => clearTimeout(waiting.current), []);
}

/** What is new replaces what it continues; both are sorted by time. */
function merged(old, fresh, key) {
  const replaced = new Set(fresh.map(key));
  return [...old.filter((one) => !replaced.has(key(one))), ...fresh].sort((a, b) => Date.parse(a.time) - Date.parse(b.time));
}

const decisionKey = (one) => `${one.wallbox} ${one.time}`;
const commandKey = (one) => one.id;
const pointKey = (one) => one.time;

async function ask(from, to, since) {
  const asked = span(since, to);
  const [history, { decisions }, { commands }] = await Promise.all([
    call("GET", `api/history?${asked}&step_s=${STEP_S}`), call("GET", `api/decisions?${asked}`), call("GET", `api/commands?${asked}`),
  ]);
  return { from, to, history, decisions, commands };
}

const NOTHING = { from: 0, to: 1, history: null, decisions: [], commands: [] };

/** Today's history, decisions and commands, growing. */
export function useToday(state) {
  const [today, setToday] = useState(NOTHING);
  async function grow() {
    if (!state) return;
    const from = midnight(now());
    const to = midnight(from + 36 * HOUR);
    const old = today.from === from ? today : NOTHING;
    const newest = Date.parse(old.history?.points.at(-1)?.time ?? 0);
    const since = Math.max(from, from + Math.floor((newest - OVERLAP - from) / 1000 / STEP_S) * STEP_S * 1000);
    const [fresh, plan] = await Promise.all([ask(from, to, since), call("GET", "api/plan")]).catch(() => []);
    if (!fresh) return;
    setToday({
      ...fresh,
      plan,
      history: { ...fresh.history, points: merged(old.history?.points ?? [], fresh.history.points, pointKey) },
      decisions: merged(old.decisions, fresh.decisions, decisionKey),
      commands: merged(old.commands, fresh.commands, commandKey),
    });
  }
  useAsking(grow, state ? newsOf(Object.values(state.wallboxes)) : "none");
  return { ...today, ...shown(today) };
}

/** What lies ahead, asked for again whenever something was decided. */
export function usePlan(state) {
  const [plan, setPlan] = useState(null);
  const news = Object.values(state.wallboxes).map((box) => `${box.target_pct} ${box.ready_by} ${box.soc_pct} ${box.boost}`).join();
  useAsking(() => call("GET", "api/plan").then(setPlan, () => {}), `${newsOf(Object.values(state.wallboxes))} ${news}`);
  return plan;
}

/** The part of the day worth showing: from its first record to somewhat after now, or after what is planned. */
function shown({ history, from, to, plan }) {
  if (!history?.points.length) return { shownFrom: from, shownTo: to };
  const first = from + Math.floor((Date.parse(history.points[0].time) - from) / HOUR) * HOUR;
  const long = Math.max(4 * HOUR, (now() - first) * 1.2);
  const planned = Math.min(Math.max(0, ...blocksOf(plan, now()).map((block) => block.to)), now() + 24 * HOUR);
  const until = Math.min(to, from + Math.ceil((first + long - from) / HOUR) * HOUR);
  return { shownFrom: first, shownTo: Math.max(until, Math.ceil(planned / HOUR) * HOUR) };
}

// A step for each length of a span, so that a chart has some hundreds of points.
const STEPS_S = [60, 300, 900, 1800, 3600, 7200];

/** Any span with its surroundings, loaded when it has come to rest; what is known already is shown meanwhile. */
export function useSpan(from, to) {
  const [found, setFound] = useState(NOTHING);
  const step = STEPS_S.find((one) => (to - from) / 1000 / one <= 400) ?? STEPS_S.at(-1);
  const settled = found.history && found.step === step && found.from <= from && found.to >= Math.min(to, now());
  useEffect(() => {
    if (settled) return;
    let over = false;
    const timer = setTimeout(async () => {
      const room = (to - from) / 2;
      const [wide, end] = [Math.floor((from - room) / step / 1000) * step * 1000, to + room];
      const asked = span(wide, end);
      const few = to - from <= 2.1 * 24 * HOUR;
      const answers = await Promise.all([
        call("GET", `api/history?${asked}&step_s=${step}`),
        few ? call("GET", `api/decisions?${span(from - room, end)}`) : { decisions: [] },
        few ? call("GET", `api/commands?${span(from - room, end)}`) : { commands: [] },
      ]).catch(() => null);
      if (over || !answers) return;
      const [history, { decisions }, { commands }] = answers;
      setFound({ from: wide, to: end, step, history, decisions, commands });
    }, found.history ? 200 : 0);
    return () => { over = true; clearTimeout(timer); };
  }, [from, to, settled]);
  return found;
}

/** One visit with its decisions, commands and history; or {problem}. */
export function useVisit(id, news) {
  const [story, setStory] = useState({});
  async function load() {
    const path = `api/sessions/${encodeURIComponent(id)}`;
    try {
      const [visit, { decisions }, { commands }] = await Promise.all([
        call("GET", path), call("GET", `${path}/decisions`), call("GET", `${path}/commands`),
      ]);
      const from = Date.parse(visit.plugged_in_at) - 600_000;
      const to = (visit.plugged_out_at ? Date.parse(visit.plugged_out_at) : now()) + 600_000;
      const step = Math.max(60, Math.ceil((to - from) / 300 / 60_000) * 60);
      const history = await call("GET", `api/history?${span(from, to)}&step_s=${step}`);
      setStory({ visit, decisions, commands, history, from, to });
    } catch (error) {
      setStory({ problem: error.message });
    }
  }
  useAsking(load, `${id} ${news}`);
  return story;
}
