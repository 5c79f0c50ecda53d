// The panes' edges: moved by pointer and by keys, remembered, and put back.
import { expect, test } from "./harness.mjs";
import { eventually } from "./lab.mjs";

const edge = (page, name) => page.getByRole("separator", { name });
const box = (page, selector) => page.locator(selector).boundingBox();
const close = (a, b) => Math.abs(a - b) <= 1.5;

test("a pane's edge is dragged, and the pane keeps its size over a reload", async ({ page, axe }) => {
  await page.locator(".cm-editor").waitFor();
  const before = (await box(page, ".dock .terminal")).height;
  const at = await edge(page, "Height of the terminal").boundingBox();
  await page.mouse.move(at.x + 200, at.y + at.height / 2);
  await page.mouse.down();
  await page.mouse.move(at.x + 200, at.y + at.height / 2 - 60, { steps: 4 });
  await page.mouse.up();
  const after = (await box(page, ".dock .terminal")).height;
  expect(close(after, before + 60), `from ${before} to ${after}`);
  await axe();
  await page.reload({ waitUntil: "networkidle" });
  await eventually(async () => close((await box(page, ".dock .terminal")).height, after), "the size is forgotten");
  await edge(page, "Height of the terminal").dblclick();
  expect(close((await box(page, ".dock .terminal")).height, before), "a double click puts it back");
});

test("edges move by arrow keys, no further than leaves room for the rest", async ({ page }) => {
  await page.locator(".cm-editor").waitFor();
  const moved = { "Width of the right pane": [".pane.right", "ArrowLeft", "width"], "Width of the left pane": [".pane.left", "ArrowRight", "width"] };
  for (const [name, [pane, key, side]] of Object.entries(moved)) {
    const before = (await box(page, pane))[side];
    await edge(page, name).focus();
    await page.keyboard.press(key);
    expect(close((await box(page, pane))[side], before + 16), `${name}: one step is 16 px`);
    for (let i = 0; i < 80; i++) await page.keyboard.press(key);
    const most = (await box(page, pane))[side];
    expect(most <= 0.61 * 1440, `${name}: it is ${most} px wide`);
    await page.keyboard.press("Home");
    expect(close((await box(page, pane))[side], before), `${name}: Home puts it back`);
  }
});
