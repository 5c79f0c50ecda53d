// Everything that a person can do, without a mouse: Tab, Enter, arrows and the page's own keys.
import { readFileSync } from "node:fs";

import { expect, expectEqual, expectMatch, test } from "./harness.mjs";
import { enter, expectSeen, focusOn, isOn, pick, tabTo } from "./keyboard.mjs";
import { code, editor, eventually, knownEnds, seconds, step, stepNumber, webPods, written } from "./lab.mjs";

const button = (page, name) => page.getByRole("button", { name, exact: true });
const dialog = (page, name) => page.getByRole("dialog", { name });
const lesson = (page) => page.getByRole("region", { name: "Lesson" });
const tries = (page) => page.getByRole("list", { name: "Things to try" }).getByRole("listitem");
const terminal = (page) => page.getByRole("textbox", { name: "Terminal" });
const printed = (page) => page.getByRole("log");
const live = (page) => page.locator("p[aria-live]");

/** Everything runs, and time stands still. */
async function ready(page) {
  await eventually(async () => (await page.locator(".pod.ready.tied").count()) === 3, "three ready pods");
  await page.keyboard.press(" ");
  await button(page, "Play").first().waitFor();
}

async function menu(page, entry) {
  await enter(page, button(page, "Menu"));
  const wanted = page.getByRole("menuitem", { name: entry });
  await focusOn(page, page.getByRole("menuitem").first());
  for (let presses = 0; !(await isOn(wanted)) && presses < 12; presses += 1) await page.keyboard.press("ArrowDown");
  await focusOn(page, wanted);
  await page.keyboard.press("Enter");
}

async function type(page, line) {
  await page.keyboard.press("t");
  await focusOn(page, terminal(page));
  await page.keyboard.type(line);
  await page.keyboard.press("Enter");
}

test("start: a suggestion, the tour there and back", async ({ page }) => {
  await ready(page);
  await enter(page, tries(page).first().getByRole("button"));
  await tries(page).first().getByRole("img", { name: "done" }).waitFor();
  await expectSeen(page);
  await menu(page, "A short tour");
  const tour = dialog(page, "A short tour");
  await focusOn(page, tour.getByRole("button", { name: "Next" }));
  for (let stop = 2; stop < 20; stop += 1) {
    if ((await tour.getByRole("button", { name: "Next" }).count()) === 0) break;
    await page.keyboard.press("Enter");
    await tour.getByText(`${stop} / `).waitFor();
    await expectSeen(page);
  }
  await page.keyboard.press("ArrowLeft");
  await focusOn(page, tour.getByRole("button"));
  await page.keyboard.press("Escape");
  await tour.waitFor({ state: "detached" });
  await focusOn(page, button(page, "Menu"));
});

test("scenarios: chosen from the list, tried, and undone", async ({ page }) => {
  await ready(page);
  const before = await lesson(page).getByRole("heading").textContent();
  await page.keyboard.press("l");
  const offers = dialog(page, "All scenarios").getByRole("listitem").getByRole("button");
  await offers.nth(3).waitFor();
  await tabTo(page, offers.nth(3));
  const title = await offers.nth(3).locator("b").evaluate((it) => it.lastChild.textContent);
  await page.keyboard.press("Enter");
  await dialog(page, "All scenarios").waitFor({ state: "detached" });
  expect((await lesson(page).getByRole("heading").textContent()).includes(title), title);
  await tabTo(page, tries(page).first().getByRole("button"));
  await page.keyboard.press("Enter");
  await enter(page, button(page, "10×"));
  await tries(page).first().getByRole("img", { name: "done" }).waitFor({ timeout: 60_000 });
  await enter(page, button(page, "Undo"));
  expectEqual(await lesson(page).getByRole("heading").textContent(), before);
  await expectSeen(page);
});

