// The present: one object, kept fresh by the event stream, and whether the line to the house still holds.

const STALLED_MS = 25_000; // the house speaks at least every 10 s
const listeners = new Set();
let source = null;
let retry = null;

export const live = { state: null, receivedAt: 0, lostAt: null, guest: false, password: false };

export function subscribe(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Now, by the clock of the house (which may be simulated and fast). */
export function now() {
  if (!live.state) return Date.now();
  const speed = live.state.simulate?.speed ?? 1;
  return Date.parse(live.state.time) + (Date.now() - live.receivedAt) * speed;
}

export function connect() {
  clearTimeout(retry);
  source?.close();
  source = new EventSource("api/events");
  source.onmessage = (event) => {
    const state = JSON.parse(event.data);
    if (live.state && live.state.version !== state.version) location.reload(); // hemsd was updated, and so was this page
    live.state = state;
    live.receivedAt = Date.now();
    live.lostAt = null;
    tell();
  };
  source.onerror = lost;
}

/** Whether who looks may only look. */
export async function meet() {
  const me = await fetch("api/me").then((answer) => answer.json()).catch(() => ({}));
  live.guest = me.guest === true;
  live.password = me.password === true;
}

function tell() {
  for (const listener of listeners) listener();
}

async function lost() {
  live.lostAt ??= Date.now();
  tell();
  clearTimeout(retry);
  retry = setTimeout(connect, 3000);
  const answer = await fetch("api/state").catch(() => null);
  if (answer?.status === 401) location.assign("login");
}

// A phone that changes its network keeps a dead line open without an error.
setInterval(() => {
  if (live.state && Date.now() - live.receivedAt > STALLED_MS) lost();
}, 5000);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && Date.now() - live.receivedAt > STALLED_MS) connect();
});
