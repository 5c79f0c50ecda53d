// A page whose module counts → the numbers of the functions that a visit enters before its visitor
// does anything, as JSON.
//
// The clock is the test's own, so that a slow machine counts what a fast one does.
import { openBrowser, openSite } from "./site.mjs";

const WIDE = { width: 1440, height: 900 };
const NARROW = { width: 390, height: 844 };

const VISITS = [
  { locale: "en-US", colorScheme: "light", viewport: WIDE },
  { locale: "ko-KR", colorScheme: "dark", viewport: WIDE },
  { locale: "en-US", colorScheme: "dark", viewport: NARROW },
  { locale: "ko-KR", colorScheme: "light", viewport: NARROW },
];

const site = await openSite(process.argv[2]);
const browser = await openBrowser();
const entered = new Set();
for (const options of VISITS) await visit(options);
console.log(JSON.stringify([...entered].sort((a, b) => a - b)));
await browser.close();
site.close();

async function visit(options) {
  const context = await browser.newContext({ serviceWorkers: "block", ...options });
  const page = await context.newPage();
  await page.addInitScript(() =>
    addEventListener("TrunkApplicationStarted", ({ detail }) => (globalThis.counting = detail.wasm)),
  );
  await page.clock.install();
  // What the editor's module calls is no part of a first visit: it comes after the rest.
  await page.route("**/editor.js", (route) => route.abort());
  await page.goto(site.url);
  await look(page);
  await count(page);
  await context.close();
}

/** The first second: what comes then by itself (a packet, the list of scenarios) may come later. */
async function look(page) {
  await page.waitForFunction(() => globalThis.counting !== undefined);
  await page.locator(".page").waitFor();
  await page.clock.runFor(1_000);
}

async function count(page) {
  const numbers = await page.evaluate(() =>
    Object.entries(globalThis.counting)
      .filter(([name, mark]) => name.startsWith("entered ") && mark.value === 1)
      .map(([name]) => Number(name.slice("entered ".length))),
  );
  for (const number of numbers) entered.add(number);
}
