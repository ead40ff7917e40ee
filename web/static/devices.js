// Every device: what it says, how old that is, and what is doubtful about it.

import { html } from "./vendor/htm-3.1.1-preact-standalone.js";
import { alertWords } from "./alarm.js";
import { Facts, Head } from "./facts.js";
import { Icon } from "./icons.js";
import { live } from "./live.js";
import { Told } from "./told.js";
import { Procedures } from "./tryout.js";
import { isReckoned, TellLevel } from "./visit.js";
import { current, duration, has, percent, plain, power, powerWords, say, t, when } from "./words.js";

const PICTURE = { grid: "grid", pv: "sun", battery: "battery" };

export function Devices({ state }) {
  return html`<main class="page" id="main" tabindex="-1">
    <header class="title"><h1>${t("nav.devices")}</h1></header>
    <ul class="devices live">
      ${Object.entries(state.meters).map(([role, meter]) => html`<${Meter} key=${role} role=${role} meter=${meter} />`)}
      ${Object.entries(state.vehicles ?? {}).map(([name, car]) => html`<${Car} key=${name} name=${name} car=${car} />`)}
      ${Object.entries(state.wallboxes).map(([name, box]) => html`<${Box} key=${name} name=${name} box=${box} />`)}
    </ul>
    <${Told} />
    <${Strangers} alerts=${state.alerts} />
    ${!live.guest && html`<p class="buttons"><a class="pill" href="#/installer">${t("installer.title")}</a></p>`}
    <p class="quiet hint">hemsd ${state.version} · ${t("devices.fuse", { amps: current(state.site.fuse_a) })}</p>
  </main>`;
}

const kindOf = (name, meter) => meter.role ?? name.split("_")[0];
const nameOf = (name, kind) => (has(`meter.${kind}`) ? t(`meter.${kind}`) + (name === kind ? "" : ` ${name.replace(`${kind}_`, "")}`) : name);

/** Who knocked at the door for wallboxes and was not let in; the installer's corner has the block that lets it in. */
function Strangers({ alerts }) {
  const found = alerts.filter((one) => one.key.startsWith("stranger:"));
  if (!found.length) return null;
  return html`<section id="strangers"><h2>${t("installer.strangers")}</h2><ul class="faults">${found.map((one) => html`<li key=${one.key}>${alertWords(one)[0]} <span class="quiet">${t("alert.since", { at: when(one.since) })}</span></li>`)}</ul>
    ${!live.guest && html`<p class="buttons"><a class="pill" href="#/installer/strangers">${t("devices.let_in")}</a></p>`}</section>`;
}

function Meter({ role, meter }) {
  const age = meter.age_s == null ? t("devices.never") : meter.ok ? t("devices.answers", { time: duration(meter.age_s) }) : t("devices.silent", { time: duration(meter.age_s) });
  return html`<li>
    <${Head} icon=${PICTURE[kindOf(role, meter)] ?? "devices"} name=${nameOf(role, kindOf(role, meter))} ok=${meter.ok} text=${age} />
    <div class="body"><p>${[meter.power_w != null && powerWords(kindOf(role, meter), meter.power_w), meter.soc_pct != null && percent(meter.soc_pct), meter.delay_s && t("devices.late", { time: duration(meter.delay_s) }), meter.may_give_w != null && t("devices.may_give", { power: power(meter.may_give_w), verdict: t(`verdict.${meter.outcome}`) })].filter(Boolean).join(" · ")}</p>
      ${[meter.trouble, ...meter.doubts].filter(Boolean).map(say).map((text) => html`<p key=${text} class="doubt"><${Icon} name="alarm" size="16" />${text}</p>`)}</div>
  </li>`;
}

/** Who told a car's level; while nobody has, who may. */
function toldBy({ told_by, source }) {
  if (told_by === "wallbox" || told_by === "person") return t(`devices.level_by_${told_by}`);
  return source ?? t("devices.level_by_hand");
}

