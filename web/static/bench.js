// The bench: a block for config.yaml by hand, and a look at who answers at an address. Nothing is written to the file.

import { html, useEffect, useState } from "./vendor/htm-3.1.1-preact-standalone.js";
import { call, refusal } from "./asking.js";
import { Icon } from "./icons.js";
import { live } from "./live.js";
import { say, t } from "./words.js";

/** What is asked for each kind of thing: [setting, input type, default]. A select has its choices as a list. */
const WALLBOX = [["charge_point", "text"], ["password", "text"], ["phases", ["auto", "1", "3"]], ["max_a", "number"], ["mode", ["solar", "min+solar", "fast", "off"]]];
const CAR = [["capacity_kwh", "number"], ["phases", ["3", "2", "1"]], ["max_a", "number"]];
const TARIFFS = {
  fixed: [["eur_per_kwh", "number"]],
  awattar: [["country", ["de", "at"]], ["markup_eur_per_kwh", "number"]],
  "energy-charts": [["bidding_zone", "text"], ["markup_eur_per_kwh", "number"]],
  tibber: [["token_file", "text"]],
};
const KINDS = ["grid", "pv", "battery", "wallbox", "car", "import", "export"];
const NUMBERS = new Set(["max_a", "capacity_kwh", "eur_per_kwh", "markup_eur_per_kwh", "port", "unit"]);
const WHOLE_CHOICES = { car: new Set(["phases"]) }; // here a choice is a number, and no word

export function BlockForm() {
  const [devices, setDevices] = useState([]);
  const [kind, setKind] = useState("grid");
  const [way, setWay] = useState({ device: "sunspec", driver: "modbus", tariff: "fixed" });
  const [entry, setEntry] = useState({});
  const [found, setFound] = useState(null); // {block, faults} or {problem}
  useEffect(() => void call("GET", "api/installer/devices").then((page) => setDevices(page.devices), () => {}), []);
  const meter = ["grid", "pv", "battery"].includes(kind);
  const fitting = devices.filter((one) => one.modbus.includes(kind) || one.mqtt.includes(kind));
  const device = fitting.find((one) => one.device === way.device) ?? fitting[0];
  const drivers = ["modbus", "mqtt"].filter((one) => device?.[one].includes(kind));
  const driver = drivers.includes(way.driver) ? way.driver : drivers[0];
  const fields = meter ? meterFields(device, driver) : kind === "wallbox" ? WALLBOX : kind === "car" ? CAR : TARIFFS[way.tariff];

  function choose(wanted) {
    setKind(wanted);
    setEntry({});
    setFound(null);
  }
  async function make(event) {
    event.preventDefault();
    const settings = Object.fromEntries(fields.map(([name, type]) => [name, valueOf(kind, name, type, entry[name])]));
    const keys = Object.fromEntries(Object.keys(settings).filter((name) => name.startsWith("keys.")).map((name) => [name.slice(5), settings[name]]));
    for (const name of Object.keys(settings)) if (name.startsWith("keys.")) delete settings[name];
    const section = meter ? "meters" : { wallbox: "wallboxes", car: "vehicles" }[kind] ?? "tariff";
    const first = meter ? { driver, device: device?.device } : kind === "wallbox" ? { driver: "ocpp" } : kind === "car" ? { wallbox: entry.wallbox ?? Object.keys(live.state?.wallboxes ?? {})[0] } : { driver: way.tariff };
    const name = section === "tariff" ? kind : entry.name || (meter ? kind : kind === "wallbox" ? "garage" : "car");
    const body = { section, name, settings: { ...first, ...settings, ...(Object.values(keys).some(Boolean) ? { keys } : {}) } };
    setFound(await call("POST", "api/installer/block", body).catch((error) => ({ problem: error.message })));
  }
  const field = ([name, type, usual]) => html`<${Field} key=${name} name=${name} type=${type} usual=${usual} value=${entry[name]} set=${(value) => setEntry({ ...entry, [name]: value })} />`;
  return html`<form class="bench" onSubmit=${make}>
      <label class="field">${t("bench.what")}<select value=${kind} onChange=${(e) => choose(e.target.value)}>${KINDS.map((one) => html`<option key=${one} value=${one}>${t(`bench.kind.${one}`)}</option>`)}</select></label>
      ${meter && html`<label class="field">${t("bench.device")}<select value=${device?.device} onChange=${(e) => setWay({ ...way, device: e.target.value })}>
        ${fitting.map((one) => html`<option key=${one.device} value=${one.device}>${one.name}${one.experimental ? ` (${t("bench.experimental")})` : ""}</option>`)}</select></label>`}
      ${meter && drivers.length > 1 && html`<label class="field">${t("bench.driver")}<select value=${driver} onChange=${(e) => setWay({ ...way, driver: e.target.value })}>
        ${drivers.map((one) => html`<option key=${one} value=${one}>${t(`bench.driver.${one}`)}</option>`)}</select></label>`}
      ${["import", "export"].includes(kind) && html`<label class="field">${t("bench.driver")}<select value=${way.tariff} onChange=${(e) => setWay({ ...way, tariff: e.target.value })}>
        ${Object.keys(TARIFFS).map((one) => html`<option key=${one} value=${one}>${t(`bench.tariff.${one}`)}</option>`)}</select></label>`}
      ${kind === "car" && html`<label class="field">${t("bench.field.wallbox")}<select value=${entry.wallbox} onChange=${(e) => setEntry({ ...entry, wallbox: e.target.value })}>
        ${Object.keys(live.state?.wallboxes ?? {}).map((name) => html`<option key=${name} value=${name}>${name}</option>`)}</select></label>`}
      ${!["import", "export"].includes(kind) && field(["name", "text", meter ? kind : kind === "wallbox" ? "garage" : "car"])}
      ${(fields ?? []).map(field)}
      <div class="buttons"><button class="main" type="submit" disabled=${meter && !device}>${t("bench.make")}</button></div>
    </form>
    ${meter && device?.notes.length > 0 && html`<ul class="changes">${device.notes.map((text) => html`<li key=${text} lang="en">${text}</li>`)}</ul>`}
    <div role="status">${found?.problem && html`<p class="problem">${found.problem}</p>`}
      ${found?.block && html`<${Block} text=${found.block} /><${Faults} faults=${found.faults} />`}</div>`;
}

