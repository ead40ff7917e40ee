// The story of one visit: each decision with its reason, and under it the command with its verdict and evidence.

import { html, useState } from "./vendor/htm-3.1.1-preact-standalone.js";
import { evidenceWords } from "./alarm.js";
import { Icon } from "./icons.js";
import { told } from "./sentence.js";
import { Verdict, decisionIcon, direction, intent } from "./verdict.js";
import { clock, clockSeconds, current, day, duration, has, power, powerWords, t, written } from "./words.js";

const FIRST = 8;

/** What a decision did, in two or three words; phases are named when they change. */
function deed(decision, before) {
  if (!decision.limit_a && decision.kind === "step") return t("deed.stop");
  const amps = current(decision.limit_a);
  if (decision.kind === "step" && before && decision.phases && before.phases !== decision.phases)
    return t(decision.phases === 1 ? "intent.one" : "intent.many", { amps, n: decision.phases });
  return t(decision.kind === "step" ? `deed.${direction(decision, before)}` : `deed.${decision.kind}`, { amps });
}

/** Each decision with the one before it at the same wallbox; oldest first. */
function withBefore(decisions) {
  const before = {};
  return decisions.map((decision) => {
    const row = { decision, before: before[decision.wallbox] };
    if (decision.limit_a != null) before[decision.wallbox] = decision;
    return row;
  });
}

export function Timeline({ decisions, commands, boxes = 1 }) {
  const [all, setAll] = useState(false);
  const [holds, setHolds] = useState(false);
  const byId = new Map(commands.map((command) => [command.id, command]));
  const rows = withBefore(decisions).filter(({ decision }) => holds || decision.kind !== "hold" || decision.command_id).reverse();
  if (!decisions.length) return html`<p class="quiet">${t("timeline.empty")}</p>`;
  const shown = all ? rows : rows.slice(0, FIRST);
  return html`
    ${!rows.length && html`<p class="quiet">${t("timeline.unchanged")}</p>`}
    <ol class="timeline live">
      ${shown.map(({ decision, before }, index) => {
        const newDay = index > 0 && day(decision.time) !== day(shown[index - 1].decision.time);
        return html`<${Entry} key=${decision.wallbox + decision.time + decision.kind} named=${boxes > 1} decision=${decision} before=${before}
          command=${byId.get(decision.command_id)} date=${newDay} />`;
      })}
    </ol>
    <div class="buttons">
      ${rows.length > FIRST && html`<button class="pill" aria-expanded=${all} onClick=${() => setAll(!all)}>${all ? t("timeline.less") : t("timeline.all", { n: rows.length })}</button>`}
      <button class="pill" aria-pressed=${holds} onClick=${() => setHolds(!holds)}>${t("timeline.holds")}</button>
    </div>`;
}

function Entry({ decision, before, command, date, named }) {
  const inputs = Object.entries(decision.inputs).filter(([, value]) => value !== null);
  return html`<li class=${`entry ${decision.kind}`}>
    ${date && html`<h3 class="eyebrow">${day(decision.time)}</h3>`}
    <details>
      <summary>
        <time datetime=${decision.time}>${clock(decision.time)}</time>
        <span class="deed"><${Icon} name=${decisionIcon(decision, before)} size="16" />${deed(decision, before)}</span>
        <span class="because">${named ? `${decision.wallbox}: ` : ""}${told(decision)}</span>
        ${command ? html`<${Verdict} command=${command} />` : html`<span></span>`}
      </summary>
      <div class="evidence">
        ${command && html`<${Proof} command=${command} />`}
        ${inputs.length > 0 && html`<p><b>${t("timeline.inputs")}</b> ${inputs.map(([name, value]) => html`<span class="input" key=${name}>${inputWords(name, value)}</span>`)}</p>`}
        ${decision.ticks > 1 && html`<p class="quiet">${t("timeline.ticks", { n: decision.ticks })}</p>`}
      </div>
    </details>
  </li>`;
}

function inputWords(name, value) {
  const label = has(`input.${name}`) ? t(`input.${name}`) : name.replace(/_[a-z]+$/, "").replaceAll("_", " ");
  const kind = { grid_w: "grid", battery_w: "battery" }[name];
  const words = { mode: `mode.${value}`, dimmed_by: `dimmed.${value}` }[name];
  return `${label} ${words ? t(words) : kind ? powerWords(kind, value) : written(name, value)}`;
}

/** A sample that the verdict rests on. */
function sampleWords({ offered_a, currents_a, power_w }) {
  const flowing = currents_a.filter((amps) => amps != null);
  return [
    offered_a != null && `${t("proof.offered")} ${current(offered_a)}`,
    flowing.length > 0 && `${t("proof.drawn")} ${flowing.map((amps) => current(amps)).join(" / ")}`,
    power_w != null && power(power_w),
  ].filter(Boolean).join(", ");
}

/** Asked, answered, offered, drawn: the three witnesses of a verdict. */
function Proof({ command }) {
  const rows = [
    [t("proof.asked"), intent(command)],
    [t("proof.answered"), t(`dispatch.${command.dispatch_status}`)],
    command.offered_a != null && [t("proof.offered"), current(command.offered_a)],
    command.power_w != null && [t("proof.drawn"), power(command.power_w)],
    command.effect_s != null && [t("proof.after"), duration(command.effect_s)],
  ].filter(Boolean);
  return html`
    <dl class="proof">${rows.map(([label, value]) => html`<div key=${label}><dt>${label}</dt><dd>${value}</dd></div>`)}</dl>
    ${command.evidence && html`<p>${evidenceWords(command)}</p>`}
    ${command.samples?.length > 0 && html`<ul class="attempts">${command.samples.map((one) => html`
      <li key=${one.time}><time>${clockSeconds(one.time)}</time> ${sampleWords(one)}</li>`)}</ul>`}
    ${command.attempts.length > 0 && html`<ul class="attempts">${command.attempts.map((one) => html`
      <li key=${one.time + one.way}><time>${clockSeconds(one.time)}</time> ${one.way}: ${t(`dispatch.${one.status}`)} ${one.text}</li>`)}</ul>`}`;
}
