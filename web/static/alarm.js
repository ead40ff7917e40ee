// Alerts and evidence in this language. The house says them in English; a language that has a text under the alert's key,
// or under the evidence's rule, tells them from the key and the present instead.

import { live } from "./live.js";
import { current, duration, has, power, t } from "./words.js";

/** [what is wrong, what to do]. */
export function alertWords({ key, text, remedy }) {
  const [kind, ...rest] = key.split(":");
  const name = rest.join(":");
  const found = [`alarm.${key}`, `alarm.${kind}`].find(has);
  if (!found) return [text, remedy];
  const values = { name, detail: detailOf(kind, text), time: silence(), ...boxValues(name) };
  return [t(found, values), has(`${found}.do`) ? t(`${found}.do`, values) : remedy];
}

/** What a device or a card says of itself stays as it is. */
const detailOf = (kind, text) => (kind === "device" ? text.replace(/^[^:]*: /, "") : text);

function silence() {
  const age_s = Object.entries(live.state?.meters ?? {}).find(([name, meter]) => (meter.role ?? name) === "grid")?.[1].age_s;
  return age_s == null ? "–" : duration(age_s);
}

function boxValues(name) {
  const box = live.state?.wallboxes[name];
  return { error: box?.error_code ?? "" };
}

/** What a verdict rests on. */
export function evidenceWords({ rule, evidence, amps, offered_a, power_w, before_a }) {
  const key = `evidence.${rule}`;
  if (!has(key)) return evidence;
  return t(key, { amps: current(amps), offered: current(offered_a), drawn: power(power_w), before: current(before_a) });
}
