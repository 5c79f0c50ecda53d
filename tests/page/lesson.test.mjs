// Scenarios, lessons, and what is kept.
import { readFileSync } from "node:fs";

import { expect, expectEqual, expectMatch, test } from "./harness.mjs";
import { eventually, write, written } from "./lab.mjs";

const lesson = (page) => page.getByRole("region", { name: "Lesson" });
const suggestions = (page) => page.getByRole("list", { name: "Things to try" }).getByRole("listitem");
const signs = (page) => suggestions(page).getByRole("img").evaluateAll((all) => all.map((it) => it.getAttribute("aria-label")));

const printed = (page, text) => page.getByRole("log").getByText(text, { exact: true });

async function menu(page, entry) {
  await page.getByRole("button", { name: "Menu" }).click();
  await page.getByRole("menuitem", { name: entry }).click();
}

async function choose(page, title) {
  await menu(page, "All scenarios");
  await page.getByRole("dialog", { name: "All scenarios" }).getByRole("button", { name: title }).click();
}

test("a first visitor sees a lesson and, doing nothing, a packet leave", async ({ page }) => {
  expectMatch(await lesson(page).textContent(), /ClusterIP/);
  await page.locator(".overlay .packet").waitFor();
  await page.getByRole("list", { name: "Packet walk" }).waitFor();
}, { firstVisit: true });

test("with reduced motion the packet of the first visit stands at its first step", async ({ page }) => {
  await page.locator(".overlay .packet").waitFor();
  const at = await page.locator(".overlay .packet").getAttribute("transform");
  await page.waitForTimeout(600);
  expectEqual(await page.locator(".overlay .packet").getAttribute("transform"), at);
}, { firstVisit: true, reducedMotion: "reduce" });

test("everything a lesson suggests comes out and is ticked", async ({ page }) => {
  await page.getByRole("button", { name: "10×" }).click();
  const count = await suggestions(page).count();
  for (let which = 0; which < count; which += 1) {
    await suggestions(page).nth(which).getByRole("button").click();
    await eventually(async () => (await signs(page))[which] === "done");
  }
  expect(count > 0 && (await suggestions(page).locator(".then").count()) === count);
});

test("another scenario is chosen, and the one before comes back by Undo", async ({ page, axe, shot }) => {
  await write(page, "# mine\n");
  await menu(page, "All scenarios");
  const dialog = page.getByRole("dialog", { name: "All scenarios" });
  const offers = dialog.getByRole("listitem").getByRole("button");
  await eventually(async () => (await offers.count()) > 1);
  await shot("scenarios");
  await axe();
  const second = offers.nth(1);
  const title = await second.locator("b").evaluate((it) => it.lastChild.textContent);
  await second.click();
  expectMatch(await lesson(page).textContent(), new RegExp(title.replaceAll(/[?.()]/g, "\\$&")));
  expect((await written(page)).includes("apiVersion"));
  await page.getByRole("button", { name: "Undo" }).click();
  expectEqual(await written(page), "# mine\n");
});

test("what was done is there again after a reload", async ({ page }) => {
  await page.getByRole("textbox", { name: "Terminal" }).fill("kubectl create namespace mine");
  await page.keyboard.press("Enter");
  await write(page, "# half a thought");
  await page.waitForTimeout(1000);
  await page.reload({ waitUntil: "networkidle" });
  expectEqual(await written(page), "# half a thought");
  await page.getByRole("textbox", { name: "Terminal" }).fill("kubectl get namespace mine -o name");
  await page.keyboard.press("Enter");
  await printed(page, "namespace/mine").waitFor();
});

