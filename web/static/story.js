// Why a plan lies where it lies, in this language, from the numbers that the house tells of it.

import { now } from "./live.js";
import { duration, energy, money, percent, t, when } from "./words.js";

/** One sentence; the house's own where it tells no numbers. */
export function planStory({ story, reason, ready_by, target_reachable, level_at_deadline_pct, kwh }) {
  if (!story) return reason;
  const values = { goal: percent(story.goal_pct), soc: percent(story.soc_pct), at: ready_by ? when(ready_by) : "" };
  if (ready_by && !target_reachable) return late(story, values, ready_by, level_at_deadline_pct);
  const parts = [atOnce(story), regular(story, values)].filter(Boolean);
  if (!parts.length) return t(ready_by ? "story.enough" : "story.no_deadline", values);
  const extras = [
    story.mean_price != null && t("story.price", { price: money(story.mean_price) }),
    story.solar_kwh >= 0.05 && t("story.sun", { kwh: energy(story.solar_kwh), all: energy(kwh) }),
  ].filter(Boolean);
  return `${[parts.join(t("story.then")), ...extras].join(", ")}.`;
}

function late(story, values, ready_by, level) {
  const reached = story.reached_at ? t("story.reached", { goal: values.goal, at: when(story.reached_at) }) : "";
  const passed = Date.parse(ready_by) <= now();
  return `${t(passed ? "story.passed" : "story.late", { ...values, level: percent(level) })} ${reached}`.trim();
}

function atOnce(story) {
  if (story.boost_pct != null) return t("story.boost", { level: percent(story.boost_pct) });
  return story.reserve_pct != null ? t("story.reserve", { level: percent(story.reserve_pct) }) : "";
}

function regular(story, values) {
  if (story.regular_h <= 0) return "";
  const first = story.same_price && story.solar_kwh < 0.05;
  return t(`story.${first ? "first" : "cheapest"}${values.at ? "_by" : ""}`, { ...values, time: duration(story.regular_h * 3600) });
}
