// The rest of the module: fetched once the page stands, or at once when something of it is called.
const rest = new URL("REST", import.meta.url);
let imports;
let isThere = false;

addEventListener("TrunkApplicationStarted", () => requestAnimationFrame(() => setTimeout(fetchRest)), {
  once: true,
});
let tell;
/** For what is fetched later still. */
globalThis.restOfPage = new Promise((resolve) => (tell = resolve));

function withRest(whole) {
  imports = { ...whole, rest: { load: loadRest } };
  return imports;
}

let kept;
/**
 * Where a worker answers for the network it may be off, and nobody can wait for bytes in the middle
 * of a call: they are taken from the worker before anything runs.
 */
async function atHand() {
  if (navigator.serviceWorker?.controller) kept = await bytes().catch(() => undefined);
}

async function bytes() {
  const response = await fetch(rest, { priority: "low" });
  if (!response.ok) throw new Error(`${response.status} ${rest}`);
  return response.arrayBuffer();
}

async function fetchRest() {
  try {
    join(await WebAssembly.compile(kept ?? (await bytes())));
  } catch {
    // Whoever needs it asks again; until then, nothing is missed.
    addEventListener("online", fetchRest, { once: true });
  }
}

/** Called from within the module, which cannot wait. */
function loadRest() {
  for (let chances = 2; !isThere; chances -= 1) {
    try {
      join(new WebAssembly.Module(bytesNow()));
    } catch (error) {
      if (chances > 1) continue;
      document.getElementById("crashed").hidden = false;
      throw error;
    }
  }
}

function bytesNow() {
  if (kept !== undefined) return kept;
  const request = new XMLHttpRequest();
  request.open("GET", rest, false);
  // The only way to bytes without waiting: each is the low half of a letter.
  request.overrideMimeType("text/plain; charset=x-user-defined");
  request.send();
  if (request.status !== 200) throw new Error(`${request.status} ${rest}`);
  const letters = request.responseText;
  const bytes = new Uint8Array(letters.length);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = letters.charCodeAt(at);
  return bytes;
}

function join(module) {
  if (isThere) return;
  const slot = new Proxy({}, { get: (_, slot) => wasm.t0.get(Number(slot)) });
  new WebAssembly.Instance(module, { ...imports, first: wasm, slot });
  isThere = true;
  tell();
}
