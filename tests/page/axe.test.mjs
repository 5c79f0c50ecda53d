// What axe-core finds: the page as it starts in every language, theme and width, and all that opens on it.
import { test } from "./harness.mjs";
import { code, eventually, write } from "./lab.mjs";

const SIZES = { 1440: 900, 1024: 768, 390: 844 };
const LOCALES = { en: "en-US", ko: "ko-KR" };

for (const width of [1440, 1024, 390]) {
  for (const lang of ["en", "ko"]) {
    for (const colorScheme of ["light", "dark"]) {
      test(`axe finds nothing at the start: ${width}, ${lang}, ${colorScheme}`, async ({ page, axe }) => {
        await ready(page);
        await axe();
      }, { locale: LOCALES[lang], colorScheme, viewport: { width, height: SIZES[width] } });
    }
  }
}

for (const width of [1440, 1024, 390]) {
  for (const lang of ["en", "ko"]) {
    const view = { locale: LOCALES[lang], viewport: { width, height: SIZES[width] } };
    const name = (what) => `axe finds nothing in either theme: ${what} (${width}, ${lang})`;
    const pictures = (shot) => (what) => shot(`axe-${what}-${width}-${lang}`);

    test(name("dialogs, menu, tour"), async ({ page, axe, shot }) => {
      const look = looks(page, axe, pictures(shot));
      await ready(page);
      await page.locator("[popovertarget=menu]").click();
      await look("#menu", "menu");
      await page.keyboard.press("Escape");
      for (const [dialog, entry] of Object.entries({ scenarios: 5, settings: 7, shortcuts: 8 })) {
        await page.locator("[popovertarget=menu]").click();
        await page.locator(`#menu button:nth-child(${entry})`).click();
        await page.locator("dialog[open]").waitFor();
        if (dialog === "scenarios") await page.locator("dialog li").nth(9).waitFor();
        await look("dialog[open]", dialog);
        await page.keyboard.press("Escape");
        await page.locator("dialog").waitFor({ state: "detached" });
      }
      await page.locator("[popovertarget=menu]").click();
      await page.locator("#menu button:nth-child(6)").click();
      await page.locator(".tour").waitFor();
      await look(".tour", "tour");
    }, view);

    test(name("the editor with mistakes, its help, its diff, a notice"), async ({ page, axe, shot }) => {
      const look = looks(page, axe, pictures(shot));
      await ready(page);
      await page.locator("#tab-manifests").click();
      await code(page).waitFor();
      const text = await code(page).evaluate((it) => it.value);
      await write(page, text.replace("replicas: 3", "replicas: -3"));
      await page.locator(".actions .pri").click();
      await page.locator(".faults").waitFor();
      await page.locator(".cm-problem").first().waitFor();
      await look(".editor", "mistakes");
      await code(page).focus();
      await page.keyboard.press("Control+Home");
      await page.keyboard.press("F1");
      await page.locator(".cm-help").waitFor();
      await look(".cm-help", "help");
      await write(page, text.replace("replicas: 3", "replicas: 4"));
      await page.locator(".actions button").nth(2).click();
      await page.locator("dialog.changes li.new").first().waitFor();
      await look("dialog.changes", "diff");
      await page.keyboard.press("Escape");
      await page.locator(".actions .icon").click();
      await page.locator(".notice").waitFor();
      await look(".notice", "notice");
    }, view);

    test(name("what is pinned"), async ({ page, axe, shot }) => {
      const look = looks(page, axe, pictures(shot));
      await ready(page);
      for (const [what, it] of Object.entries({ pod: ".pod .opens", service: ".ghost .opens", node: ".opens[data-about^=Node]" })) {
        await page.locator(it).first().focus();
        await page.keyboard.press("Enter");
        await page.locator(".inspector").waitFor();
        await look(".inspector", `inspector-${what}`);
        await page.keyboard.press("Escape");
        await page.locator(".inspector").waitFor({ state: "detached" });
      }
    }, view);

    test(name("a walk, the past, two nodes' rules, what a terminal printed"), async ({ page, axe, shot }) => {
      const look = looks(page, axe, pictures(shot));
      await ready(page);
      await page.locator("form.send .pri").click();
      await page.waitForTimeout(1500);
      await look(".stage", "stage");
      await page.locator("#tab-walk").click();
      await page.locator(".steps .on .at").click();
      await page.waitForTimeout(800);
      await look("main", "walk");
      await page.locator("#tab-rules").click();
      await page.locator(".narrowing select").selectOption({ index: 1 });
      await page.locator(".compared").waitFor();
      await look("#panel-rules", "compared");
      if (width === 390) await page.locator("#tab-terminal").click();
      else await page.keyboard.press("t");
      await page.locator("#terminal-input").fill("kubectl get pods,svc -A; nonsense; curl -s 10.96.0.1");
      await page.keyboard.press("Enter");
      await eventually(async () => (await page.locator(".lines p").count()) > 8);
      await look(".terminal", "terminal");
      await page.locator(".scrub input").focus();
      for (let press = 0; press < 4; press += 1) await page.keyboard.press("ArrowLeft");
      await page.locator(".scrub .now").waitFor();
      await look(".bar", "past");
    }, view);
  }
}

/** Looks for what axe finds in a part of the page, light and dark, and keeps pictures of it. */
function looks(page, axe, shot) {
  return async (where, name) => {
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await axe(where);
      await shot(`${name}-${colorScheme}`);
    }
  };
}

async function ready(page) {
  await eventually(async () => (await page.locator(".timer, [role=timer]").textContent()) !== "");
  await code(page).or(page.locator(".canvas")).first().waitFor();
  await page.waitForTimeout(500);
}