test("edit: complete, be told, apply, see what would change, name and remove a file", async ({ page }) => {
  await ready(page);
  await code(page).waitFor();
  await page.keyboard.press("m");
  await focusOn(page, editor(page));
  await page.keyboard.press("Control+End");
  await page.keyboard.type("---\napiVersion: v1\nkind: Serv");
  const options = page.getByRole("listbox", { name: "Completions" }).getByRole("option");
  await options.filter({ hasText: "Service" }).first().waitFor();
  await page.waitForTimeout(100);
  await page.keyboard.press("Enter");
  await page.keyboard.type("\nmetadata:\n  name: second\n");
  await page.keyboard.press("Backspace");
  await page.keyboard.type("spec:\n  type: NodePort");
  await page.keyboard.press("Escape");
  await page.keyboard.press("F1");
  await page.locator(".cm-help").waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+Enter");
  const faults = page.getByRole("list", { name: "Problems in the manifests" }).getByRole("button");
  await faults.first().waitFor();
  await focusOn(page, editor(page));
  await enter(page, faults.first());
  await focusOn(page, editor(page));
  await page.keyboard.press("Control+Home");
  await page.keyboard.press("Control+Shift+Enter");
  await eventually(async () => /^1 unchanged$/.test(await page.locator(".outcome").textContent()));
  await enter(page, button(page, "Diff"));
  await dialog(page, "What applying would change").getByRole("region", { name: "Rules" }).waitFor();
  await page.keyboard.press("Escape");
  await focusOn(page, button(page, "Diff"));
  await tabTo(page, button(page, "New file"), "Shift+Tab");
  await page.keyboard.press("Enter");
  await expectSeen(page);
  const tab = page.getByRole("tablist", { name: "Files" }).getByRole("tab", { selected: true });
  await tabTo(page, tab, "Shift+Tab");
  await page.keyboard.press("F2");
  await focusOn(page, page.getByRole("textbox", { name: "File name" }));
  await page.keyboard.type("mine");
  await page.keyboard.press("Enter");
  await focusOn(page, page.getByRole("tab", { name: "mine.yaml" }));
  await page.keyboard.press("Delete");
  await focusOn(page, tab);
  await enter(page, button(page, "Undo"));
  await page.getByRole("tab", { name: "mine.yaml" }).waitFor();
  await expectSeen(page);
});

test("see: larger, moved, folded; what belongs together; pinned, switched, and back", async ({ page }) => {
  await ready(page);
  const canvas = page.locator(".canvas");
  const width = () => page.locator(".canvas > svg").evaluate((it) => it.getBoundingClientRect().width);
  await tabTo(page, canvas);
  const natural = await width();
  await page.keyboard.press("+");
  await page.keyboard.press("+");
  expect((await width()) > natural * 1.5);
  await page.keyboard.press("ArrowRight");
  await eventually(async () => (await canvas.evaluate((it) => it.scrollLeft)) > 0, "it does not move");
  await page.keyboard.press("0");
  expectEqual(await width(), natural);
  await enter(page, button(page, "Fold worker-1"));
  await focusOn(page, button(page, "Open worker-1"));
  await page.keyboard.press(" ");
  await focusOn(page, button(page, "Fold worker-1"));
  const pod = page.getByRole("button", { name: /: Pod shop\/web-/ }).first();
  await tabTo(page, pod);
  await page.locator(".tie").waitFor();
  await page.keyboard.press("Enter");
  const inspector = page.locator(".inspector");
  await focusOn(page, inspector);
  await enter(page, inspector.getByRole("switch", { name: /^Readiness of shop\/web-/ }));
  expectEqual(await inspector.getByRole("switch", { name: /^Readiness of shop\/web-/ }).getAttribute("aria-checked"), "false");
  await page.keyboard.press("Escape");
  await focusOn(page, pod);
});

test("see: a hundred requests at once, and who answered", async ({ page }) => {
  await ready(page);
  await tabTo(page, page.getByRole("combobox", { name: "Requests at once" }));
  await pick(page, "×100");
  await enter(page, button(page, "Send"));
  await page.keyboard.press(" ");
  const counts = page.getByRole("region", { name: "Who answered" });
  await counts.getByRole("heading", { name: "100 of 100 requests" }).waitFor({ timeout: 30_000 });
  await enter(page, counts.getByRole("button", { name: "Close" }));
  await counts.waitFor({ state: "detached" });
  await expectSeen(page);
});

