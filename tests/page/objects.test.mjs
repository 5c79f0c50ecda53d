// The cluster's objects: a table for each kind, and an object's YAML with who wrote what.
import { expect, expectEqual, expectMatch, test } from "./harness.mjs";
import { apply, edit, eventually, open, settled, until } from "./lab.mjs";

const table = (page, kind) => page.getByRole("table", { name: kind, exact: true });

/** The cells of each row that is drawn. */
async function rows(page, kind) {
  const all = table(page, kind).locator("tbody tr:not(.gap)");
  return all.evaluateAll((all) => all.map((row) => [...row.cells].map((cell) => cell.textContent)));
}

const show = async (page, kind, name) =>
  table(page, kind).getByRole("button", { name: new RegExp(name) }).first().click();

/** The lines of the YAML, each with the letter of its origin before it. */
async function yaml(page) {
  const lines = page.getByRole("list", { name: "YAML" }).getByRole("listitem");
  return lines.evaluateAll((all) => all.map((it) => `${it.querySelector(".origin").textContent || " "} ${it.querySelector("code").textContent}`));
}

test("each kind has the columns of kubectl get -o wide", async ({ page, shot }) => {
  await settled(page);
  await open(page, "Objects");
  const headers = await table(page, "Pod").getByRole("columnheader").allTextContents();
  expectEqual(headers, ["NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE", "NOMINATED NODE", "READINESS GATES"]);
  const web = (await rows(page, "Pod")).filter(([, name]) => name.startsWith("web-"));
  expectEqual(web.length, 3);
  for (const row of web) expectMatch(row.join(" "), /^shop web-\w+-\w{5} 1\/1 Running 0 \d+s 10\.244\.\d\.\d+ worker-\d <none> <none>$/);
  const service = (await rows(page, "Service")).find(([namespace]) => namespace === "shop");
  expectMatch(service.join(" "), /^shop web ClusterIP 10\.\d+\.\d+\.\d+ <none> 80\/TCP \d+s app=web$/);
  const slice = (await rows(page, "EndpointSlice")).find(([namespace]) => namespace === "shop");
  expectMatch(slice.join(" "), /^shop web-\w{5} IPv4 8080 10\.244\.\d\.\d+,10\.244\.\d\.\d+,10\.244\.\d\.\d+ \d+s$/);
  await page.getByRole("button", { name: /^Node/ }).click();
  const nodes = (await rows(page, "Node")).map((row) => row.slice(0, 3).join(" "));
  expectEqual(nodes, ["control-plane Ready control-plane", "worker-1 Ready <none>", "worker-2 Ready <none>"]);
  await shot("objects");
});

test("a namespace and words narrow the tables", async ({ page }) => {
  await settled(page);
  await open(page, "Objects");
  await page.getByRole("combobox", { name: "Namespace" }).selectOption("shop");
  expectEqual((await rows(page, "Service")).map(([name]) => name), ["web"]);
  expectEqual((await rows(page, "Pod")).length, 4);
  await page.getByRole("searchbox").fill("app=web");
  expectEqual((await rows(page, "Pod")).length, 3);
  await page.getByRole("searchbox").fill("nothing at all");
  expectEqual(await page.getByText("No object fits.").count(), 1);
});

test("a Service's YAML says what was written, defaulted, allocated", async ({ page }) => {
  await settled(page);
  await open(page, "Objects");
  await show(page, "Service", "^web$");
  const lines = await yaml(page);
  const text = lines.join("\n");
  expectMatch(text, /^Y apiVersion: v1\nY kind: Service\n  metadata:/);
  expectMatch(text, /\nA {3}uid: [0-9a-f-]{36}\n {2}spec:\nA {3}clusterIP: 10\.[\d.]+\nA {3}clusterIPs:\nA {3}- 10\./);
  expectMatch(text, /\nY {3}- name: http\nY {5}port: 80\nD {5}protocol: TCP\nY {5}targetPort: http\n/);
  expectMatch(text, /\nD {3}sessionAffinity: None\nD {3}type: ClusterIP\nC status:\nC {3}loadBalancer: {}$/);
  await page.getByRole("button", { name: "Only what I did not write" }).click();
  const others = (await yaml(page)).join("\n");
  expect(!/targetPort:|selector:/.test(others), `what was written is still there:\n${others}`);
  expectMatch(others, /ports:\nY {3}- name: http\nD {5}protocol: TCP\n/);
});

test("a mark says in words what it stands for", async ({ page }) => {
  await settled(page);
  await open(page, "Objects");
  await show(page, "Service", "^web$");
  const line = page.getByRole("listitem").filter({ hasText: /clusterIP: 10/ });
  expectEqual(await line.getByRole("img", { name: "allocated" }).count(), 1);
  expectMatch(await line.getByRole("img").getAttribute("title"), /Chosen for this object/);
});

