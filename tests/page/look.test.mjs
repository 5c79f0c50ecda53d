// Languages, themes, widths, and what axe-core finds.
import { expect, expectEqual, test } from "./harness.mjs";
import { editor, eventually, settled, webPods, write, written } from "./lab.mjs";

const TABS = ["walk", "rules", "endpoints", "events", "objects"];

for (const lang of ["en", "ko"]) {
  for (const theme of ["light", "dark"]) {
    const options = { colorScheme: theme, locale: lang === "ko" ? "ko-KR" : "en-US" };
    test(`axe finds nothing: ${lang}, ${theme}`, async ({ page, axe, shot }) => {
      await ready(page);
      await send(page);
      await page.locator(".open .cell.taken").waitFor();
      await page.locator(".steps .on .at").click();
      await page.waitForTimeout(1000);
      for (const tab of TABS) {
        await page.locator(`#tab-${tab}`).click();
        await axe();
        await shot(`${tab}-${lang}-${theme}`);
      }
      await page.locator(".listing[aria-label=Pod] button").first().click();
      await axe();
      await shot(`object-${lang}-${theme}`);
      await page.locator("#tab-rules").click();
      await page.locator(".rule-line").nth(5).click();
      await page.locator("#tab-manifests").click();
      await write(page, "apiVersion: v1\nkind: Service\nmetadata:\n  name: 123\n");
      await page.locator(".actions .pri").click();
      await page.locator(".faults").waitFor();
      await axe();
      await shot(`error-${lang}-${theme}`);
    }, options);

    test(`axe finds nothing at 390 pixels: ${lang}, ${theme}`, async ({ page, axe, shot }) => {
      await ready(page);
      await send(page);
      await page.waitForTimeout(2500);
      for (const tab of ["stage", "manifests", ...TABS]) {
        await page.locator(`#tab-${tab}`).click();
        await axe();
        await shot(`narrow-${tab}-${lang}-${theme}`);
      }
      await page.locator("#tab-objects").click();
      await page.locator(".listing[aria-label=Service] button").last().click();
      await axe();
      await shot(`narrow-object-${lang}-${theme}`);
    }, { ...options, viewport: { width: 390, height: 844 } });
  }
}

for (const [width, height] of [[390, 844], [820, 1180], [1024, 768], [1440, 900], [1920, 1080]]) {
  test(`nothing runs off the side at ${width} pixels`, async ({ page, shot }) => {
    await ready(page);
    await send(page);
    await page.waitForTimeout(3500);
    for (const tab of await page.locator('[role="tab"][id^="tab-"]').all()) {
      await tab.click();
      const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(over <= 0, `${over} pixels too wide at ${await tab.textContent()}`);
    }
    await page.locator(width < 820 ? "#tab-stage" : "#tab-walk").click();
    await shot(`width-${width}`);
  }, { viewport: { width, height } });
}

test("language, theme and text are remembered", async ({ page }) => {
  await page.getByRole("button", { name: "한국어" }).click();
  await page.getByRole("button", { name: /^테마/ }).click();
  await page.getByRole("button", { name: /^테마/ }).click();
  const text = `# mine\n${await written(page)}`;
  await write(page, text);
  await page.waitForTimeout(500);
  await page.reload();
  await editor(page).waitFor();
  const root = page.locator("html");
  expectEqual(await root.getAttribute("lang"), "ko");
  expectEqual(await root.getAttribute("data-theme"), "dark");
  expectEqual(await written(page), text);
  expectEqual(await page.getByRole("button", { name: "보내기" }).count(), 1);
});

test("what was applied is applied again after a reload", async ({ page }) => {
  await settled(page);
  const text = await written(page);
  await write(page, text.replace("replicas: 3", "replicas: 2"));
  await page.getByRole("button", { name: "Apply" }).click();
  await page.waitForTimeout(500);
  await page.reload();
  await eventually(async () => (await webPods(page).count()) === 2, "two pods after the reload");
});

test("everything that can be focused shows it", async ({ page }) => {
  await settled(page);
  const bare = [];
  for (let press = 0; press < 40; press += 1) {
    await page.keyboard.press("Tab");
    const seen = await page.evaluate(() => {
      const it = document.activeElement;
      if (it === document.body) return true;
      const style = getComputedStyle(it);
      const hit = it.querySelector?.(".hit");
      const code = it.closest(".cm-editor");
      if (code && getComputedStyle(code, "::after").borderStyle === "solid") return true;
      return style.outlineStyle !== "none" || (hit && getComputedStyle(hit).stroke !== "none") || it.outerHTML.slice(0, 80);
    });
    if (seen !== true) bare.push(seen);
  }
  expectEqual(bare, []);
});

async function ready(page) {
  await eventually(async () => (await page.locator(".pod.ready.tied").count()) === 3, "three ready pods");
  await page.waitForTimeout(1300);
}

async function send(page) {
  await page.locator("form.send .pri").click();
}