test("a session goes into a file and comes back from it", async ({ page }) => {
  await page.getByRole("textbox", { name: "Terminal" }).fill("kubectl create namespace mine");
  await page.keyboard.press("Enter");
  const saved = page.waitForEvent("download");
  await menu(page, "Save to a file");
  const path = await (await saved).path();
  expectMatch(readFileSync(path, "utf8"), /"scenario"/);
  await menu(page, "Start over");
  await page.getByText("Everything is as at the start.").waitFor();
  const chooser = page.waitForEvent("filechooser");
  await menu(page, "Open a file…");
  await (await chooser).setFiles({ name: "lab.json", mimeType: "application/json", buffer: readFileSync(path) });
  await page.getByText("Opened.").waitFor();
  await page.getByRole("textbox", { name: "Terminal" }).fill("kubectl get namespace mine -o name");
  await page.keyboard.press("Enter");
  await printed(page, "namespace/mine").waitFor();
});

test("a link brings the same session, and a damaged one says so", async ({ page, url }) => {
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.getByRole("textbox", { name: "Terminal" }).fill("kubectl create namespace mine");
  await page.keyboard.press("Enter");
  await menu(page, "Copy a link to this");
  await page.getByText("The link is in the clipboard.").waitFor();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  await page.evaluate(() => localStorage.clear());
  await page.goto("about:blank");
  await page.goto(link, { waitUntil: "networkidle" });
  await page.getByText("Opened.").waitFor();
  await page.getByRole("textbox", { name: "Terminal" }).fill("kubectl get namespace mine -o name");
  await page.keyboard.press("Enter");
  await printed(page, "namespace/mine").waitFor();
  await page.goto("about:blank");
  await page.goto(`${url}#s=AAAA`, { waitUntil: "networkidle" });
  await page.getByText(/This could not be read/).waitFor();
});

test("the address names a scenario, a language and a theme", async ({ page, url }) => {
  await page.goto(`${url}?scenario=headless&lang=ko&theme=dark`, { waitUntil: "networkidle" });
  expectEqual(await page.evaluate(() => document.documentElement.lang), "ko");
  expectEqual(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
  await page.getByRole("region", { name: "학습" }).getByText("헤드리스 서비스: 클러스터 IP가 없으면 무엇이 남을까?").waitFor();
});

test("keys open what they say, and settings are remembered", async ({ page, axe }) => {
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
  await axe();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  await page.keyboard.press("2");
  await page.getByRole("tab", { name: "Rules", selected: true }).waitFor();
  await page.keyboard.press(" ");
  await page.getByRole("button", { name: "Play" }).waitFor();
  await page.keyboard.press("t");
  await page.waitForTimeout(100);
  await page.keyboard.type("kubectl ?");
  expectEqual(await page.getByRole("textbox", { name: "Terminal" }).inputValue(), "kubectl ?");
  await menu(page, "Settings");
  await page.getByRole("group", { name: "Density" }).getByRole("button", { name: "dense" }).click();
  await page.getByRole("group", { name: "Motion" }).getByRole("button", { name: "step by step" }).click();
  await axe();
  await page.waitForTimeout(800);
  await page.reload({ waitUntil: "networkidle" });
  expectEqual(await page.evaluate(() => document.documentElement.dataset.density), "dense");
});

test("a key pressed right after a dialog's Escape already counts", async ({ page }) => {
  await page.keyboard.press("?");
  await page.getByRole("dialog").waitFor();
  await Promise.all([page.keyboard.press("Escape"), page.keyboard.press("2")]);
  await page.getByRole("tab", { name: "Rules", selected: true }).waitFor();
});

test("the focus goes back to where a dialog was opened, however it is closed", async ({ page }) => {
  const opener = page.getByRole("button", { name: "Menu" });
  const dialog = page.getByRole("dialog");
  const closings = [
    ["Settings", () => page.keyboard.press("Escape")],
    ["Keyboard shortcuts", () => dialog.getByRole("button", { name: "Close" }).click()],
    ["All scenarios", () => dialog.getByRole("listitem").getByRole("button").first().click()],
  ];
  for (const [entry, close] of closings) {
    await menu(page, entry);
    await dialog.waitFor();
    await dialog.getByRole("button").first().focus();
    await close();
    await dialog.waitFor({ state: "detached" });
    expect(await opener.evaluate((it) => it === document.activeElement), `after ${entry}`);
  }
});
