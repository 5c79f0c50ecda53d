// Every width in both languages: no tab out of sight, no toolbar in two lines, no control cut off.
import { expectEqual, test } from "./harness.mjs";
import { code } from "./lab.mjs";

const WIDTHS = [1920, 1440, 1280, 1200, 1199, 1024, 900, 820, 819, 480, 390];
/** Where a second line would be a fault. */
const TOOLBARS = ".bar, .send, .editor .actions, .files .tools, .narrow, .stepper";

for (const locale of ["en-US", "ko-KR"]) {
  test(`tabs and toolbars are whole at every width: ${locale}`, async ({ page }) => {
    await code(page).waitFor();
    await page.locator(".pod.ready.tied").nth(2).waitFor();
    await page.locator("form.send .pri").click();
    await page.waitForTimeout(300);
    const found = [];
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: width < 600 ? 844 : 900 });
      await page.waitForTimeout(250);
      for (const tab of await page.locator('[role="tab"][id^="tab-"]').all()) {
        await tab.click();
        await page.waitForTimeout(60);
        const faults = await page.evaluate(faultsOf, TOOLBARS);
        found.push(...faults.map((it) => `${width}: ${it}`));
      }
    }
    expectEqual([...new Set(found)], []);
  }, { locale });
}

function faultsOf(toolbars) {
  const seen = (it) => it.checkVisibility() && it.getBoundingClientRect().width > 1;
  const name = (it) => `${it.className || it.id} "${it.textContent.slice(0, 24)}"`;
  const faults = [];
  // A phone's time bar stands in lines of its own.
  const shown = [...document.querySelectorAll(toolbars)].filter((it) => seen(it) && (innerWidth >= 820 || !it.matches(".bar")));
  for (const bar of shown) {
    const middles = [...bar.children].filter(seen).map((it) => it.getBoundingClientRect()).map((it) => (it.top + it.bottom) / 2);
    if (Math.max(...middles) - Math.min(...middles) > 12) faults.push(`two lines: ${name(bar)}`);
  }
  for (const it of document.querySelectorAll(".tabs [role=tab], .shells [role=tab], .shells select, .bar button, .send button, .editor .actions button, .narrow button")) {
    if (!seen(it)) continue;
    const { left, right, height } = it.getBoundingClientRect();
    const frame = it.parentElement.getBoundingClientRect();
    if (left < frame.left - 1 || right > frame.right + 1) faults.push(`out of sight: ${name(it)}`);
    if (height > 44) faults.push(`broken in lines: ${name(it)}`);
  }
  if (document.documentElement.scrollWidth > innerWidth) faults.push("the page is too wide");
  return faults;
}