function meterFields(device, driver) {
  if (driver === "mqtt") return (device?.needs ?? []).map((name) => [name === "topic" ? "topic" : `keys.${name}`, "text"]);
  return [["host", "text", "192.168.1.20"], ["port", "number", device?.port ?? 502], ["unit", "number", device?.unit ?? 1], ["invert", "checkbox"]];
}

function valueOf(kind, name, type, value) {
  if (type === "checkbox") return value ? true : null;
  if (value == null || value === "") return Array.isArray(type) && name !== "mode" ? valueOf(kind, name, "choice", type[0]) : null;
  return NUMBERS.has(name) || WHOLE_CHOICES[kind]?.has(name) ? Number(value) : value;
}

function Field({ name, type, usual, value, set }) {
  const label = t(`bench.field.${name.startsWith("keys.") ? "key" : name}`, { name: name.slice(5) });
  if (type === "checkbox") return html`<label class="field tick-box"><input type="checkbox" checked=${value ?? false} onChange=${(e) => set(e.target.checked)} />${label}</label>`;
  if (Array.isArray(type)) return html`<label class="field">${label}<select value=${value} onChange=${(e) => set(e.target.value)}>${type.map((one) => html`<option key=${one} value=${one}>${one}</option>`)}</select></label>`;
  return html`<label class="field">${label}<input type=${type} step="any" placeholder=${usual ?? ""} value=${value ?? ""} autocomplete="off" onInput=${(e) => set(e.target.value)} /></label>`;
}

/** Text for config.yaml, to be copied. The clipboard belongs to https and loopback; elsewhere it is marked by hand. */
export function Block({ text }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => setCopied(false), [text]);
  const copy = async () => setCopied(await (navigator.clipboard?.writeText(text).then(() => true, () => false) ?? false));
  return html`<pre tabindex="0" aria-label=${t("installer.block")}>${text}</pre>
    <button type="button" class="pill" onClick=${copy}>${copied ? t("installer.copied") : t("installer.copy")}</button>`;
}

function Faults({ faults }) {
  if (!faults.length) return html`<p class="verdict good"><${Icon} name="check" size="16" />${t("bench.fine")}</p>`;
  return html`<ul class="faults">${faults.map((one) => html`<li key=${one.path}><b>${one.path}</b><p>${say(one.wrong)}: ${say(one.remedy)}</p></li>`)}</ul>`;
}

/** Asks an address who is there; what is found comes line by line. */
export function Probe() {
  const [target, setTarget] = useState("");
  const [found, setFound] = useState(null); // {lines, block, busy, problem}
  async function ask(event) {
    event.preventDefault();
    setFound({ lines: [], busy: true });
    try {
      await stream("api/installer/probe", { target }, ({ text, block }) =>
        setFound((before) => ({ ...before, lines: [...before.lines, say(text)], block: block ?? before.block })));
      setFound((before) => ({ ...before, busy: false }));
    } catch (error) {
      setFound((before) => ({ ...before, busy: false, problem: error.message }));
    }
  }
  return html`<form class="bench one-line" onSubmit=${ask}>
      <label class="field">${t("probe.target")}<input type="text" required placeholder="192.168.1.20" autocomplete="off" autocapitalize="off" value=${target} onInput=${(e) => setTarget(e.target.value)} /></label>
      <div class="buttons"><button class="main" type="submit" disabled=${found?.busy}>${t("probe.ask")}</button></div>
    </form>
    <div role="status">${found && html`<div class="log found-log">${found.lines.map((line, n) => html`<p key=${n}>${line}</p>`)}${found.busy && html`<p class="quiet">${t("probe.busy")}</p>`}</div>`}
      ${found?.problem && html`<p class="problem">${found.problem}</p>`}
      ${found?.block && html`<${Block} text=${found.block} />`}</div>`;
}

/** Sends a body and hands over each line of the answer as it comes. */
export async function stream(path, body, take) {
  const response = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }).catch(() => {
    throw new Error(t("asked.unreachable"));
  });
  if (response.status === 401) location.assign("login");
  if (!response.ok) throw refusal(response, await response.json().catch(() => ({})));
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    lines.filter(Boolean).forEach((line) => take(JSON.parse(line)));
  }
}
