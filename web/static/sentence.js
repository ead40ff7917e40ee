// The sentence: what happens, why, and what would change it. The why is the house's own; nothing is judged here.

import { clock, current, filled, has, holes, left, percent, plain, power, t, unbroken, when } from "./words.js";
import { now } from "./live.js";

/** From where the car's power comes, as a key: the source that gives nearly all of it, or the two that do. */
function source(mix) {
  if (!mix) return "plain";
  const parts = [["sun", mix.solar_w], ["battery", mix.battery_w], ["grid", mix.grid_w]];
  const total = parts.reduce((sum, [, w]) => sum + w, 0);
  if (total <= 0) return "plain";
  const share = parts.filter(([, w]) => w / total >= 0.08).map(([kind]) => kind);
  return share.join("_");
}

// What stands still says so by the rule that holds it.
const STANDING = {
  waiting: "say.waiting", blocked: "say.blocked", pause: "say.paused",
  fuse: "say.fuse", dimmed: "say.dimmed", peak: "say.paused", no_room: "say.paused", finished: "say.finished", rotation: "say.rotation",
  not_controllable: "say.uncontrollable",
};

/** [what happens, why]; either may be empty. */
export function sentence(box) {
  const reason = box.decision ? told(box.decision) : "";
  const rule = box.decision?.rule ?? "";
  if (!box.connected) return [t("say.offline", { since: box.link_since ? when(box.link_since) : "" }), t("say.offline_why")];
  if (!box.plugged) return [t("say.unplugged"), t(`say.unplugged_${box.mode.replace("+", "_")}`)];
  if (rule === "observing" && box.steer) return [t("say.tested"), t("say.tested_why")]; // tried out, or used to check the meter
  if (box.decision?.kind === "skip" || rule.startsWith("stale")) return halves(reason);
  if (box.charging) return [t(`say.charging_${source(box.mix)}`, { power: power(box.power_w) }), reason];
  if (!box.steer) return [t("say.watched"), t("say.watched_why")];
  if (rule.startsWith("wake") || rule === "asleep") return [t("say.asleep"), reason];
  if (box.state === "FINISHED") return [t("say.finished"), reason];
  if (rule.startsWith("phases")) return [t("say.phases"), reason];
  if (rule === "off") return [t("say.off"), t("say.off_why")];
  if (rule in STANDING) return [t(STANDING[rule]), reason];
  if (box.limit_a > 0) return [t("say.offered"), reason];
  return [t(box.state === "COOLDOWN" ? "say.paused" : "say.ready"), reason];
}

/** A reason in this language: by its rule and inputs where there is such a text, else as the house said it. */
export function told(decision) {
  const own = worded(decision);
  if (!own) return unbroken(decision.reason);
  const { battery_floor_pct } = decision.inputs;
  return battery_floor_pct == null ? own : `${own} ${t("say.floor", { battery_floor_pct: percent(battery_floor_pct) })}`;
}

/** Nothing where only the house has words for it. */
function worded(decision) {
  const short = lack(decision);
  if (short) return short;
  const key = [`reason.${decision.rule}.${decision.kind}`, `reason.${decision.rule}`].find(has);
  if (!key) return "";
  const { inputs, limit_a, phases } = decision;
  const surplus_w = Math.max(inputs.share_w ?? inputs.surplus_w ?? 0, 0);
  const values = { ...inputs, surplus_w, limit_a, phases: phases ?? t("phase.same") };
  if (holes(key).some((name) => values[name] == null)) return "";
  return t(key, filled(values));
}

/** Less than nothing is left over, as at night: that is a lack, and no negative surplus. */
function lack({ rule, inputs, limit_a }) {
  const share_w = inputs.share_w ?? inputs.surplus_w;
  if (!has(`lack.${rule}`) || !(share_w <= -5) || inputs.battery_w < -50) return "";
  const values = { ...inputs, limit_a, lack_w: -share_w };
  if (holes(`lack.${rule}`).some((name) => values[name] == null)) return "";
  return t(`lack.${rule}`, filled(values));
}

/** The first sentence is the news, the rest explains. */
function halves(text) {
  const end = text.search(/[.!?:] /);
  return end < 0 ? [text, ""] : [text.slice(0, end + 1).replace(/:$/, "."), capital(text.slice(end + 2))];
}

const capital = (text) => text.slice(0, 1).toUpperCase() + text.slice(1);

/** What would change it: "10 A when the sun gives 450 W more; a pause when it gives 2.9 kW less for a while." */
export function turnWords(box) {
  if (!box.plugged || box.decision?.kind === "skip") return "";
  const told = (box.turns ?? []).map(({ what, by_w, limit_a }) => {
    const values = { by: power(Math.abs(by_w)), limit: current(limit_a), share: covered(box, by_w) };
    return t(what === "start" && values.share ? "turn.start_at" : `turn.${what}`, values);
  });
  return told.length ? `${capital(told.join("; "))}.` : "";
}

/** Which part of the least power the sun has to cover for a start; nothing where that is all of it. */
function covered({ decision }, by_w) {
  const { share_w, minimum_w } = decision?.inputs ?? {};
  const share = share_w == null || !minimum_w ? 1 : (share_w + by_w) / minimum_w;
  return share > 0 && share < 0.98 ? percent(share * 100) : "";
}

/** What ends by itself: "at least until 14:12, 2 min 10 s more". */
export function countdowns(box) {
  return box.countdowns
    .filter((one) => Date.parse(one.ends_at) > now())
    .map((one) => t(`countdown.${one.what}`, { left: left(one.ends_at), at: clock(one.ends_at) }));
}

/** The budget that is filling up now: {text, share}, or nothing. */
export function budget(box) {
  const wh = box.budgets;
  if (!wh || !box.plugged || box.decision?.kind === "skip") return null;
  const running = box.limit_a > 0;
  const [used, all, key] = running
    ? [wh.stop_used_wh, wh.stop_wh, "budget.stop"]
    : [wh.start_used_wh, wh.start_wh, "budget.start"];
  if (used < 0.05 || !all) return null;
  return { text: t(key, { used: plain(Math.round(used * 10) / 10), all: plain(all) }), share: Math.min(used / all, 1) };
}
