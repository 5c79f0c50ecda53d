// What a learner types, and what comes of it.
import { expect, expectEqual, expectMatch, test } from "./harness.mjs";
import { eventually, settled } from "./lab.mjs";

const input = (page) => page.getByRole("textbox", { name: "Terminal" });
const printed = (page) => page.getByRole("log").locator("p");

async function type(page, line) {
  await input(page).fill(line);
  await input(page).press("Enter");
}

test("kubectl answers, and a pod's name in it leads to the pod", async ({ page, axe, shot }) => {
  await settled(page);
  await type(page, "kubectl get pods -n shop");
  await eventually(async () => (await printed(page).count()) === 6);
  expectMatch(await printed(page).nth(1).textContent(), /^NAME +READY +STATUS +RESTARTS +AGE$/);
  const name = page.getByRole("log").getByRole("button", { name: /^web-/ }).first();
  const pod = await name.textContent();
  await name.click();
  await eventually(async () => (await page.getByRole("heading", { name: `Pod shop/${pod}` }).count()) === 1);
  await axe(".dock");
  await shot("terminal");
});

test("keyboard alone: lines are called back, shells are changed, a loop is stopped", async ({ page }) => {
  await settled(page);
  await type(page, "echo one");
  await type(page, "echo two");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowUp");
  expectEqual(await input(page).inputValue(), "echo one");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await eventually(async () => (await printed(page).allTextContents()).filter((it) => it === "two").length === 2);
  await type(page, "while true; do sleep 1; done");
  await page.getByRole("button", { name: /^Stop/ }).waitFor();
  await input(page).press("Control+c");
  await eventually(async () => (await page.getByRole("button", { name: /^Stop/ }).count()) === 0);
  await page.getByRole("tab", { name: "laptop $" }).focus();
  await page.keyboard.press("ArrowDown");
  expectEqual(await page.getByRole("tab", { name: "client #" }).getAttribute("aria-selected"), "true");
  expectEqual(await printed(page).count(), 0);
});

test("what is typed changes the picture, and the time bar knows of it", async ({ page }) => {
  await settled(page);
  await type(page, "kubectl scale deployment web -n shop --replicas=1");
  await eventually(async () => (await page.locator(".pod.ready.tied").count()) === 1);
  expectMatch((await printed(page).allTextContents()).join("\n"), /deployment.apps\/web scaled/);
});

test("a shell is opened anywhere, and a wrong command says so", async ({ page }) => {
  await settled(page);
  await page.getByRole("combobox", { name: "Open a shell" }).selectOption({ label: "control-plane" });
  await type(page, "nonsense");
  await eventually(async () => /nonsense: command not found/.test((await printed(page).allTextContents()).join("\n")));
  expect((await page.getByRole("tab", { name: "control-plane #" }).getAttribute("aria-selected")) === "true", "it is chosen");
});
