// The stage: how much of it is seen, how it is looked at, what belongs together, what is pinned.
import { expect, expectEqual, expectMatch, test } from "./harness.mjs";
import { apply, eventually, settled, until, webPods } from "./lab.mjs";

const canvas = (page) => page.locator(".canvas");
const drawn = (page) => page.locator(".canvas > svg").evaluate((it) => it.getBoundingClientRect().width);
const inspector = (page) => page.locator(".inspector");
const pod = (page) => page.getByRole("button", { name: /: Pod shop\/web-/ }).first();
const service = (page) => page.getByRole("button", { name: /^shop\/web 10\./ });

async function scrolls(page) {
  return canvas(page).evaluate((it) => [it.scrollWidth > it.clientWidth, it.scrollHeight > it.clientHeight]);
}

test("the first scenario is seen whole, in letters that can be read", async ({ page, shot }) => {
  await settled(page);
  expectEqual(await scrolls(page), [false, false]);
  const small = await page.locator(".canvas svg text").evaluateAll((all) => {
    const scale = document.querySelector(".canvas svg").getBoundingClientRect().width / document.querySelector(".canvas svg").viewBox.baseVal.width;
    return all.filter((it) => parseFloat(getComputedStyle(it).fontSize) * scale < 10).map((it) => it.textContent);
  });
  expectEqual(small, []);
  await shot("stage-whole");
});

test("the stage is made larger, smaller and whole: buttons, keys, wheel; and dragged", async ({ page }) => {
  await settled(page);
  const natural = await drawn(page);
  await page.getByRole("button", { name: "Larger" }).click();
  expect((await drawn(page)) > natural * 1.2);
  await page.getByRole("button", { name: "Fit all" }).click();
  expectEqual(await drawn(page), natural);
  await canvas(page).focus();
  await page.keyboard.press("+");
  await page.keyboard.press("+");
  expect((await drawn(page)) > natural * 1.5);
  const box = await canvas(page).boundingBox();
  const scrolled = () => canvas(page).evaluate((it) => [it.scrollLeft, it.scrollTop]);
  const before = await scrolled();
  await page.mouse.move(box.x + 300, box.y + 250);
  await page.mouse.down();
  await page.mouse.move(box.x + 240, box.y + 200, { steps: 6 });
  await page.mouse.up();
  const after = await scrolled();
  expect(after[0] > before[0] + 30 && after[1] > before[1] + 20, `${before} ${after}`);
  await canvas(page).focus();
  await page.keyboard.press("ArrowLeft");
  await eventually(async () => (await scrolled())[0] < after[0]);
  await page.keyboard.press("-");
  await page.keyboard.press("0");
  expectEqual(await drawn(page), natural);
  await page.mouse.move(box.x + 200, box.y + 200);
  await page.keyboard.down("Control");
  await page.mouse.wheel(0, -200);
  await page.keyboard.up("Control");
  await eventually(async () => (await drawn(page)) > natural * 1.2);
  expectEqual(await scrolls(page).then((it) => it[0]), true);
});

