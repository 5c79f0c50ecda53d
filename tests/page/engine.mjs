// The engine, alone in a browser, built as the page is: its own times, as JSON.
import { openBrowser, openSite } from "./site.mjs";

const TIMEOUT = 300_000;

// A page by itself is told the time in steps of 5 µs, others in 100.
const ALONE = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

const site = await openSite(process.argv[2], ALONE);
const browser = await openBrowser();
const page = await browser.newPage();
await page.goto(site.url);
await page.waitForFunction(() => document.title.startsWith("{"), undefined, { timeout: TIMEOUT });
console.log(await page.title());
await browser.close();
site.close();
