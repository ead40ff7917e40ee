// The sentence: what happens, why, and what would change it. The why is the house's own; nothing is judged here.

import { clock, duration, has, left, plain, power, t, when } from "./words.js";
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

/** [what happens, why]; either may be empty. */
export function sentence(box) {
  const reason = box.decision ? told(box.decision) : "";
  if (!box.connected) return [t("say.offline", { since: box.link_since ? when(box.link_since) : "" }), t("say.offline_why")];
  if (box.decision?.kind === "skip") return halves(reason);
  if (box.charging) return [t(`say.charging_${source(box.mix)}`, { power: power(box.power_w) }), reason];
  if (!box.plugged) return [t("say.unplugged"), t(`say.unplugged_${box.mode.replace("+", "_")}`)];
  if (!box.steer) return [t("say.watched"), t("say.watched_why")];
  if (box.state === "FINISHED") return [t("say.finished"), reason];
  if (box.mode === "off" && !box.boost) return [t("say.off"), reason];
  if (box.limit_a > 0) return [t("say.offered"), reason];
  if (box.state === "COOLDOWN") return [t("say.paused"), reason];
  return [t("say.waiting"), reason];
}

/** A reason in this language: from the rule's name and its inputs where we have such a text, else as the house said it. */
export function told(decision) {
  const key = `reason.${decision.rule}`;
  if (!has(key)) return decision.reason;
  const values = Object.entries(decision.inputs).map(([name, value]) => [name, written(name, value)]);
  return t(key, Object.fromEntries(values));
}

function written(name, value) {
  if (typeof value !== "number") return value;
  if (name.endsWith("_w")) return power(value);
  if (name.endsWith("_s")) return duration(value);
  return plain(value);
}

/** The first sentence is the news, the rest explains. */
function halves(text) {
  const end = text.search(/[.!?:] /);
  return end < 0 ? [text, ""] : [text.slice(0, end + 1).replace(/:$/, "."), capital(text.slice(end + 2))];
}

const capital = (text) => text.slice(0, 1).toUpperCase() + text.slice(1);

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