test("follow: step by step, to the rule, to the Service, to its line, and back", async ({ page }) => {
  await ready(page);
  await page.keyboard.press("s");
  await page.getByRole("list", { name: "Packet walk" }).waitFor();
  await tabTo(page, step(page));
  await page.keyboard.press("Home");
  expectEqual(await stepNumber(page), 1);
  for (let presses = 0; !/becomes 10\.244/.test(await step(page).textContent()) && presses < 30; presses += 1) {
    await page.keyboard.press("ArrowDown");
    await focusOn(page, step(page));
  }
  expectMatch(await live(page).textContent(), /becomes 10\.244/);
  const skipped = page.locator(".steps .on summary").first();
  await tabTo(page, skipped);
  await page.keyboard.press("Enter");
  expectEqual(await skipped.evaluate((it) => it.parentElement.open), true);
  await enter(page, page.locator(".steps .on").getByRole("button", { name: "Show in the rules" }).last());
  const chosen = page.locator(".rule-line[aria-pressed=true]");
  await focusOn(page, chosen);
  const why = page.getByRole("complementary", { name: "Why this rule is here" });
  await enter(page, why.getByRole("button", { name: "Service shop/web" }));
  await page.getByRole("heading", { name: /^Service/ }).first().waitFor();
  await expectSeen(page);
  await enter(page, why.getByRole("button", { name: "in the manifests" }));
  await focusOn(page, editor(page));
  await page.keyboard.press("Escape");
  await page.keyboard.press("Tab");
  await page.keyboard.press("1");
  await page.getByRole("tab", { name: "Packet walk", selected: true }).waitFor();
  await expectSeen(page);
});

test("rules: another node, words to look for, a chain, why, two nodes compared, another mode", async ({ page }) => {
  await ready(page);
  await page.keyboard.press("2");
  const node = page.getByRole("group", { name: "Node" });
  await enter(page, node.getByRole("button", { name: "worker-2" }));
  expectEqual(await node.getByRole("button", { name: "worker-2" }).getAttribute("aria-pressed"), "true");
  const search = page.getByRole("searchbox", { name: "Search the rules" });
  await tabTo(page, search);
  await page.keyboard.type("shop/web");
  await eventually(async () => !(await page.locator(".rules .scroll").textContent()).includes("kube-dns"));
  await page.keyboard.press("Control+a");
  await page.keyboard.press("Delete");
  const chain = page.locator(".chain-name").first();
  await tabTo(page, chain);
  const open = await chain.getAttribute("aria-expanded");
  await page.keyboard.press("Enter");
  expect((await chain.getAttribute("aria-expanded")) !== open);
  await page.keyboard.press("Enter");
  await enter(page, page.locator(".rule-line").filter({ hasText: "KUBE-SVC" }).first());
  await page.getByRole("complementary", { name: "Why this rule is here" }).waitFor();
  await expectSeen(page);
  await tabTo(page, page.getByRole("combobox", { name: "Compare with…" }));
  await pick(page, "↔ worker-1");
  await page.getByText(/rules are the same on both nodes/).waitFor();
  await enter(page, button(page, "nftables"));
  await page.getByText("table ip kube-proxy").first().waitFor();
  await focusOn(page, button(page, "nftables"));
});

