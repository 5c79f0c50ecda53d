// A request's packets, step by step: by mouse, by keyboard, by itself.
import { expect, expectEqual, expectMatch, test } from "./harness.mjs";
import { eventually, packetAt, settled, step, stepNumber } from "./lab.mjs";

const sendRequest = (page) => page.getByRole("button", { name: "Send", exact: true }).click();

test("a sent packet travels by itself and the list goes along", async ({ page, shot }) => {
  await settled(page);
  await sendRequest(page);
  const start = await packetAt(page);
  const first = await stepNumber(page);
  expect(first <= 3, `it begins at step ${first}`);
  await eventually(async () => (await stepNumber(page)) > first + 3, "the selection does not move");
  expect(String(await packetAt(page)) !== String(start), "the packet does not move");
  await page.locator(".open .cell.taken").waitFor();
  await page.waitForTimeout(900);
  await shot("dice");
  expectMatch(await step(page).textContent(), /PREROUTING \/ nat.*becomes 10\.244\./);
});

test("steps are picked by mouse; the packet's label changes where DNAT happens", async ({ page, shot }) => {
  await settled(page);
  await sendRequest(page);
  const list = page.getByRole("list", { name: "Packet walk" });
  await list.getByRole("button").first().click();
  expectMatch(await page.locator(".overlay .packet .label").textContent(), /^SYN 10\.244\.\d+\.\d+:\d+→ 10\.\d+\.\d+\.\d+:80$/);
  const before = await packetAt(page);
  await list.getByRole("button", { name: /PREROUTING \/ nat/ }).first().click();
  expectMatch(await page.locator(".overlay .packet .label").textContent(), /→ 10\.244\.\d+\.\d+:8080$/);
  expect(String(await packetAt(page)) !== String(before), "the packet stays where it was");
  const more = page.locator(".steps .on .more");
  expectMatch(await more.textContent(), /-A KUBE-SERVICES .*-d 10\.\d+\.\d+\.\d+/);
  expectMatch(await more.textContent(), /rules? skipped/);
  expectMatch(await more.locator(".header").textContent(), /dst10\.\d+\.\d+\.\d+:80 → 10\.244\.\d+\.\d+:8080/);
  expect((await more.locator("mark.hit").count()) > 0, "the matching part is marked");
  await more.locator("summary").first().click();
  expect((await more.locator("mark.miss").count()) > 0, "in a skipped rule the part that failed is marked");
  await shot("dnat");
});

test("the reply has its own colour and is translated back without rules", async ({ page }) => {
  await settled(page);
  await sendRequest(page);
  const packets = page.getByRole("list", { name: "Packets of this request" });
  const names = await packets.getByRole("button").evaluateAll((all) => all.map((it) => it.lastChild.textContent));
  expectEqual(names, ["SYN", "SYN/ACK", "ACK", "GET /", "200", "FIN/ACK", "FIN/ACK", "ACK"]);
  await packets.getByRole("button", { name: "SYN/ACK" }).click();
  expectEqual(await page.locator(".overlay.reply").count(), 1);
  const walk = await page.getByRole("list", { name: "Packet walk" }).textContent();
  expectMatch(walk, /own translation: source 10\.244\.\d+\.\d+:8080 becomes 10\.\d+\.\d+\.\d+:80\. No rule is asked/);
});

test("keyboard alone: send, step, read", async ({ page }) => {
  await settled(page);
  await tabTo(page, (it) => it.textContent === "Send");
  await page.keyboard.press("Enter");
  await tabTo(page, (it) => it.id.startsWith("step-"));
  const first = await stepNumber(page);
  for (const key of ["ArrowDown", "ArrowDown", "ArrowRight"]) await page.keyboard.press(key);
  await eventually(async () => (await stepNumber(page)) >= first + 3, "arrow keys do not step");
  const focused = await page.evaluate(() => document.activeElement.id);
  expectEqual(focused, `step-${(await stepNumber(page)) - 1}`, "the focus goes along");
  await page.keyboard.press("Home");
  expectEqual(await stepNumber(page), 1);
  await page.keyboard.press("ArrowUp");
  expectEqual(await stepNumber(page), 1);
  await page.keyboard.press("End");
  await page.keyboard.press("ArrowDown");
  expectEqual(await stepNumber(page), 1, "after the last step comes the next packet");
  expectEqual(await page.locator(".packets [aria-current]").textContent(), "← reply SYN/ACK");
});

