// What a thing is, on the devices page: its name with how it does, and what is known of it.

import { html } from "./vendor/htm-3.1.1-preact-standalone.js";
import { Icon } from "./icons.js";

const LONG = 22; // letters; more take the room of two

/** What it is, and how it does; ``ok`` is left out where nothing answers. */
export function Head({ icon, name, ok, text }) {
  return html`<div class="head"><${Icon} name=${icon} size="28" /><h2>${name}</h2>
    ${text && html`<span class=${`verdict ${ok ? "good" : "bad"}`}><${Icon} name=${ok ? "check" : "cross"} size="16" />${text}</span>`}</div>`;
}

/** Labelled values; what is not known is left out. */
export function Facts({ facts }) {
  const known = facts.filter(([, value]) => value);
  if (!known.length) return null;
  return html`<dl class="proof">${known.map(([label, value]) => html`<div key=${label} class=${value.length > LONG ? "wide" : ""}><dt>${label}</dt><dd>${value}</dd></div>`)}</dl>`;
}
