// Line icons on a 24 px grid, drawn for this page.

import { html } from "./vendor/htm-3.1.1-preact-standalone.js";

const PATHS = {
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M18.7 5.3l-1.4 1.4M6.7 17.3l-1.4 1.4",
  battery: "M7 6h10a1.5 1.5 0 0 1 1.5 1.5v12A1.5 1.5 0 0 1 17 21H7a1.5 1.5 0 0 1-1.5-1.5v-12A1.5 1.5 0 0 1 7 6ZM10 6V3.5h4V6M9 13.5h6M12 10.5v6",
  grid: "M12 2.5 6.5 21.5M12 2.5l5.5 19M9.8 10h4.4M8.4 15h7.2M7 19.5h10M4 8.5h16M4 8.5v2M20 8.5v2",
  house: "M3.5 11.5 12 4l8.5 7.5M6 9.5V20h12V9.5M10 20v-6h4v6",
  car: "M4 16.5v-3l2-5.5A2 2 0 0 1 8 6.500h8a2 2 0 0 1 2 1.500l2 5.500v3M3.500 16.500h17M4.500 16.500v2.500h2.500v-2.500M17 16.500v2.500h2.500v-2.500M4.500 12.500h15M7 14.500h1M16 14.500h1",
  now: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18ZM12 7v5l3.500 2",
  history: "M4 19.500h16M4 15l4.500-5 4 3.500L20 5.500",
  plus: "M12 5.500v13M5.500 12h13",
  minus: "M5.500 12h13",
  visits: "M5 5.500h14M5 12h14M5 18.500h9",
  devices: "M4 5h16v10H4ZM8 19h8M12 15v4",
  check: "m5 12.500 4.500 4.500L19 7.500",
  cross: "m6.500 6.500 11 11M17.500 6.500l-11 11",
  unsure: "M9 9a3 3 0 1 1 4.200 2.750c-.8.4-1.200 1-1.200 2.250M12 17.500v.01",
  wait: "M6 12h.01M12 12h.01M18 12h.01",
  bolt: "M13 3 5.500 13.500H11L10 21l7.500-10.500H12Z",
  alarm: "M12 4 3 19.500h18ZM12 10v4.500M12 17v.01",
  start: "M8 5.500v13l10-6.500Z",
  stop: "M7 7h10v10H7Z",
  up: "M12 19V6M6.500 11 12 5.500 17.500 11",
  down: "M12 5v13M6.500 13 12 18.500 17.500 13",
  hold: "M6 10h12M6 14h12",
  skip: "M9 9a3 3 0 1 1 4.200 2.750c-.8.4-1.200 1-1.200 2.250M12 17.500v.01",
  back: "M15 5.500 8.500 12l6.500 6.500",
  more: "m9 5.500 6.500 6.500L9 18.500",
};

export const path = (name) => PATHS[name];

export const Icon = ({ name, size = 20 }) => html`
  <svg class="icon" viewBox="0 0 24 24" width=${size} height=${size} aria-hidden="true"><path d=${PATHS[name]} /></svg>
`;
