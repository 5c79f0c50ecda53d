// Manifests in, a changed cluster out; what is wrong in them stands at its place.
import { expect, expectEqual, expectMatch, test } from "./harness.mjs";
import { apply, edit, editor, eventually, knownEnds, open, seconds, settled, until, webPods, write, written } from "./lab.mjs";

test("more replicas: pods, endpoints and every node's rules follow", async ({ page }) => {
  await settled(page);
  await edit(page, (text) => text.replace("replicas: 3", "replicas: 5"));
  await until(page, async () => (await knownEnds(page)).every((ends) => ends.length === 5));
  expectEqual(await webPods(page).count(), 5);
  await open(page, "Endpoints");
  const table = page.getByRole("table", { name: "Endpoints" });
  expectMatch(await table.textContent(), /shop\/web\s*5\/5 ready/);
  await open(page, "Rules");
  const rules = await page.getByRole("group", { name: "Rules" }).textContent();
  expectEqual(rules.match(/--to-destination 10\.244\.\d+\.\d+:8080/g).length, 5);
  expect(rules.includes("--probability 0.2000000000"), "five endpoints begin with a chance of 1/5");
});

test("fewer replicas: rules that went are listed", async ({ page }) => {
  await settled(page);
  await edit(page, (text) => text.replace("replicas: 3", "replicas: 1"));
  await until(page, async () => (await knownEnds(page)).every((ends) => ends.length === 1));
  await open(page, "Rules");
  expectMatch(await page.getByRole("region", { name: "Gone since the last sync" }).textContent(), /KUBE-SEP-/);
});

test("Ctrl and Enter apply", async ({ page }) => {
  await settled(page);
  await write(page, (await written(page)).replace("replicas: 3", "replicas: 2"));
  await editor(page).focus();
  await page.keyboard.press("Control+Enter");
  await until(page, async () => (await webPods(page).count()) === 2);
});

test("a selected rule is explained", async ({ page }) => {
  await settled(page);
  await open(page, "Rules");
  await page.getByRole("button", { name: /DNAT --to-destination 10\.244/ }).first().click();
  const why = page.getByRole("complementary", { name: "Why this rule is here" });
  expectMatch(await why.textContent(), /destination becomes 10\.244\.\d+\.\d+:\d+, an endpoint of/);
});

const BOMB =
  "a: &a [x, x, x, x, x, x, x, x, x]\n" +
  [..."bcdefghij"].map((it, at) => `${it}: &${it} [${Array(9).fill(`*${"abcdefghi"[at]}`).join(", ")}]\n`).join("");

const BAD = {
  "broken YAML": { text: "apiVersion: v1\nkind: Service\n  metadata: {\n", line: /^Line [34],/ },
  "an unknown kind": { text: "apiVersion: v1\nkind: Sevrice\nmetadata:\n  name: a\n", line: /^Line [12],/ },
  "a wrong type": {
    text: "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\nspec:\n  ports: many\n",
    line: /^Line 6,/,
  },
  "a port out of range": {
    text: "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\nspec:\n  ports:\n  - port: 99999\n",
    line: /^Line 7,/,
  },
  "10,000 brackets": { text: "[".repeat(10_000), line: /^Line 1,/ },
  "aliases of aliases": { text: BOMB, line: /^Line \d+,/ },
  "five megabytes of words": { text: "word ".repeat(1_048_576), line: /^Line 1,/ },
  "five megabytes of lines": { text: `key: ${"value ".repeat(10)}\n`.repeat(80_000), line: /^Line \d+,/ },
  "half a million lines": { text: "key: value\n".repeat(480_000), line: /^Line \d+,/ },
};

for (const [what, { text, line }] of Object.entries(BAD)) {
  test(`${what}: an error at its place, and the lab goes on`, async ({ page }) => {
    await settled(page);
    await write(page, text);
    // The browser's own work on so long a text is not the lab's answer.
    if (text.length > 1_000_000) await page.waitForTimeout(3000);
    const took = await page.evaluate(async () => {
      const start = performance.now();
      document.querySelector(".actions .pri").click();
      while (!document.querySelector(".faults button")) {
        await new Promise((resolve) => requestAnimationFrame(resolve));
        if (performance.now() - start > 20_000) break;
      }
      return performance.now() - start;
    });
    const fault = page.getByRole("list", { name: "Problems in the manifests" }).getByRole("button").first();
    expectMatch(await fault.textContent(), line);
    expect(took < 1000, `the error came after ${Math.round(took)} ms`);
    expectEqual(await webPods(page).count(), 3);
    const before = await seconds(page);
    await eventually(async () => (await seconds(page)) > before, "the clock stands still");
  });
}

test("an empty text says that there is nothing to apply", async ({ page }) => {
  await settled(page);
  await apply(page, "");
  expectMatch(await page.getByRole("group", { name: "Problems in the manifests" }).textContent(), /nothing to apply/);
  expectEqual(await webPods(page).count(), 3);
});

test("an error leads to its place in the text", async ({ page }) => {
  await apply(page, "# 파드\napiVersion: v1\nkind: Service\nmetadata:\n  name: 123\n");
  await page.getByRole("list", { name: "Problems in the manifests" }).getByRole("button").first().click();
  const selected = await page.evaluate(() => getSelection().toString());
  expectEqual(selected, "123");
});

test("the good document is applied beside the bad one", async ({ page }) => {
  await settled(page);
  const good = "apiVersion: v1\nkind: Service\nmetadata:\n  name: second\n  namespace: shop\nspec:\n  selector:\n    app: web\n  ports:\n  - port: 81\n    targetPort: 8080\n";
  await apply(page, `${good}---\napiVersion: v1\nkind: Nonsense\nmetadata:\n  name: a\n`);
  expectMatch(await page.locator(".outcome").textContent(), /Service shop\/second created/);
  await eventually(async () => (await page.locator('.ghost [aria-label*="shop/second"]').count()) === 1);
});
