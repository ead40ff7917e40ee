// One wallbox: its sentence, its mode, "Charge now", "Ready by", and what it made of the last command.

import { html, useEffect, useState } from "./vendor/htm-3.1.1-preact-standalone.js";
import { call } from "./asking.js";
import { Icon } from "./icons.js";
import { live, now } from "./live.js";
import { ReadyBy } from "./ready.js";
import { budget, countdowns, sentence, turnWords } from "./sentence.js";
import { Verdict, intent } from "./verdict.js";
import { clock, duration, t } from "./words.js";

const MODES = ["off", "solar", "min+solar", "fast"];
const NOTICE_MS = 12_000; // how long an answer to a press stays when nothing else follows

export function WallboxCard({ name, box, alone }) {
  const [asked, setAsked] = useState(null); // {text, at, commandId, error}
  async function ask(method, what, body, text) {
    const press = { text, at: Date.now(), houseAt: now(), commandId: box.command?.id ?? 0, mode: body?.mode };
    setAsked({ ...press, waiting: true });
    try {
      await call(method, `api/wallboxes/${encodeURIComponent(name)}/${what}`, body);
      setAsked(press);
    } catch (error) {
      setAsked({ ...press, error: error.message });
    }
  }

  const [what, why] = sentence(box);
  const next = turnWords(box);
  return html`<section class="wallbox" aria-label=${name}>
    ${!alone && html`<h2 class="eyebrow">${name}</h2>`}
    <div class="sentence live">
      <h1 class="say">${what}</h1>
      <p class="why">${why}</p>
      ${next && html`<p class="next">${next}</p>`}
      <${Meanwhile} box=${box} />
    </div>
    ${box.steer && !live.guest && html`<div class="controls">
      <${Modes} box=${box} name=${name} asked=${asked}
        choose=${(mode) => ask("PUT", "mode", { mode }, t("asked.mode", { mode: t(`mode.${mode}`) }))} />
      <div class="wishes">
        <button class=${`pill ${box.boost ? "on" : ""}`} aria-pressed=${box.boost} disabled=${!box.plugged && !box.boost}
          onClick=${() => box.boost ? ask("DELETE", "boost", null, t("asked.unboost")) : ask("PUT", "boost", {}, t("asked.boost"))}>
          <${Icon} name="bolt" size="18" />${box.boost ? t("boost.on") : t("boost.off")}
        </button>
        <${ReadyBy} box=${box} save=${(body) => ask("PUT", "target", body, t("asked.target"))}
          clear=${() => ask("DELETE", "target", null, t("asked.untarget"))} />
      </div>
    </div>`}
    <${Obedience} box=${box} asked=${asked} />
  </section>`;
}

/** What is running meanwhile: a budget that fills up, a pause that ends. Its place is kept when there is nothing. */
function Meanwhile({ box }) {
  const [, again] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => again((n) => n + 1), 1000);
    return () => clearInterval(timer);
  }, []);
  const filling = budget(box);
  const ending = countdowns(box);
  return html`<div class="meanwhile">
    ${filling && html`<span class="budget"><meter min="0" max="1" value=${filling.share} aria-label=${filling.text}></meter>${filling.text}</span>`}
    ${ending.map((text) => html`<span key=${text.slice(0, 8)}>${text}</span>`)}
  </div>`;
}

function Modes({ box, name, asked, choose }) {
  const shown = asked && !asked.error && asked.mode && Date.now() - asked.at < NOTICE_MS ? asked.mode : box.mode;
  return html`<div class="modes" role="group" aria-label=${t("mode.title", { name })}>
    ${MODES.map((mode) => html`
      <button key=${mode} aria-pressed=${mode === shown} title=${t(`mode.${mode}.about`)} onClick=${() => choose(mode)}>
        ${t(`mode.${mode}`)}
      </button>`)}
  </div>`;
}

/** The answer to a press at once, then what the wallbox really did. One line, always there. */
function Obedience({ box, asked }) {
  const { command } = box;
  const fresh = asked && Date.now() - asked.at < NOTICE_MS;
  let line = "";
  if (asked?.error) line = html`<span class="problem"><${Icon} name="alarm" size="16" />${asked.error}</span>`;
  else if (asked && command && command.id > asked.commandId) line = html`<${Told} command=${command} />`;
  else if (fresh && answered(box, asked)) line = t("asked.unchanged");
  else if (fresh) line = html`<span class="asking">${asked.text}</span>`;
  else if (!box.controllable) line = html`<span class="verdict bad"><${Icon} name="cross" size="16" />${t("verdict.not_capable")}</span>`;
  else if (command) line = html`<${Told} command=${command} />`;
  return html`<p class="obedience" role="status">${line}</p>`;
}

/** Whether the rules have judged again since the press, and saw no need for a command. */
function answered(box, asked) {
  return !asked.waiting && box.decision && Date.parse(box.decision.time) > asked.houseAt && (!asked.mode || asked.mode === box.mode);
}

function Told({ command }) {
  const effect = command.final && command.outcome === "applied" && command.effect_s != null;
  return html`<span>${t("told", { what: intent(command), at: clock(command.time) })}</span>
    <${Verdict} command=${command} />
    ${effect && html`<span>${t("told.after", { time: duration(command.effect_s) })}</span>`}`;
}