test("a node is folded and opened, by mouse and by keyboard", async ({ page, axe, shot }) => {
  await settled(page);
  await page.getByRole("button", { name: "Fold worker-1" }).click();
  await page.getByRole("button", { name: "Open worker-1" }).waitFor();
  await page.getByRole("img", { name: /^worker-1: 2 pods: 2 ready$/ }).waitFor();
  await axe(".stage");
  await shot("stage-folded");
  await page.getByRole("button", { name: "Open worker-1" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Fold worker-1" }).waitFor();
});

test("what is pointed at shows what belongs to it", async ({ page, shot }) => {
  await settled(page);
  const ties = async () => ((await page.locator(".tie").getAttribute("d").catch(() => "")) ?? "").split("M").length - 1;
  await service(page).hover();
  await eventually(async () => (await page.locator(".tie").count()) === 1);
  expectEqual(await ties(), 3);
  expect((await page.locator(".pod.faded").count()) >= 1, "the client fades");
  expectEqual(await page.locator(".pod.tied.faded").count(), 0);
  await shot("stage-relations");
  await page.mouse.move(5, 5);
  await eventually(async () => (await page.locator(".tie, .faded").count()) === 0);
  await pod(page).focus();
  await eventually(async () => (await page.locator(".tie").count()) === 1 && (await ties()) === 1);
});

for (const colorScheme of ["light", "dark"]) {
  test(`a pod is pinned: what is known of it, and where it leads (${colorScheme})`, async ({ page, axe, shot }) => {
    await settled(page);
    await pod(page).click();
    const text = await inspector(page).textContent();
    for (const known of [/10\.244\.\d\.\d+:8080/, /eth0/, /default via/, /ContainersReady/, /shop\/web/, /--to-destination/]) expectMatch(text, known);
    await axe();
    await shot(`inspector-${colorScheme}`);
    await inspector(page).locator(".rule-link").first().click();
    await page.getByRole("tab", { name: "Rules", selected: true }).waitFor();
    expectEqual(await inspector(page).count(), 0);
  }, { colorScheme });
}

test("keyboard alone: pinned, switched, closed, and the focus is back", async ({ page }) => {
  await settled(page);
  await pod(page).focus();
  await page.keyboard.press("Enter");
  const ready = inspector(page).getByRole("switch", { name: /^Readiness of shop\/web-/ });
  await ready.focus();
  await page.keyboard.press("Space");
  expectEqual(await ready.getAttribute("aria-checked"), "false");
  await page.keyboard.press("Escape");
  expectEqual(await inspector(page).count(), 0);
  expectMatch(await page.evaluate(() => document.activeElement.getAttribute("aria-label")), /Pod shop\/web-/);
});

test("from what is pinned to its manifest, its YAML, a shell, and a request", async ({ page }) => {
  await settled(page);
  await service(page).click();
  await page.getByRole("button", { name: "In the manifests" }).click();
  const line = () => page.evaluate(() => getSelection().toString() || document.activeElement.className);
  await eventually(async () => (await line()).length > 0);
  await service(page).click();
  await inspector(page).getByRole("button", { name: "YAML" }).click();
  await page.getByRole("heading", { name: /^Service/ }).first().waitFor();
  await page.keyboard.press("Escape");
  const name = (await pod(page).getAttribute("aria-label")).split(" ").at(-1);
  await pod(page).click();
  await inspector(page).getByRole("button", { name: "Send from here" }).click();
  expectEqual(await page.getByRole("combobox", { name: "From" }).inputValue(), name);
  await inspector(page).getByRole("button", { name: "Send to here" }).click();
  expectMatch(await page.getByRole("combobox", { name: "To" }).inputValue(), new RegExp(`^${name} 10\\.244\\..*:8080$`));
  await inspector(page).getByRole("button", { name: "Open a shell" }).click();
  await eventually(async () => /web-/.test(await page.locator(".dock").textContent()));
});

const many = (replicas) => `apiVersion: apps/v1
kind: Deployment
metadata: { name: many, namespace: shop }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: many } }
  template:
    metadata: { labels: { app: many } }
    spec:
      containers:
        - { name: web, image: hostname, ports: [{ containerPort: 8080 }] }
`;

for (const [width, height] of [[1440, 900], [390, 844]]) {
  test(`sixty pods are summed up (${width})`, async ({ page, shot }) => {
    if (width < 820) await page.locator("#tab-manifests").click();
    await apply(page, many(60));
    if (width < 820) await page.locator("#tab-stage").click();
    await until(page, async () => (await page.locator(".dot.ready").count()) >= 40, 900);
    const lines = await page.locator(".pod").count();
    expect(lines >= 14 && lines < 30, `${lines} lines`);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    expectEqual(wide, false);
    await shot(`stage-many-${width}`);
  }, { viewport: { width, height } });
}

const counts = (page) => page.locator(".volley li .unseen").allTextContents();

for (const colorScheme of ["light", "dark"]) {
  test(`a hundred requests become bars over pods (${colorScheme})`, async ({ page, axe, shot }) => {
    await settled(page);
    await page.getByRole("combobox", { name: "Requests at once" }).selectOption("100");
    await page.getByRole("button", { name: "Send" }).click();
    await eventually(async () => ((await page.locator(".stream .good").getAttribute("d")) ?? "").split("M").length > 20);
    await shot(`volley-flying-${colorScheme}`);
    await page.getByRole("heading", { name: "100 of 100 requests" }).waitFor();
    const bars = (await counts(page)).map((it) => it.match(/^shop\/web-\S+: (\d+), expected 33\.3$/));
    expectEqual(bars.length, 3);
    expectEqual(bars.reduce((sum, it) => sum + Number(it[1]), 0), 100);
    expectMatch(await page.locator("p[aria-live]").textContent(), /^100 requests: shop\/web-/);
    await axe();
    await shot(`volley-${colorScheme}`);
    await page.getByRole("region", { name: "Who answered" }).getByRole("button", { name: "Close" }).click();
    expectEqual(await page.locator(".volley, .stream").count(), 0);
  }, { colorScheme });
}

test("a thousand that nobody answers, by keyboard, are refused in words where they end", async ({ page, shot }) => {
  await settled(page);
  for (const it of await webPods(page).all()) await it.click();
  await until(page, async () => (await page.locator(".nobody").count()) === 3);
  const amount = page.getByRole("combobox", { name: "Requests at once" });
  await amount.focus();
  await page.keyboard.press("End");
  await amount.evaluate((it) => it.blur());
  await page.keyboard.press("s");
  await page.getByRole("heading", { name: "1000 of 1000 requests" }).waitFor({ timeout: 60_000 });
  expectEqual(await counts(page), ["refused: 1000, expected 1000.0"]);
  expectEqual(await page.locator(".stream text").allTextContents(), ["refused ×1000"]);
  await shot("volley-refused");
});

test("a packet that ends says why, where it ends", async ({ page, shot }) => {
  await settled(page);
  for (const it of await webPods(page).all()) await it.click();
  await until(page, async () => (await page.locator(".nobody").count()) === 3);
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByRole("button", { name: "Last step" }).click();
  await page.locator(".overlay .packet .cross").waitFor();
  expectEqual(await page.locator(".overlay .packet .reason").textContent(), "✕ refused by a rule: the sender is told");
  await shot("packet-refused");
});
