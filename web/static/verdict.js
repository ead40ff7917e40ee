// Verdicts and decisions in words, with a sign that does not rest on colour.

import { html } from "./vendor/htm-3.1.1-preact-standalone.js";
import { Icon } from "./icons.js";
import { current, t } from "./words.js";

const SIGNS = {
  applied: ["check", "good"],
  accepted_ineffective: ["cross", "bad"],
  phase_switch_ineffective: ["cross", "bad"],
  unverified: ["unsure", "open"],
  rejected: ["cross", "bad"],
  unreachable: ["cross", "bad"],
  timeout: ["cross", "bad"],
  not_capable: ["cross", "bad"],
};

export const isBad = (command) => command.final && SIGNS[command.outcome]?.[1] === "bad";

export function Verdict({ command }) {
  const [sign, tone] = command.final ? (SIGNS[command.outcome] ?? SIGNS.unverified) : ["wait", "open"];
  const words = command.final ? t(`verdict.${command.outcome}`) : t("verdict.pending");
  return html`<span class=${`verdict ${tone}`}><${Icon} name=${sign} size="16" />${words}</span>`;
}

/** "9 A on 3 phases", "a pause". */
export function intent(command) {
  if (!command.amps) return t("intent.pause");
  if (!command.phases) return t("intent.amps", { amps: current(command.amps) });
  return t(command.phases === 1 ? "intent.one" : "intent.many", { amps: current(command.amps), n: command.phases });
}

/** Whether a step gives the car more or less than before. */
export function direction(decision, before) {
  const size = (one) => (one?.limit_a ?? 0) * (one?.phases ?? 1);
  return size(decision) < size(before) ? "down" : "up";
}

export function decisionIcon(decision, before) {
  if (decision.kind !== "step") return decision.kind;
  return decision.limit_a ? direction(decision, before) : "stop";
}
