// Everything that is said: the texts of one language, and how numbers, times and durations are written.

import { live, now } from "./live.js";

export const LANGUAGES = { en: "English", de: "Deutsch" };
let texts = {};
export let language = "en";

export async function loadWords(wanted) {
  const asked = wanted ?? localStorage.getItem("language") ?? navigator.language.slice(0, 2);
  language = asked in LANGUAGES ? asked : "en";
  texts = await (await fetch(`static/i18n/${language}.json`)).json();
  document.documentElement.lang = language;
}

/** The text under this key, its {names} filled in. */
export function t(key, values = {}) {
  const text = texts[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "–");
}

/** What has to be filled in under this key. */
export const holes = (key) => [...texts[key].matchAll(/\{(\w+)\}/g)].map(([, name]) => name);

export const has = (key) => key in texts;

/** A sentence of the house: in this language where it has one under its key, else in the house's own English. */
export function say(sentence) {
  if (sentence == null || typeof sentence === "string") return unbroken(sentence ?? "");
  const key = `said.${sentence.key}`;
  return has(key) ? t(key, filled(sentence.values)) : unbroken(sentence.text);
}

/** Values as they are written, ready to be filled in. */
export const filled = (values) => Object.fromEntries(Object.entries(values).map(([name, value]) => [name, written(name, value)]));

/** A value in the form that the end of its name asks for. */
export function written(name, value) {
  if (value == null) return "–";
  if (typeof value === "object") return say(value);
  if (name.endsWith("_outcome")) return t(`verdict.${value}`);
  if (typeof value === "string") return name.endsWith("_at") ? when(value) : value;
  if (name === "phases") return t(value === 1 ? "phase.one" : "phase.many", { n: value });
  if (name.endsWith("_wh")) return `${plain(Math.round(value))}\u00a0Wh`;
  if (name.endsWith("_w")) return power(value);
  if (name.endsWith("_a")) return current(value);
  if (name.endsWith("_s")) return duration(value);
  if (name.endsWith("_pct")) return percent(value);
  if (name.endsWith("_v")) return `${number(value)}\u00a0V`;
  return plain(value);
}

/** No line ends between a number and its unit. */
export const unbroken = (text) => text.replace(/(\d) (?=(?:k?Wh?|A|s|min|h|%)\b|%)/g, "$1\u00a0");

const number = (value, digits = 0) =>
  new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);

/** kW with one decimal from 1 kW on, else W rounded to 10. */
export function power(watts) {
  if (watts == null) return "–";
  const size = Math.abs(watts);
  if (size >= 995) return `${number(watts / 1000, 1)}\u00a0kW`;
  return `${number(Math.round(watts / 10) * 10 || 0)}\u00a0W`;
}

/** "20 W to the grid": which way it flows, in words and not in signs. */
export function powerWords(kind, watts) {
  if (watts == null || !(kind === "grid" || kind === "battery") || Math.abs(watts) < 5) return power(watts);
  return t(watts > 0 ? `devices.from_${kind}` : `devices.to_${kind}`, { power: power(Math.abs(watts)) });
}

/** For the axis of a chart: no decimals where none are needed. */
export const tickPower = (watts) => (watts >= 1000 ? `${number(watts / 1000, watts % 1000 ? 1 : 0)}\u00a0kW` : `${number(watts)}\u00a0W`);

export const tickEnergy = (wh) => `${number(wh / 1000, wh % 1000 ? 1 : 0)}\u00a0kWh`;

export function energy(kwh) {
  if (kwh == null) return "–";
  if (kwh > 0 && kwh < 0.095) return `${number(Math.round(kwh * 100) * 10)}\u00a0Wh`;
  return `${number(kwh, kwh < 100 ? 1 : 0)}\u00a0kWh`;
}

export const current = (amps) => (amps == null ? "–" : `${number(amps, Math.round(amps * 10) % 10 ? 1 : 0)}\u00a0A`);
export const percent = (value) => (value == null ? "–" : `${number(value)}\u00a0%`);
export const plain = (value) => number(value, Number.isInteger(value) ? 0 : 1);

/** "1.2 MB", in steps of a thousand, as cards are sold. */
export function bytes(count) {
  const step = count < 1e6 ? [1e3, "kB", 0] : count < 1e9 ? [1e6, "MB", 1] : [1e9, "GB", 1];
  return `${number(count / step[0], step[2])}\u00a0${step[1]}`;
}

export function money(amount) {
  if (amount == null) return "–";
  const currency = live.state?.site.currency ?? "EUR";
  return new Intl.NumberFormat(language, { style: "currency", currency }).format(amount);
}

/** Grams, from a kilogram on in kilograms. */
export function grams(amount) {
  if (amount == null) return "–";
  if (Math.abs(amount) < 1000) return `${number(Math.round(amount))}\u00a0g`;
  return `${number(amount / 1000, 1)}\u00a0kg`;
}

/** A duration in the largest fitting unit, with the next one where it helps. */
export function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 100) return `${s}\u00a0s`;
  const minutes = Math.floor(s / 60);
  if (minutes < 10 && s % 60) return `${minutes}\u00a0min ${s % 60}\u00a0s`;
  if (minutes < 90) return `${minutes}\u00a0min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours}\u00a0h ${minutes % 60}\u00a0min` : `${hours}\u00a0h`;
  return t("days", { n: Math.floor(hours / 24) });
}

const zone = () => live.state?.site.timezone ?? undefined;
const format = (moment, options) =>
  new Intl.DateTimeFormat(language, { timeZone: zone(), hourCycle: "h23", ...options }).format(new Date(moment));

export const clock = (moment) => format(moment, { hour: "2-digit", minute: "2-digit" });
export const clockSeconds = (moment) => format(moment, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
export const weekday = (moment) => format(moment, { weekday: "short" });
export const day = (moment) => format(moment, { weekday: "short", day: "numeric", month: "short" });
export const shortDay = (moment) => format(moment, { day: "numeric", month: "short" });
const date = (moment) => format(moment, { year: "numeric", month: "2-digit", day: "2-digit" });

/** A clock time; with its day when that is not today. */
export function when(moment) {
  if (date(moment) === date(now())) return clock(moment);
  const near = Math.abs(new Date(moment) - now()) < 6 * 86_400_000;
  return `${near ? weekday(moment) : day(moment)} ${clock(moment)}`;
}

export const left = (moment) => duration((Date.parse(moment) - now()) / 1000);

/** How far the site's wall clock is ahead of UTC at a moment, in ms. */
function ahead(moment) {
  const parts = new Intl.DateTimeFormat("en", {
    timeZone: zone(), hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric",
    hour: "numeric", minute: "numeric", second: "numeric",
  }).formatToParts(new Date(moment));
  const of = (type) => Number(parts.find((part) => part.type === type).value);
  const wall = Date.UTC(of("year"), of("month") - 1, of("day"), of("hour"), of("minute"), of("second"));
  return wall - Math.floor(moment / 1000) * 1000;
}

/** The last midnight of the site before a moment. */
export function midnight(moment) {
  const wall = moment + ahead(moment);
  const start = wall - (wall % 86_400_000);
  const guess = start - ahead(moment);
  return start - ahead(guess); // the clocks may have changed since
}

/** The next moment at which the site's clock shows "07:00". */
export function nextAt(time) {
  const [hours, minutes] = time.split(":").map(Number);
  const today = midnight(now());
  const tomorrow = midnight(today + 36 * 3_600_000);
  const since = (hours * 60 + minutes) * 60_000;
  return today + since > now() ? today + since : tomorrow + since;
}