test("time: stopped, an event, faster, back, a branch, and to the present", async ({ page }) => {
  await ready(page);
  await page.keyboard.press(".");
  await eventually(async () => (await live(page).textContent()) !== "");
  await enter(page, button(page, "10×"));
  expectEqual(await button(page, "10×").getAttribute("aria-pressed"), "true");
  await tabTo(page, page.getByRole("slider", { name: "Moment" }));
  const head = await seconds(page);
  for (let presses = 0; presses < 3; presses += 1) await page.keyboard.press("ArrowLeft");
  await eventually(async () => (await seconds(page)) < head);
  await page.keyboard.press("n");
  await eventually(async () => (await seconds(page)) >= head);
  await page.keyboard.press(" ");
  await page.keyboard.press(",");
  await eventually(async () => (await button(page, "Now").count()) === 1);
  await enter(page, webPods(page).first());
  const branches = page.getByRole("combobox", { name: "Branch" });
  await tabTo(page, branches);
  await pick(page, "Branch 1");
  await eventually(async () => (await webPods(page).first().getAttribute("aria-checked")) === "true");
  await focusOn(page, branches);
});

test("terminal: a shell, a line completed, what it printed, its packets, and a stop", async ({ page }) => {
  await ready(page);
  await page.keyboard.press("t");
  await focusOn(page, terminal(page));
  await page.keyboard.type("kubectl get po");
  await page.keyboard.press("Tab");
  await eventually(async () => (await terminal(page).inputValue()).startsWith("kubectl get pod"));
  await page.keyboard.type(" -n shop");
  await page.keyboard.press("Enter");
  const link = printed(page).getByRole("button", { name: /^web-/ });
  await link.first().waitFor();
  await tabTo(page, link.last(), "Shift+Tab");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: /^Pod/ }).first().waitFor();
  await expectSeen(page);
  await tabTo(page, page.getByRole("tab", { name: "laptop $" }), "Shift+Tab");
  await page.keyboard.press("ArrowDown");
  await focusOn(page, page.getByRole("tab", { name: "client #" }));
  await tabTo(page, terminal(page));
  await page.keyboard.type("curl -s web");
  await page.keyboard.press("Enter");
  await enterBack(page, page.getByRole("button", { name: "▸ watch the packets" }));
  await page.getByRole("list", { name: "Packet walk" }).waitFor();
  await expectSeen(page);
  await tabTo(page, terminal(page));
  await page.keyboard.type("while true; do sleep 1; done");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: /^Stop/ }).waitFor();
  await page.keyboard.press("Control+c");
  await page.getByRole("button", { name: /^Stop/ }).waitFor({ state: "detached" });
  await focusOn(page, terminal(page));
});

async function enterBack(page, wanted) {
  await wanted.waitFor();
  await tabTo(page, wanted, "Shift+Tab");
  await page.keyboard.press("Enter");
}

test("keep: into a file and from it, a link, everything anew and that undone", async ({ page, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await ready(page);
  await type(page, "kubectl create namespace mine");
  await printed(page).getByText("namespace/mine created").waitFor();
  const saved = page.waitForEvent("download");
  await menu(page, "Save to a file");
  const path = await (await saved).path();
  await focusOn(page, button(page, "Menu"));
  await menu(page, "Copy a link to this");
  await page.getByText("The link is in the clipboard.").waitFor();
  await menu(page, "Start over");
  await page.getByText("Everything is as at the start.").waitFor();
  await enter(page, page.locator(".notice").getByRole("button", { name: "Undo" }));
  await page.locator(".notice").waitFor({ state: "detached" });
  await expectSeen(page);
  const chooser = page.waitForEvent("filechooser");
  await menu(page, "Open a file…");
  await (await chooser).setFiles({ name: "lab.json", mimeType: "application/json", buffer: readFileSync(path) });
  await page.getByText("Opened.").waitFor();
  await type(page, "kubectl get namespace mine -o name");
  await printed(page).getByText("namespace/mine", { exact: true }).waitFor();
});

test("the list of keys opens with ?, and Escape gives the focus back", async ({ page }) => {
  await ready(page);
  await tabTo(page, button(page, "Send"));
  await page.keyboard.press("?");
  await focusOn(page, dialog(page, "Keyboard shortcuts").getByRole("button", { name: "Close" }));
  await page.keyboard.press("Escape");
  await focusOn(page, button(page, "Send"));
});
