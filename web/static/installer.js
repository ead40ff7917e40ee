// The installer's corner: the check, who knocks in vain, blocks for config.yaml, the settings in force, the log, and what
// hemsd keeps in trust.

import { html, useEffect, useState } from "./vendor/htm-3.1.1-preact-standalone.js";
import { call } from "./asking.js";
import { BlockForm, Block, Probe } from "./bench.js";
import { Backup, Clients, CloudPreview } from "./custody.js";
import { Icon } from "./icons.js";
import { clockSeconds, say, t, when } from "./words.js";

const LOUD = ["WARNING", "ERROR", "CRITICAL"];

const PARTS = ["check", "strangers", "probe", "bench", "config", "log", "clients", "cloud", "backup"];
const TITLES = { check: "installer.check", strangers: "installer.strangers", config: "installer.config", log: "installer.log" };

const goTo = (part) => document.getElementById(part)?.scrollIntoView();

/** What is on this long page, and where. */
function Index({ parts }) {
  return html`<div class="index" role="navigation" aria-label=${t("installer.title")}>${parts.map((part) => html`
    <a key=${part} href=${`#/installer/${part}`} onClick=${() => goTo(part)}>${t(TITLES[part] ?? `${part}.title`)}</a>`)}</div>`;
}

/** ``part`` is where somebody came to look. */
export function Installer({ part }) {
  const [found, setFound] = useState({});
  const [loud, setLoud] = useState(false);
  async function look() {
    const page = await call("GET", "api/installer").catch((error) => ({ problem: error.message }));
    setFound({ ...page, at: Date.now() });
  }
  useEffect(() => { look(); }, []);
  const { problem, config, file, faults, strangers, log } = found;
  useEffect(() => { if (config != null) goTo(part); }, [part, config != null]);
  return html`<main class="page" id="main" tabindex="-1">
    <a class="back" href="#/devices"><${Icon} name="back" size="18" />${t("nav.devices")}</a>
    <header class="title"><h1>${t("installer.title")}</h1><div class="buttons flat">
      <button class="pill" onClick=${look}>${t("installer.again")}</button>
      <a class="pill" href="api/installer/bundle.zip" download>${t("installer.bundle")}</a></div></header>
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    <p class="quiet">${t("installer.bundle_about")}</p>
    ${config != null && html`<${Index} parts=${PARTS.filter((one) => one !== "strangers" || strangers.length)} />
      <section id="check"><h2>${t("installer.check")}</h2>
        ${faults.length === 0 ? html`<p class="verdict good"><${Icon} name="check" size="16" />${t("installer.fine", { file: file ?? "config.yaml" })}</p>`
          : html`<ul class="faults">${faults.map((one) => html`<li key=${one.path}><b class="deed"><${Icon} name="alarm" size="16" />${one.path || file}</b>${one.line > 0 && html` <span class="quiet">${t("installer.line", { n: one.line })}</span>`}
            <p>${say(one.wrong)}: ${say(one.remedy)}</p></li>`)}</ul>`}</section>
      ${strangers.length > 0 && html`<section id="strangers"><h2>${t("installer.strangers")}</h2>
        <ul class="faults">${strangers.map((one) => html`<${Stranger} key=${one.identity} one=${one} />`)}</ul></section>`}
      <section id="probe"><h2>${t("probe.title")}</h2><p class="quiet">${t("probe.about")}</p><${Probe} /></section>
      <section id="bench"><h2>${t("bench.title")}</h2><p class="quiet">${t("bench.about")}</p><${BlockForm} /></section>
      <section id="config"><h2>${t("installer.config")}</h2><p class="quiet">${t("installer.config_about")}</p>
        <pre tabindex="0" aria-label=${t("installer.config")}>${config}</pre></section>
      <section id="log"><header class="title flat"><h2>${t("installer.log")}</h2>
        <button class="pill" aria-pressed=${loud} onClick=${() => setLoud(!loud)}>${t("installer.loud")}</button></header>
        <${Log} lines=${loud ? log.filter((one) => LOUD.includes(one.level)) : log} /></section>
      <section id="clients"><h2>${t("clients.title")}</h2><${Clients} /></section>
      <section id="cloud"><h2>${t("cloud.title")}</h2><${CloudPreview} /></section>
      <section id="backup"><h2>${t("backup.title")}</h2><${Backup} /></section>`}
  </main>`;
}

function Log({ lines }) {
  if (!lines.length) return html`<p class="quiet">${t("installer.silence")}</p>`;
  return html`<div class="log" lang="en" tabindex="0" role="log" aria-label=${t("installer.log")}>${lines.toReversed().map((one, n) => html`
    <p key=${one.time + n} class=${LOUD.includes(one.level) ? "loud" : ""}><time>${clockSeconds(one.time)}</time> <b>${one.level === "INFO" ? "" : one.level}</b> ${one.text}</p>`)}</div>`;
}

/** A wallbox that is not let in, with what config.yaml would need. */
function Stranger({ one }) {
  return html`<li><b>${one.identity || t("installer.nameless")}</b> <span class="quiet">${one.remote}, ${when(one.time)}: ${say(one.why)}</span>
    <${Block} text=${one.block} /></li>`;
}
