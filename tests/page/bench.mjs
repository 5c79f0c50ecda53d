// The page's own times, as JSON: what a learner waits for.
import { firstLoad, sum } from "./first-load.mjs";
import { openBrowser, openSite } from "./site.mjs";
import { longTasks } from "./tasks.mjs";

const ROUNDS = 5;
const APPLIES = 20;
const EVENTS = 10_000;
const LOOKS = 40;

const site = await openSite();
const browser = await openBrowser();
const cold = [];
for (let round = 0; round < ROUNDS; round += 1) cold.push(await coldStart());
console.log(
  JSON.stringify({
    load_ms: median(cold.map((it) => it.load)),
    usable_ms: median(cold.map((it) => it.usable)),
    first_load_brotli: await firstLoadSize(),
    ...(await lifeTimes()),
    ...(await volley()),
    ...(await looks()),
    tasks_over_50_ms: await longTasks(browser, site.url),
  }),
);
await browser.close();
site.close();

/** From asking for the page, with nothing cached: to its last file, and to a lab that can be used. */
async function coldStart() {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  await page.goto(site.url, { waitUntil: "commit" });
  await page.locator(".actions .pri").waitFor();
  const usable = await page.evaluate(
    () => new Promise((resolve) => requestAnimationFrame(() => resolve(performance.now()))),
  );
  await page.waitForLoadState("load");
  const load = await page.evaluate(() => performance.getEntriesByType("navigation")[0].duration);
  await context.close();
  return { load, usable };
}

/** What is fetched until the first picture stands, in bytes. */
async function firstLoadSize() {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  const sizes = await firstLoad(page, site.url);
  await page.close();
  return sum(sizes);
}

/** From the click on Apply to the page drawn anew; and frames while a packet travels. */
async function lifeTimes() {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  await page.goto(site.url);
  await page.locator(".pod.ready.tied").nth(2).waitFor();
  const applies = [];
  for (let round = 0; round < APPLIES; round += 1) {
    applies.push(await page.evaluate(applyOnce, round % 2 === 0 ? 5 : 3));
    await page.waitForTimeout(100);
  }
  await page.waitForTimeout(3000);
  await page.locator("form.send .pri").click();
  const gaps = await page.evaluate(frameGaps);
  await page.close();
  return {
    apply_ms: median(applies),
    apply_worst_ms: Math.round(Math.max(...applies)),
    frames_per_second: Math.round(1000 / (gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length)),
    frame_worst_ms: Math.round(Math.max(...gaps)),
  };
}

async function applyOnce(replicas) {
  // The editor, or the text area before it is there.
  const area = document.querySelector("[aria-label=Manifests]");
  area.value = area.value.replace(/replicas: \d+/, `replicas: ${replicas}`);
  if (area.tagName === "TEXTAREA") area.dispatchEvent(new InputEvent("input", { bubbles: true }));
  await new Promise((resolve) => requestAnimationFrame(resolve));
  const start = performance.now();
  document.querySelector(".actions .pri").click();
  // The page is drawn before a message posted now comes in.
  await new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = resolve;
    port2.postMessage(0);
  });
  return performance.now() - start;
}

/** Frames while a hundred packets are on the stage. */
async function volley() {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  await page.goto(site.url);
  await page.locator(".pod.ready.tied").nth(2).waitFor();
  await page.waitForTimeout(3000);
  await page.locator("form.send .amount").selectOption("1000");
  await page.locator("form.send .pri").click();
  await page.waitForFunction(() => (document.querySelector(".stream .good")?.getAttribute("d") ?? "").split("M").length > 100);
  const { gaps, aloft } = await page.evaluate(streamGaps);
  await page.close();
  return {
    volley_packets: median(aloft),
    volley_frames_per_second: Math.round(1000 / (gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length)),
    volley_frame_worst_ms: Math.round(Math.max(...gaps)),
  };
}

async function streamGaps() {
  const [gaps, aloft] = [[], []];
  let before = performance.now();
  while (gaps.length < 90) {
    const now = await new Promise((resolve) => requestAnimationFrame(resolve));
    const stream = document.querySelector(".stream .good")?.getAttribute("d") ?? "";
    gaps.push(now - before);
    aloft.push(stream.split("M").length - 1);
    before = now;
  }
  return { gaps: gaps.slice(1), aloft };
}

/** Earlier moments of a long session: from the move of the time bar to the page drawn anew. */
async function looks() {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  await page.goto(site.url);
  await page.locator(".pod.ready.tied").nth(2).waitFor();
  const { events, times, alone } = await page.evaluate(lookAround, { events: EVENTS, looks: LOOKS });
  await page.close();
  return {
    look_events: events,
    look_ms: median(times),
    look_worst_ms: Math.round(Math.max(...times)),
    look_undrawn_ms: Math.round(alone * 10) / 10,
  };
}

async function lookAround({ events, looks }) {
  const drawn = () =>
    new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = resolve;
      port2.postMessage(0);
    });
  const next = [...document.querySelectorAll("button")].find((it) => it.ariaLabel === "Next event");
  let passed = 0;
  // What comes in at once is drawn once.
  for (; passed < events; passed += 100) {
    for (let click = 0; click < 100; click += 1) next.click();
    await drawn();
  }
  const slider = document.querySelector(".scrub input");
  const look = (share) => {
    slider.value = String(Math.floor(Number(slider.max) * share));
    slider.dispatchEvent(new InputEvent("input", { bubbles: true }));
  };
  // Far from each other, back and forth.
  const shares = Array.from({ length: looks }, (_, index) => (index * 0.618 + 0.1) % 0.99);
  const times = [];
  for (const share of shares) {
    const start = performance.now();
    look(share);
    await drawn();
    times.push(performance.now() - start);
  }
  const start = performance.now();
  shares.forEach(look);
  await drawn();
  return { events: passed, times, alone: (performance.now() - start) / looks };
}

async function frameGaps() {
  const gaps = [];
  let before = performance.now();
  while (gaps.length < 300) {
    const now = await new Promise((resolve) => requestAnimationFrame(resolve));
    gaps.push(now - before);
    before = now;
  }
  return gaps.slice(1);
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return Math.round(sorted[Math.floor(sorted.length / 2)] * 10) / 10;
}
