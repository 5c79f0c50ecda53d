// The page's own times, as JSON: what a learner waits for.
import { openBrowser, openSite } from "./site.mjs";

const site = await openSite();
const browser = await openBrowser();
console.log(JSON.stringify({ load_ms: await loadTime() }));
await browser.close();
site.close();

/** From asking for the page, with nothing cached, to its last file. */
async function loadTime() {
  const page = await browser.newPage();
  await page.goto(site.url, { waitUntil: "load" });
  const time = await page.evaluate(() => performance.getEntriesByType("navigation")[0].duration);
  await page.close();
  return Math.round(time);
}
