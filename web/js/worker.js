// Keeps the page's files, so that it opens with the network off.
//
// FILES and VERSION are written when the page is built (`xtask::worker`).
const FILES = [];
const VERSION = "";

// Several copies of the page may stand in folders of one host.
const MINE = `service-lab ${registration.scope} `;
const CACHE = MINE + VERSION;
/** Files whose names change with their content. */
const HASHED = /-[0-9a-f]{16}(_bg|_rest)?\.(js|css|wasm)$/;

addEventListener("install", (event) => event.waitUntil(keep()));
addEventListener("activate", (event) => event.waitUntil(forget()));
addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method === "GET" && request.url.startsWith(registration.scope)) event.respondWith(answer(request));
});

async function keep() {
  const cache = await caches.open(CACHE);
  await cache.addAll(FILES);
  await skipWaiting();
}

async function forget() {
  const old = (await caches.keys()).filter((name) => name.startsWith(MINE) && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
  await clients.claim();
}

/** From the network while there is one: a new release is seen at once. */
async function answer(request) {
  const kept = () => caches.match(request, { ignoreSearch: true, cacheName: CACHE });
  if (HASHED.test(new URL(request.url).pathname)) return (await kept()) ?? fetch(request);
  try {
    return await fetch(request);
  } catch (error) {
    const found = await kept();
    if (found === undefined) throw error;
    return found;
  }
}
