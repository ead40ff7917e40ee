// Keeps the page's own files, so that it opens at once and says that the house is away when it is. Numbers are never
// kept: whatever is under api/ comes from the house or not at all.

const KEPT = "hemsd-shell";
const PATIENCE_MS = 2500; // a phone on its way out of the Wi-Fi waits long for nothing

const isShell = (url) => new URL(url).origin === location.origin && (url === registration.scope || url.startsWith(`${registration.scope}static/`));

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  if (event.request.method === "GET" && isShell(event.request.url.split("#")[0])) event.respondWith(answer(event.request));
});

/** The house first; what was kept when it is silent. */
async function answer(request) {
  const kept = await caches.open(KEPT);
  const asked = fetch(request).then((response) => {
    if (response.ok && !response.redirected && response.type === "basic") kept.put(request, response.clone());
    return response;
  });
  const known = await kept.match(request);
  if (!known) return asked;
  const patience = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS, known));
  return Promise.race([asked.catch(() => known), patience]);
}
