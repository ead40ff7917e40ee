// Starts the page: texts, the live line, and which view is shown. The address after # names the view.

import { html, render, useEffect, useErrorBoundary, useRef, useState } from "./vendor/htm-3.1.1-preact-standalone.js";
import { alertWords } from "./alarm.js";
import { Chart, Totals } from "./chart.js";
import { Flow } from "./flow.js";
import { Icon } from "./icons.js";
import { connect, live, meet, now, subscribe } from "./live.js";
import { Timeline } from "./timeline.js";
import { newsOf, useToday } from "./past.js";
import { ThisVisit, VisitView, Visits } from "./visit.js";
import { WallboxCard } from "./wallbox.js";
import { LANGUAGES, clockSeconds, language, loadWords, t, when } from "./words.js";

// The views behind the first one come when they are asked for, or when the first one has long been there.
const LATER = {
  Ahead: () => import("./ahead.js"),
  History: () => import("./history.js"),
  Devices: () => import("./devices.js"),
  Installer: () => import("./installer.js"),
};
const WARM_MS = 4000;

function Later({ view, ...given }) {
  const [found, setFound] = useState({});
  useEffect(() => void LATER[view]().then((module) => setFound({ View: module[view] }), () => setFound({ lost: true })), [view]);
  if (found.lost) return html`<main class="page" id="main" tabindex="-1"><p class="problem" role="alert">${t("asked.away")}</p></main>`;
  return found.View ? html`<${found.View} ...${given} />` : html`<${Shell} />`;
}

function useLive() {
  const [, again] = useState(0);
  useEffect(() => {
    const changed = () => again((n) => n + 1);
    changed(); // what came between the first drawing and now
    return subscribe(changed);
  }, []);
  return live;
}

function useRoute() {
  const [route, setRoute] = useState(location.hash.slice(2));
  useEffect(() => {
    const moved = () => {
      setRoute(location.hash.slice(2));
      scrollTo(0, 0);
    };
    addEventListener("hashchange", moved);
    return () => removeEventListener("hashchange", moved);
  }, []);
  return route.split("/");
}

function App() {
  const { state, lostAt } = useLive();
  const [view, id] = useRoute();
  useEffect(() => {
    document.body.classList.toggle("lost", lostAt !== null);
  }, [lostAt]);
  const at = view === "installer" ? "devices" : ["plan", "history", "visits", "devices"].includes(view) ? view : "now";
  useEffect(() => {
    document.title = [at === "now" ? "" : t(`nav.${at}`), state?.site.name ?? "hemsd"].filter(Boolean).join(" · ");
  }, [at, state?.site.name]);
  const first = useRef(true);
  useEffect(() => {
    if (!first.current) document.getElementById("main")?.focus({ preventScroll: true }); // a screen reader goes on where the eye does
    first.current = false;
  }, [view, id]);
  return html`
    <a class="jump" href="#main" onClick=${(e) => { e.preventDefault(); document.getElementById("main")?.focus(); }}>${t("nav.skip")}</a>
    <header class="top"><a class="brand" href="#/">${state?.site.name ?? "hemsd"}</a>
      ${state?.simulate && html`<span class="chip" title=${state.simulate.day}>${t("simulated")}</span>`}
      <${Nav} at=${at} /></header>
    <${Line} lostAt=${lostAt} state=${state} />
    ${state && html`<${Alerts} alerts=${state.alerts} />`}
    ${view === "visits" && id && html`<${VisitView} id=${id} key=${id} news=${newsOfVisit(state, id)} />`}
    ${view === "visits" && !id && html`<${Visits} />`}
    ${view === "plan" && state && html`<${Later} view="Ahead" state=${state} key="Ahead" />`}
    ${view === "history" && state && html`<${Later} view="History" key="History" />`}
    ${view === "devices" && state && html`<${Later} view="Devices" state=${state} key="Devices" />`}
    ${view === "installer" && html`<${Later} view="Installer" part=${id} key="Installer" />`}
    ${at === "now" && (state ? html`<${Now} state=${state} />` : html`<${Shell} />`)}
    <${Foot} />`;
}

const newsOfVisit = (state, id) => newsOf(Object.values(state?.wallboxes ?? {}).filter((box) => box.session_id === id));