/** A car's level, with how old it is or what it is reckoned from. */
function levelOf(car) {
  if (car.soc_pct == null) return t("devices.no_level");
  const time = duration(car.soc_age_s ?? 0);
  if (isReckoned(car)) return `${percent(car.soc_now_pct)} (${t("level.reckoned", { level: percent(car.soc_pct), time })})`;
  return `${percent(car.soc_pct)} (${t("devices.told", { time })})`;
}

function Car({ name, car }) {
  const stands = car.plugged == null ? t("devices.shared", { name: car.wallbox }) : t(car.plugged ? "devices.plugged" : "devices.unplugged", { name: car.wallbox });
  const facts = [
    [t("devices.capacity"), `${plain(car.capacity_kwh)}\u00a0kWh`],
    [t("devices.charger"), `${t(car.phases === 1 ? "phase.one" : "phase.many", { n: car.phases })}, ${current(car.max_a)}`],
    [t("devices.level"), levelOf(car)],
    [t("devices.level_from"), toldBy(car)],
  ];
  return html`<li>
    <${Head} icon="car" name=${name} />
    <div class="body"><p>${stands}</p>
      <${Facts} facts=${facts} />
      ${!live.guest && html`<${TellLevel} vehicle=${name} text=${t(car.soc_pct == null ? "level.unknown" : "level.correct")} />`}</div>
  </li>`;
}

const known = (value) => t(value == null ? "learned.unknown" : value ? "learned.yes" : "learned.no");

/** What was found out about it by watching; what nobody has seen yet says so. */
function learnedFacts({ learned, falls_back, writes_today }) {
  if (!learned) return [];
  return [
    [t("learned.response"), duration(learned.response_s)],
    [t("learned.step"), current(learned.step_a)],
    [t("learned.min"), learned.min_a == null ? "" : current(learned.min_a)],
    [t("learned.cap"), learned.cap_a == null ? "" : current(learned.cap_a)],
    [t("learned.phases"), learned.car_phases == null ? "" : t(learned.car_phases === 1 ? "phase.one" : "phase.many", { n: learned.car_phases })],
    [t("learned.way"), learned.way && `${learned.way} (${t(learned.way_proven ? "learned.proven" : "learned.unproven")})`],
    [t("learned.zero"), known(learned.zero_pauses)],
    [t("learned.falls_back"), known(falls_back)],
    [t("learned.writes"), writes_today == null ? "" : String(writes_today)],
  ];
}

function Box({ name, box }) {
  const since = box.link_since ? when(box.link_since) : "";
  const facts = [
    [t("devices.model"), [box.vendor, box.model].filter(Boolean).join(" ")],
    [t("devices.firmware"), box.firmware],
    [t("devices.status"), box.status && t(`ocpp.${box.status}`)],
    [t("devices.error"), box.error_code === "NoError" ? "" : box.error_code],
    [t("devices.offers"), box.offered_a == null ? "" : current(box.offered_a)],
    [t("devices.range"), `${current(box.min_a)} – ${current(box.max_a)}`],
    [t("devices.values"), box.sample_age_s == null ? "" : t("devices.ago", { time: duration(box.sample_age_s) })],
  ];
  const learned = [...learnedFacts(box), [t("devices.obeyed"), box.judged ? t("visit.obeyed", { n: box.obeyed, all: box.judged }) : ""]];
  return html`<li>
    <${Head} icon="box" name=${name} ok=${box.connected} text=${t(box.connected ? "devices.connected" : "devices.away", { since })} />
    <div class="body"><${Facts} facts=${facts} />
      <h3>${t("learned.title")}</h3><${Facts} facts=${learned} />
      ${!box.controllable && html`<p class="problem">${t("devices.uncontrollable")}</p>`}
      ${!box.steer && html`<p class="quiet">${t("say.watched_why")}</p>`}
      ${!live.guest && html`<${Procedures} name=${name} box=${box} />`}</div>
  </li>`;
}