test("keyboard alone: to an object and back", async ({ page }) => {
  await settled(page);
  await page.getByRole("tab", { name: "Manifests" }).focus();
  await page.keyboard.press("ArrowRight");
  await table(page, "Pod").getByRole("button").last().focus();
  await page.keyboard.press("Enter");
  expectMatch(await page.getByRole("heading", { name: /^Pod/ }).textContent(), /shop\/web-/);
  expectMatch(await page.locator("p[aria-live]").textContent(), /^Pod shop\/web-/);
  await page.getByRole("button", { name: "Back to all objects" }).focus();
  await page.keyboard.press("Enter");
  expect((await table(page, "Pod").count()) === 1, "the tables are there again");
});

test("a pod's page tells what happened to it, and that it is gone", async ({ page }) => {
  await settled(page);
  await open(page, "Objects");
  await show(page, "Pod", "^web-");
  const story = page.getByRole("region", { name: "Events", exact: true });
  expectMatch(await story.textContent(), /becomes Ready.*starts.*scheduler/i);
  const text = (await yaml(page)).join("\n");
  expectMatch(text, /\nA {3}nodeName: worker-\d\n/);
  expectMatch(text, /\nA {3}podIP: 10\.244\.\d\.\d+\n/);
  await open(page, "Manifests");
  await edit(page, (manifests) => manifests.replace("replicas: 3", "replicas: 0"));
  await open(page, "Objects");
  await until(page, async () => (await page.getByText("At this moment the object does not exist.").count()) === 1);
});

test("ages go on while nothing happens", async ({ page }) => {
  await settled(page);
  await open(page, "Objects");
  const age = async () => parseInt((await rows(page, "Service"))[0].at(-2));
  const before = await age();
  await eventually(async () => (await age()) >= before + 3, "the age stands still");
});

test("the tables can take the picture's place", async ({ page, shot }) => {
  await settled(page);
  await open(page, "Objects");
  await page.getByRole("button", { name: "Wide" }).click();
  const over = await table(page, "Pod").evaluate((it) => it.getBoundingClientRect().right - it.closest(".scroll").getBoundingClientRect().right);
  expect(over <= 0, `${over} pixels are out of sight`);
  await shot("objects-wide");
  await open(page, "Manifests");
  expectEqual(await page.locator(".canvas").count(), 1, "the picture is back");
});

test("ten thousand objects: a window of rows", async ({ page }) => {
  await settled(page);
  const map = (_, index) => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: map-${String(index).padStart(5, "0")}, namespace: shop}\n`;
  await apply(page, Array.from({ length: 10_000 }, map).join("---\n"));
  await eventually(async () => /map-09999/.test(await page.locator(".outcome").textContent()), "not applied", 60_000);
  await open(page, "Objects");
  await page.getByRole("searchbox").fill("map-");
  await table(page, "ConfigMap").waitFor();
  expectEqual(await table(page, "ConfigMap").getAttribute("aria-rowcount"), "10001");
  expect((await rows(page, "ConfigMap")).length < 150, "all rows are drawn");
  const took = await page.locator(".objects .scroll").evaluate(async (it) => {
    const start = performance.now();
    it.scrollTop = it.scrollHeight;
    while (!/map-09999/.test(it.textContent)) await new Promise((resolve) => requestAnimationFrame(resolve));
    return performance.now() - start;
  });
  expect(took < 250, `the last row came after ${Math.round(took)} ms`);
  expect((await rows(page, "ConfigMap")).length < 150, "all rows are drawn");
});

test("Kubernetes Events: type, reason, object, message, how often", async ({ page, axe, shot }) => {
  await settled(page);
  await page.getByRole("switch", { name: /^Readiness of shop\/web-/ }).first().click();
  await open(page, "Events");
  await page.getByRole("button", { name: "Kubernetes Events" }).click();
  const list = page.getByRole("list", { name: "Kubernetes Events" });
  const unhealthy = list.getByRole("listitem").filter({ hasText: /Warning\s*Unhealthy/ }).filter({ hasText: /x\d+ over/ });
  await until(page, async () => (await unhealthy.count()) > 0);
  expectMatch(await unhealthy.first().textContent(), /^\d+sWarningUnhealthyx\d+ over \d+skubeletpod\/web-[\w-]+Readiness probe failed: HTTP probe failed with statuscode: 503$/);
  expectMatch(await list.textContent(), /NormalScheduleddefault-schedulerpod\/web-[\w-]+Successfully assigned shop\/web-[\w-]+ to worker-\d/);
  await axe();
  await shot("kubernetes-events");
});
