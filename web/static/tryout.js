// Trying out a wallbox, and checking the grid meter with it: with consent, step by step, and what came of it.

import { html, useEffect, useRef, useState } from "./vendor/htm-3.1.1-preact-standalone.js";
import { call } from "./asking.js";
import { Facts } from "./facts.js";
import { say, t } from "./words.js";

const LOOK_MS = 2000;

/** What is running or was found, asked for again while something runs. */
function useWork(path) {
  const [found, setFound] = useState(null);
  const timer = useRef(null);
  async function look() {
    clearTimeout(timer.current);
    const page = await call("GET", path).catch(() => null);
    setFound((before) => page ?? before);
    timer.current = page?.running ? setTimeout(look, LOOK_MS) : null;
  }
  useEffect(() => {
    look();
    return () => clearTimeout(timer.current);
  }, [path]);
  return [found, look];
}

/** The two procedures of one wallbox. ``ready``: a car is plugged in and it is connected. */
export function Procedures({ name, box }) {
  const path = `api/wallboxes/${encodeURIComponent(name)}`;
  return html`<div class="procedures">
    <${Procedure} what="adopt" path=${`${path}/adoption`} ready=${box.connected && box.plugged} />
    <${Procedure} what="check" path=${`${path}/meter-check`} ready=${box.connected && box.plugged} />
    <${Clear} path=${`${path}/clear-profiles`} ready=${box.connected} />
  </div>`;
}

function Procedure({ what, path, ready }) {
  const [page, look] = useWork(path);
  const [problem, setProblem] = useState("");
  const [open, setOpen] = useState(false);
  const dialog = useRef();
  const log = useRef();
  const doing = (method, body) => call(method, path, body).then(() => { setProblem(""); setOpen(true); look(); }, (error) => setProblem(error.message));
  useEffect(() => {
    if (page?.running) setOpen(true); // and what it found stays in sight
  }, [page?.running]);
  useEffect(() => log.current?.scrollTo(0, log.current.scrollHeight), [page?.said.length]); // the newest line stays in sight
  if (!page) return null;
  const { running, sheet = [] } = page;
  const said = page.said.map(say);
  return html`<details open=${open} onToggle=${(e) => setOpen(e.currentTarget.open)}>
    <summary><b>${t(`work.${what}`)}</b> <span class="quiet">${running ? t("work.running") : said.length || sheet.length ? t("work.done") : t("work.never")}</span></summary>
    <p class="quiet">${t(`work.${what}.about`)}</p>
    ${said.length > 0 && !running && !sheet.length && html`<p><b>${said.at(-1)}</b></p>`}
    <${Facts} facts=${sheet.map(({ about, found }) => [say(about), say(found)])} />
    ${said.length > 0 && html`<div class="log found-log" role="log" ref=${log} tabindex="0" aria-label=${t(`work.${what}`)}>${said.map((line, n) => html`<p key=${n}>${line}</p>`)}${running && html`<p class="quiet">…</p>`}</div>`}
    <p class="problem" role="alert">${problem}</p>
    <div class="buttons">${running
      ? html`<button class="pill" onClick=${() => doing("DELETE")}>${t("work.give_up")}</button>`
      : html`<button class="pill" disabled=${!ready} onClick=${() => dialog.current.showModal()}>${t(`work.${what}.begin`)}</button>`}
      ${!ready && !running && html`<span class="quiet">${t("work.needs_car")}</span>`}</div>
    <${Consent} dialog=${dialog} title=${t(`work.${what}.begin`)} about=${t(`work.${what}.consent`)} agree=${() => doing("POST", { consent: true })} />
  </details>`;
}

/** Takes every charging profile off the wallbox, those of others too. */
function Clear({ path, ready }) {
  const dialog = useRef();
  const [told, setTold] = useState("");
  const clear = () => call("POST", path, { consent: true }).then((page) => setTold(`${t(`dispatch.${page.status}`)} ${say(page.text)}`), (error) => setTold(error.message));
  return html`<details><summary><b>${t("work.clear")}</b></summary><p class="quiet">${t("work.clear.about")}</p>
    <div class="buttons"><button class="pill" disabled=${!ready} onClick=${() => dialog.current.showModal()}>${t("work.clear.begin")}</button></div>
    <p role="status">${told}</p>
    <${Consent} dialog=${dialog} title=${t("work.clear.begin")} about=${t("work.clear.about")} agree=${clear} /></details>`;
}

function Consent({ dialog, title, about, agree }) {
  const shut = () => dialog.current.close();
  return html`<dialog ref=${dialog} aria-label=${title} onClick=${(e) => e.target === dialog.current && shut()}>
    <form method="dialog" onSubmit=${agree}><h2>${title}</h2><p>${about}</p>
      <div class="buttons"><button class="main" type="submit">${t("work.agree")}</button>
        <button class="pill" type="button" onClick=${shut}>${t("cancel")}</button></div></form>
  </dialog>`;
}
