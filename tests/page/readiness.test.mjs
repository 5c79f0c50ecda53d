// A pod that is not ready any more: the probe's time, then the slice, then each node's rules.
import { expect, expectEqual, expectMatch, test } from "./harness.mjs";
import { events, knownEnds, open, settled, until, webPods } from "./lab.mjs";

test("an unready pod leaves the rules after the probe's time, and comes back", async ({ page, shot }) => {
  await settled(page);
  const pod = webPods(page).first();
  await pod.click();
  expectEqual(await pod.getAttribute("aria-checked"), "false");
  expect((await knownEnds(page)).every((ends) => ends.length === 3), "nothing changes before the probe has failed");
  await until(page, async () => (await knownEnds(page)).every((ends) => ends.length === 2));
  await open(page, "Events");
  const log = await events(page);
  const at = (pattern) => log.findLast(({ text }) => pattern.test(text))?.at;
  const [switched, unready] = [at(/^You switch/), at(/no longer Ready/)];
  const waited = unready - switched;
  expect(waited > 10 && waited <= 15.5, `three failures, 5 s apart, took ${waited} s`);
  expect(log.some(({ text }) => /fails \(3\/3\)/.test(text)), "the third failure decides");
  const slice = at(/^EndpointSlice .*: 2 of 3 ready/);
  const synced = log.filter(({ at, text }) => at >= slice && /writes its rules/.test(text));
  expect(slice >= unready && new Set(synced.map(({ text }) => text.split(" ")[2])).size === 3, "every node follows");
  await shot("unready-events");
  await open(page, "Endpoints");
  const row = page.getByRole("row").filter({ hasText: "✕ no✕ no" });
  expectEqual(await row.count(), 1);
  expectMatch(await page.getByRole("table", { name: "Endpoints" }).textContent(), /notReadyAddresses10\.244/);
  await pod.click();
  await until(page, async () => (await knownEnds(page)).every((ends) => ends.length === 3));
});

test("a cause leads to what caused it", async ({ page }) => {
  await settled(page);
  await webPods(page).first().focus();
  await page.keyboard.press("Space");
  await until(page, async () => (await knownEnds(page)).some((ends) => ends.length === 2));
  await open(page, "Events");
  const causes = [];
  let entry = page.locator(".events li").filter({ hasText: "writes its rules" }).first();
  for (let links = 0; links < 6 && (await entry.locator(".cause").count()) > 0; links += 1) {
    await entry.locator(".cause").click();
    entry = page.locator('.events li:has([aria-pressed="true"])');
    causes.push(await entry.locator(".entry span").textContent());
  }
  const story = causes.join(" ← ");
  expectMatch(story, /EndpointSlice .* ← .*no longer Ready ← .*fails \(3\/3\) ← You switch/);
});

test("packets avoid a pod that has left", async ({ page }) => {
  await settled(page);
  await webPods(page).first().click();
  await until(page, async () => (await knownEnds(page)).every((ends) => ends.length === 2));
  const left = (await webPods(page).first().getAttribute("aria-label")).split("/")[1];
  const answers = new Set();
  for (let request = 0; request < 12; request += 1) {
    await page.getByRole("button", { name: "Send", exact: true }).click();
    answers.add((await page.locator(".answer").textContent()).split("answered by ")[1]);
  }
  expect(!answers.has(left), `${left} answered`);
  expectEqual(answers.size, 2);
});
