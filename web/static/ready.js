// "Ready by": the button that names the target, and the dialog behind it.

import { html, useRef, useState } from "./vendor/htm-3.1.1-preact-standalone.js";
import { Icon } from "./icons.js";
import { clock, nextAt, percent, t, when } from "./words.js";

export function readyWords(box) {
  if (box.ready_by && box.target_pct) return t("ready.both", { level: percent(box.target_pct), at: when(box.ready_by) });
  if (box.target_pct) return t("ready.level", { level: percent(box.target_pct) });
  return t("ready.none");
}

/** The dialog keeps what is being entered; the house's news does not write into it. */
export function ReadyBy({ box, save, clear, text }) {
  const dialog = useRef();
  const [entry, setEntry] = useState({ time: "07:00", level: 80 });
  const shut = () => dialog.current.close();
  function open() {
    setEntry({ time: box.ready_by ? clock(box.ready_by) : "07:00", level: box.target_pct ?? 80 });
    dialog.current.showModal();
  }
  function submit() {
    const ready_by = entry.time ? new Date(nextAt(entry.time)).toISOString() : undefined;
    save({ minimum_charge_target_pct: Number(entry.level), ready_by });
  }
  return html`<button class="pill" onClick=${open}><${Icon} name="now" size="18" />${text ?? readyWords(box)}</button>
  <dialog ref=${dialog} aria-label=${t("ready.title")} onClick=${(e) => e.target === dialog.current && shut()}>
    <form method="dialog" onSubmit=${submit}>
      <h2>${t("ready.title")}</h2>
      <p class="quiet">${t("ready.about")}</p>
      <label class="field">${t("ready.time")}
        <input type="time" value=${entry.time} onInput=${(e) => setEntry({ ...entry, time: e.target.value })} />
      </label>
      <label class="field">${t("ready.to", { level: percent(Number(entry.level)) })}
        <input type="range" min="10" max="100" step="5" value=${entry.level} onInput=${(e) => setEntry({ ...entry, level: e.target.value })} />
      </label>
      <div class="buttons">
        <button type="submit" class="main">${t("ready.save")}</button>
        <button type="button" class="pill" onClick=${shut}>${t("cancel")}</button>
        ${(box.ready_by || box.target_pct) && html`<button type="button" class="link" onClick=${() => { clear(); shut(); }}>${t("ready.clear")}</button>`}
      </div>
    </form>
  </dialog>`;
}
