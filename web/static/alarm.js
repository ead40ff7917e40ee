// Alerts and evidence in this language.

import { current, has, power, say, t } from "./words.js";

/** [what is wrong, what to do]. */
export const alertWords = ({ text, remedy, said, todo }) => [say(said ?? text), say(todo ?? remedy)];

/** What a verdict rests on: by its rule, or else in the house's own words. */
export function evidenceWords({ rule, evidence, amps, offered_a, power_w, before_a }) {
  const key = `evidence.${rule}`;
  if (!has(key)) return evidence;
  return t(key, { amps: current(amps), offered: current(offered_a), drawn: power(power_w), before: current(before_a) });
}
