// What hemsd keeps in trust: programs that may ask, what would leave the house, and the copy of everything.

import { html, useEffect, useRef, useState } from "./vendor/htm-3.1.1-preact-standalone.js";
import { call } from "./asking.js";
import { Block } from "./bench.js";
import { Icon } from "./icons.js";
import { live } from "./live.js";
import { bytes, day, say, t } from "./words.js";

const SCOPES = ["flex", "analysis", "partner", "local"];

/** Programs with credentials: listed, let in, shut out. */
export function Clients() {
  const [clients, setClients] = useState(null);
  const [made, setMade] = useState(null);
  const [problem, setProblem] = useState("");
  const name = useRef();
  const form = useRef();
  useEffect(() => void call("GET", "api/installer/clients").then((page) => setClients(page.clients), (error) => setProblem(error.message)), []);
  const doing = (work) => work.then(() => setProblem(""), (error) => setProblem(error.message));
  function add(event) {
    event.preventDefault();
    const scopes = new FormData(form.current).getAll("scope");
    if (!scopes.length) return setProblem(t("clients.no_scope"));
    doing(call("POST", "api/installer/clients", { name: name.current.value, scopes }).then(async (page) => {
      setMade(page);
      form.current.reset();
      setClients((await call("GET", "api/installer/clients")).clients);
    }));
  }
  const remove = (one) => confirm(t("clients.sure", { name: one.name })) &&
    doing(call("DELETE", `api/installer/clients/${one.id}`).then((page) => setClients(page.clients)));
  return html`<p class="quiet">${t("clients.about")}</p>
    <p><a href="openapi.json">${t("clients.described")}</a></p>
    ${clients?.length === 0 && html`<p>${t("clients.none")}</p>`}
    <ul class="faults">${(clients ?? []).map((one) => html`<li key=${one.id} class="client"><div><b>${one.name}</b> <span class="quiet">${one.scopes.join(", ")} · ${t("visit.since", { at: day(one.since) })}</span><p class="quiet">${one.id}</p></div>
      <button class="pill" onClick=${() => remove(one)} aria-label=${t("clients.remove_one", { name: one.name })}>${t("clients.remove")}</button></li>`)}</ul>
    <form class="bench" ref=${form} onSubmit=${add}>
      <label class="field">${t("clients.name")}<input type="text" ref=${name} required maxlength="40" pattern="[A-Za-z0-9][A-Za-z0-9 ._\\-]*" autocomplete="off" /></label>
      <fieldset class="scopes"><legend>${t("clients.scopes")}</legend>${SCOPES.map((scope) => html`<label key=${scope} class="tick-box"><input type="checkbox" name="scope" value=${scope} />${t(`clients.scope.${scope}`)}</label>`)}</fieldset>
      <div class="buttons"><button class="main" type="submit">${t("clients.add")}</button></div>
    </form>
    <p class="problem" role="alert">${problem}</p>
    <div role="status">${made && html`<p><b>${t("clients.once")}</b></p><${Block} text=${JSON.stringify({ client_id: made.client_id, client_secret: made.client_secret }, null, 2)} />`}</div>`;
}

/** Exactly what would leave the house, made by the parts that would send it. */
export function CloudPreview() {
  const [found, setFound] = useState(null);
  async function look() {
    setFound({ busy: true });
    setFound(await call("GET", "api/installer/cloud").catch((error) => ({ problem: error.message })));
  }
  return html`<p class="quiet">${t("cloud.about")}</p>
    <div class="buttons"><button class="pill" disabled=${found?.busy} onClick=${look}>${t("cloud.look")}</button></div>
    <div role="status">${found?.busy && html`<p class="quiet">${t("cloud.busy")}</p>`}
      ${found?.problem && html`<p class="problem">${found.problem}</p>`}
      ${found?.preview && html`<pre tabindex="0" aria-label=${t("cloud.title")}>${found.preview.key ? say(found.preview) : found.preview.text}</pre>`}</div>`;
}

/** How the database is, and a copy of it. */
export function Backup() {
  const storage = live.state?.storage;
  const facts = storage ? [
    [t("backup.size"), storage.database_bytes == null ? "" : bytes(storage.database_bytes)],
    [t("backup.today"), `${bytes(storage.bytes_today)} (${t("backup.most", { most: bytes(storage.max_bytes_per_day) })})`],
    [t("backup.newest"), storage.newest_copy ?? t("backup.no_copy")],
  ].filter(([, value]) => value) : [];
  return html`${storage?.trouble && html`<p class="problem"><${Icon} name="alarm" size="16" /> ${say(storage.trouble)}</p>`}
    <dl class="proof">${facts.map(([label, value]) => html`<div key=${label}><dt>${label}</dt><dd>${value}</dd></div>`)}</dl>
    <p class="quiet">${t("backup.about")}</p>
    <div class="buttons"><a class="pill" href="api/installer/backup.db" download>${t("backup.load")}</a></div>`;
}