test("a live region tells each step", async ({ page }) => {
  await settled(page);
  await sendRequest(page);
  await page.getByRole("button", { name: /conntrack/ }).first().click();
  const said = await page.locator("p[aria-live]").textContent();
  expectMatch(said, /PREROUTING \/ conntrack: Connection tracking knows no such connection/);
});

test("reduced motion: the packet stands at each step's place", async ({ page }) => {
  await settled(page);
  await sendRequest(page);
  const places = await placesIn(page, 60);
  expect(places <= 6, `${places} places in two seconds`);
}, { reducedMotion: "reduce" });

test("reduced motion holds from the moment it is asked for", async ({ page }) => {
  await settled(page);
  await page.emulateMedia({ reducedMotion: "reduce" });
  await sendRequest(page);
  expect((await placesIn(page, 60)) <= 6, "the packet moves on");
  await page.emulateMedia({ reducedMotion: "no-preference" });
  await sendRequest(page);
  expect((await placesIn(page, 60)) > 6, "the packet stands still");
});

/** How many places the packet is seen at in so many looks. */
async function placesIn(page, looks) {
  const places = new Set();
  for (let look = 0; look < looks; look += 1) {
    places.add(String(await packetAt(page)));
    await page.waitForTimeout(30);
  }
  return places.size;
}

async function tabTo(page, wanted) {
  for (let presses = 0; presses < 120; presses += 1) {
    await page.keyboard.press("Tab");
    if (await page.evaluate(`(${wanted})(document.activeElement)`)) return;
  }
  throw new Error(`Tab does not lead to ${wanted}`);
}

test("by name: what the client asks the DNS comes first, and all of it can be followed", async ({ page, axe }) => {
  await settled(page);
  await page.getByRole("combobox", { name: "To" }).selectOption("shop/web:80 (DNS)");
  await sendRequest(page);
  const way = page.getByRole("list", { name: "One request after the other" });
  await way.waitFor();
  expectEqual(await way.getByRole("button").allTextContents(), [
    "A web.shop.svc.cluster.local",
    "AAAA web.shop.svc.cluster.local",
    "GET http://web/",
  ]);
  expectEqual(await way.getByRole("button", { name: /^A / }).getAttribute("aria-current"), "true");
  await way.getByRole("button", { name: "GET http://web/" }).click();
  const packets = page.getByRole("list", { name: "Packets of this request" });
  await packets.getByRole("button", { name: "SYN", exact: false }).first().waitFor();
  await page.keyboard.press("Escape");
  await axe();
});

test("a matched rule says why it is there and leads to its Service and its manifest", async ({ page }) => {
  await settled(page);
  await sendRequest(page);
  const list = page.getByRole("list", { name: "Packet walk" });
  await list.getByRole("button", { name: /PREROUTING \/ nat/ }).first().click();
  const more = page.locator(".steps .on .more");
  expectMatch(await more.textContent(), /Packets to the cluster IP of shop\/web:http go on to its own chain\./);
  await more.getByRole("button", { name: "Service shop/web" }).click();
  await page.getByRole("heading", { name: /web/ }).first().waitFor();
  await page.getByRole("tab", { name: "Packet walk" }).click();
  await page.locator(".steps .on .more").getByRole("button", { name: "in the manifests" }).click();
  const selected = () => page.evaluate(() => String(getSelection()));
  await eventually(async () => /^apiVersion: v1\s+kind: Service\s/.test(await selected()), "the Service is not shown in its file");
});

test("tcpdump tells the same packets, and a line leads to its step", async ({ page, shot, axe }) => {
  await settled(page);
  await sendRequest(page);
  await page.getByRole("group", { name: "How packets are told" }).getByRole("button", { name: "tcpdump" }).click();
  const lines = page.getByRole("list", { name: "tcpdump" });
  await lines.getByRole("button", { name: /shop\/client eth0.*Flags \[S\]/ }).first().waitFor();
  await page.getByRole("combobox", { name: "Interface" }).selectOption({ label: "worker-1 cni0" });
  const syn = lines.getByRole("button", { name: /> 10\.244\.\d+\.\d+\.8080: Flags \[S\]/ }).first();
  await syn.click();
  expectEqual(await syn.getAttribute("aria-current"), "step");
  await axe();
  await shot("tcpdump");
});
