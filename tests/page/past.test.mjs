// The time bar: any earlier moment whole, and branches.
import { expect, expectEqual, expectMatch, test } from "./harness.mjs";
import { events, eventually, knownEnds, open, seconds, settled, until, webPods, write, written } from "./lab.mjs";

const slider = (page) => page.getByRole("slider", { name: "Moment" });
const branches = (page) => page.getByRole("combobox", { name: "Branch" });

/** Goes to a moment, in seconds, as a drag of the thumb does. */
async function drag(page, to) {
  await slider(page).evaluate((it, to) => {
    it.value = String(to * 1000);
    it.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }, to);
}

/** The first millisecond that has behind it what is seen now: the clock shows no microseconds. */
const thisMoment = async (page) => (Math.round((await seconds(page)) * 1000) + 1) / 1000;

const counts = async (page) => (await knownEnds(page)).map((ends) => ends.length).join();

test("going back shows the whole moment, and Now comes back", async ({ page, axe, shot }) => {
  await settled(page);
  const before = await thisMoment(page);
  await webPods(page).first().click();
  await until(page, async () => (await counts(page)) === "2,2,2");
  const head = await seconds(page);
  await drag(page, before);
  await eventually(async () => (await counts(page)) === "3,3,3", "the rules are those of now");
  expectEqual(await seconds(page), before);
  expectEqual(await webPods(page).first().getAttribute("aria-checked"), "true");
  await axe();
  await shot("past");
  await page.getByRole("button", { name: "Now" }).click();
  await eventually(async () => (await counts(page)) === "2,2,2", "the rules are those of then");
  expect((await seconds(page)) >= head, "the clock did not come back");
  expectEqual(await page.getByRole("button", { name: "Now" }).count(), 0);
});

test("acting in the past begins a branch, and the other one is kept", async ({ page, shot }) => {
  await settled(page);
  const before = await thisMoment(page);
  await webPods(page).first().click();
  await until(page, async () => (await counts(page)) === "2,2,2");
  expectEqual(await branches(page).count(), 0);
  await drag(page, before);
  await eventually(async () => (await counts(page)) === "3,3,3");
  await page.getByRole("switch", { name: "kube-proxy of worker-1" }).click();
  await webPods(page).last().click();
  await until(page, async () => (await counts(page)) === "2,3,2");
  expectEqual(await page.locator(".doubt").allTextContents(), ["stale rules"]);
  await shot("branch");
  expectEqual((await branches(page).locator("option").allTextContents()).length, 2);
  expectMatch(await branches(page).locator("option").last().textContent(), /^Branch 2, left 1 at 00:/);
  await branches(page).selectOption("0");
  await eventually(async () => (await counts(page)) === "2,2,2", "the first branch is not back");
  await branches(page).selectOption("1");
  await eventually(async () => (await counts(page)) === "2,3,2", "the second branch is not back");
});

test("the arrow keys go from painted event to painted event", async ({ page }) => {
  await settled(page);
  await slider(page).focus();
  const moments = [await seconds(page)];
  for (let press = 0; press < 3; press += 1) {
    await page.keyboard.press("ArrowLeft");
    await eventually(async () => (await seconds(page)) < moments.at(-1), "no earlier moment");
    moments.push(await seconds(page));
  }
  await page.keyboard.press("ArrowRight");
  await eventually(async () => (await seconds(page)) === moments.at(-2), "not the moment before");
  expectMatch(await slider(page).getAttribute("aria-valuetext"), /^\d\d:\d\d\.\d{3}, ./);
});

test("the text that was applied then stands in the editor", async ({ page }) => {
  await settled(page);
  const before = await seconds(page);
  const old = await written(page);
  await write(page, old.replace("replicas: 3", "replicas: 2"));
  await page.getByRole("button", { name: "Apply" }).click();
  await until(page, async () => (await webPods(page).count()) === 2);
  await drag(page, before);
  await eventually(async () => (await webPods(page).count()) === 3);
  expectEqual(await written(page), old);
  await page.getByRole("button", { name: "Now" }).click();
  await eventually(async () => /replicas: 2/.test(await written(page)));
});

test("what is painted is what happened", async ({ page }) => {
  await settled(page);
  const lines = async () =>
    page.locator(".scrub path").evaluateAll((all) => all.map((it) => [it.getAttribute("class"), it.getAttribute("d").split("M").length - 1]));
  const before = Object.fromEntries(await lines());
  expect(before.user >= 1 && before.slice >= 1 && before.rules >= 1, JSON.stringify(before));
  expectEqual(before.bad, 0);
  await webPods(page).first().click();
  await until(page, async () => Object.fromEntries(await lines()).bad >= 1);
  await open(page, "Events");
  expect((await events(page)).some(({ text }) => /fail/i.test(text)), "no failure is told");
});

test("a reload keeps every branch and what the terminals printed", async ({ page }) => {
  await settled(page);
  const before = await thisMoment(page);
  const input = page.getByRole("textbox", { name: "Terminal" });
  const printed = () => page.getByRole("log").locator("p").allTextContents();
  await input.fill("kubectl get pods -n shop; nonsense");
  await input.press("Enter");
  await eventually(async () => (await printed()).length === 7, "nothing was printed");
  await webPods(page).first().click();
  await until(page, async () => (await counts(page)) === "2,2,2");
  await drag(page, before);
  await eventually(async () => (await counts(page)) === "3,3,3");
  await webPods(page).last().click();
  await webPods(page).nth(1).click();
  await until(page, async () => (await counts(page)) === "1,1,1");
  const lines = await printed();
  const names = await branches(page).locator("option").allTextContents();
  expectEqual(names.length, 2);
  await page.waitForTimeout(900);
  await page.reload({ waitUntil: "networkidle" });
  await eventually(async () => (await counts(page)) === "1,1,1", "the branch that was shown is not back");
  expectEqual(await branches(page).locator("option").allTextContents(), names);
  expectEqual(await printed(), lines);
  expect((await page.getByRole("log").getByRole("button", { name: /^web-/ }).count()) === 3, "pods' names lead nowhere");
  await branches(page).selectOption("0");
  await eventually(async () => (await counts(page)) === "2,2,2", "the first branch is not back");
});

test("what the browser does not take is told, and can be saved to a file", async ({ page, axe, shot }) => {
  await settled(page);
  await page.evaluate(() => {
    for (let size = 1 << 22; size > 0; size >>= 1) {
      for (let filled = true; filled; ) {
        try {
          localStorage[`filler-${size}-${localStorage.length}`] = "x".repeat(size);
        } catch {
          filled = false;
        }
      }
    }
  });
  await webPods(page).first().click();
  const notice = page.locator(".notice");
  await notice.waitFor();
  expectMatch(await notice.textContent(), /more than the browser keeps/);
  await axe();
  await shot("not-kept");
  const [download] = await Promise.all([page.waitForEvent("download"), notice.getByRole("button", { name: "Save to a file" }).click()]);
  expectEqual(download.suggestedFilename(), "service-lab.json");
  await page.evaluate(() => Object.keys(localStorage).filter((it) => it.startsWith("filler")).forEach((it) => localStorage.removeItem(it)));
  await webPods(page).last().click();
  await notice.waitFor({ state: "detached" });
});