function Nav({ at }) {
  return html`<nav aria-label=${t("nav.title")}>${[["now", "#/"], ["plan", "#/plan"], ["history", "#/history"], ["visits", "#/visits"], ["devices", "#/devices"]].filter(([name]) => name !== "visits" || !live.guest).map(([name, href]) => html`
    <a key=${name} href=${href} aria-current=${name === at ? "page" : undefined}><${Icon} name=${name} /><span>${t(`nav.${name}`)}</span></a>`)}</nav>`;
}

/** A lost line says since when the numbers stand still. */
function Line({ lostAt, state }) {
  if (lostAt === null) return html`<div class="line" role="status"></div>`;
  return html`<div class="line lost" role="status"><span>${state ? t("line.lost", { at: clockSeconds(state.time) }) : t("line.none")}</span></div>`;
}

function Alerts({ alerts }) {
  return html`<div class="alerts" role="alert">${alerts.map((one) => [one, ...alertWords(one)]).map(([one, what, todo]) => html`
    <p key=${one.key}><${Icon} name="alarm" /><span><b>${what}</b> ${todo} <span class="quiet">${t("alert.since", { at: when(one.since) })}</span></span></p>`)}</div>`;
}

function Shell() {
  return html`<main class="page" aria-busy="true"><div class="shell shell-sentence"></div><div class="shell shell-row"></div><div class="shell shell-flow"></div></main>`;
}

function Now({ state }) {
  const today = useToday(state);
  const boxes = Object.entries(state.wallboxes);
  const plugged = boxes.filter(([, box]) => box.plugged);
  const visits = plugged.length ? plugged : boxes.slice(0, 1);
  return html`<main class="page now" id="main" tabindex="-1">
    <div class="left"><div class="wallboxes">
      ${boxes.map(([name, box]) => html`<${WallboxCard} key=${name} name=${name} box=${box} alone=${boxes.length === 1} />`)}
      ${boxes.length === 0 && html`<p class="why">${t("say.no_wallbox")}</p>`}
    </div>
    <section class="today"><h2>${t("today.title")}</h2>
      <${Chart} history=${today.history} decisions=${today.decisions} commands=${today.commands} from=${today.shownFrom} to=${today.shownTo} at=${now()} plan=${today.plan} />
      <${Totals} history=${today.history} />
    </section></div>
    <div class="right"><${Flow} state=${state} />
    <div class="stay">${visits.map(([name, box]) => html`<${ThisVisit} key=${name} name=${name} box=${box} plan=${today.plan?.wallboxes[name]} alone=${boxes.length === 1} />`)}</div></div>
    <section class="why-all"><h2>${t("timeline.title")}</h2><${Timeline} decisions=${today.decisions} commands=${today.commands} boxes=${boxes.length} /></section>
  </main>`;
}

function Foot() {
  const [, again] = useState("");
  async function speak(wanted) {
    localStorage.setItem("language", wanted);
    await loadWords(wanted);
    again(wanted);
    dispatchEvent(new Event("language"));
  }
  return html`<footer>${Object.entries(LANGUAGES).map(([code, name]) => html`
    <button key=${code} class="link" lang=${code} aria-pressed=${code === language} onClick=${() => speak(code)}>${name}</button>`)}
    ${live.guest && html`<span class="quiet">${t("guest.looks")}</span><a href="login">${t("login.enter")}</a>`}
    ${live.password && !live.guest && html`<button class="link" onClick=${leave}>${t("login.leave")}</button>`}</footer>`;
}

/** Under "no-referrer" a form would be posted with "Origin: null", which looks like another site; fetch is not. */
const leave = () => fetch("logout", { method: "POST", redirect: "manual" }).finally(() => location.assign("login"));

function Root() {
  const [, again] = useState(0);
  useEffect(() => {
    const changed = () => again((n) => n + 1);
    addEventListener("language", changed);
    return () => removeEventListener("language", changed);
  }, []);
  const [fault] = useErrorBoundary((error) => console.error(error));
  if (fault) return html`<main class="page"><h1 class="say">${t("fault.what")}</h1><p class="why">${t("fault.why")}</p>
    <p class="buttons"><button class="main" onClick=${() => location.reload()}>${t("fault.again")}</button></p></main>`;
  return html`<${App} key=${language} />`;
}

connect();
await Promise.all([loadWords(), meet()]);
const place = document.getElementById("app");
place.replaceChildren();
render(html`<${Root} />`, place);
setTimeout(() => Object.values(LATER).forEach((load) => load().catch(() => {})), WARM_MS);
navigator.serviceWorker?.register("sw.js").catch(() => {}); // only https and loopback have one
