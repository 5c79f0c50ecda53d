// What a test of the page is written with.
//
//   test("the title is the lab's name", async ({ page, url, shot, axe }) => { … });
//
// `page` is a fresh one in a fresh profile, already at `url` with the page's module running, as if it
// had been visited before (`firstVisit: true` in the options: as if not, so that a packet leaves by itself; `at`: what follows the address);
// `complaints` are what the page has complained of so far; `limit` in the options: milliseconds for the whole test;
// `shot(name)` keeps a picture; `axe()` fails when axe-core finds something to mend.
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual, inspect } from "node:util";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const PICTURES =
  process.env.SCREENSHOTS ?? fileURLToPath(new URL("../../target/screenshots", import.meta.url));

// A worker would answer in place of what a test puts between the page and its host.
const VIEW = { serviceWorkers: "block", viewport: { width: 1440, height: 900 }, locale: "en-US", colorScheme: "light" };

const tests = [];

/** `options` are Playwright's for the page: viewport, locale, colorScheme, reducedMotion … */
export function test(name, body, options = {}) {
  tests.push({ name, body, options });
}

/** The tests declared since the last call. */
export function takeTests() {
  return tests.splice(0);
}

export function expect(condition, message = "expected it to hold") {
  if (!condition) throw new Error(message);
}

export function expectEqual(found, expected, message = "values differ") {
  if (isDeepStrictEqual(found, expected)) return;
  throw new Error(`${message}\n  expected: ${inspect(expected)}\n  found:    ${inspect(found)}`);
}

export function expectMatch(text, pattern) {
  if (!pattern.test(text)) throw new Error(`${inspect(text)} does not match ${pattern}`);
}

/** Runs one test; what went wrong, or nothing. */
export async function runTest({ body, options }, browser, url) {
  const { firstVisit, limit, at = "", ...view } = options;
  const context = await browser.newContext({ ...VIEW, ...view });
  if (!firstVisit) await context.addInitScript(visitedBefore);
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const complaints = listen(page);
  try {
    await page.goto(url + at, { waitUntil: "networkidle" });
    await body({ page, context, url, complaints, shot: (name) => shot(page, name), axe: (where) => axe(page, where) });
  } catch (error) {
    const place = error.stack?.match(/[\w-]+\.test\.mjs:\d+/)?.[0] ?? "";
    complaints.unshift(`${error.message} (${place})`);
  } finally {
    await context.close();
  }
  return complaints;
}

function visitedBefore() {
  // Blank pages have no storage.
  if (location.protocol.startsWith("http")) localStorage["svclab.theme"] ??= '"system"';
}

/** What the page complains of: errors, warnings, and requests that found nothing. */
function listen(page) {
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(`page error: ${error.message}`));
  page.on("requestfailed", (request) => {
    // What a page was still fetching when it was left is nobody's mistake.
    if (request.failure()?.errorText === "net::ERR_ABORTED") return;
    complaints.push(`request failed: ${request.url()}`);
  });
  page.on("console", (message) => {
    if (!["error", "warning"].includes(message.type())) return;
    const { url } = message.location();
    // Tests have them blocked, see VIEW.
    if (message.text().includes("Service Worker registration blocked")) return;
    if (!url.endsWith("/favicon.ico")) complaints.push(`console: ${message.text()} (${url})`);
  });
  return complaints;
}

async function shot(page, name) {
  await mkdir(PICTURES, { recursive: true });
  await page.screenshot({ path: join(PICTURES, `${name}.png`) });
}

async function axe(page, where = undefined) {
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.addScriptTag({ path: AXE });
  const { violations } = await page.evaluate((where) => globalThis.axe.run(where ?? document), where);
  const lines = violations.map(({ id, help, nodes }) => {
    const places = nodes.map((node) => node.target.join(" ")).join(", ");
    return `${id}: ${help}: ${places}`;
  });
  expect(lines.length === 0, `axe-core:\n  ${lines.join("\n  ")}`);
}
