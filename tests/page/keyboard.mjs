// Somebody without a mouse: Tab to a thing, and the keys that it takes. Whatever has the focus must be seen.
import { expect, expectEqual } from "./harness.mjs";
import { eventually } from "./lab.mjs";

/** More stops than any page has. */
const STOPS = 400;

/** Presses Tab until the focus is on it, once around the page at most. */
export async function tabTo(page, wanted, keys = "Tab") {
  for (let stop = 0; stop < STOPS; stop += 1) {
    await page.keyboard.press(keys);
    // Past the last stop comes the browser's own bar.
    if (!(await isLost(page))) await expectSeen(page);
    if (await isOn(wanted)) return;
  }
  throw new Error(`${keys} does not lead to ${wanted}`);
}

/** Tab to it, then Enter. */
export async function enter(page, wanted) {
  await tabTo(page, wanted);
  await page.keyboard.press("Enter");
}

export const isOn = (wanted) => wanted.evaluateAll((all) => all.includes(document.activeElement));

/** Waits until the focus is there, and seen. */
export async function focusOn(page, wanted, message = `the focus is not on ${wanted}`) {
  await eventually(() => isOn(wanted), message);
  await expectSeen(page);
}

const isLost = (page) => page.evaluate(() => document.activeElement === document.body);

/** What has the focus is in sight and marked, once what was asked for is drawn. */
export async function expectSeen(page) {
  await eventually(async () => (await page.evaluate(unseen)) === null, "", 1000).catch(() => {});
  expectEqual(await page.evaluate(unseen), null, "the focus is not seen");
}

function unseen() {
  const it = document.activeElement;
  const name = it.outerHTML.slice(0, 120);
  if (it === document.body) return "nothing has the focus";
  const { left, right, top, bottom } = it.getBoundingClientRect();
  if (right <= 0 || bottom <= 0 || left >= innerWidth || top >= innerHeight) return `out of the window: ${name}`;
  const code = it.closest(".cm-editor");
  if (code && getComputedStyle(code, "::after").borderStyle === "solid") return null;
  const screen = it.matches("#terminal-input") && it.closest(".screen");
  if (screen && getComputedStyle(screen).boxShadow !== "none") return null;
  const hit = it.querySelector(".hit");
  if (hit && getComputedStyle(hit).stroke !== "none") return null;
  return getComputedStyle(it).outlineStyle === "none" ? `not marked: ${name}` : null;
}

/** Chooses the option of a select that has the focus, by arrows. */
export async function pick(page, wanted) {
  const [from, to] = await page.evaluate((wanted) => {
    const { options, selectedIndex } = document.activeElement;
    return [selectedIndex, [...options].findIndex((it) => it.label.trim().startsWith(wanted))];
  }, wanted);
  expect(to >= 0, `there is no ${wanted}`);
  for (let step = from; step < to; step += 1) await page.keyboard.press("ArrowDown");
  for (let step = from; step > to; step -= 1) await page.keyboard.press("ArrowUp");
}
