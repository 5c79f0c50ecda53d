// The page comes in two loads: what a first visit needs, and the rest once the page stands.
import { expect, expectEqual, test } from "./harness.mjs";
import { firstLoad, isRest, sum } from "./first-load.mjs";
import { edit, eventually, settled, webPods, write } from "./lab.mjs";

const LIMIT = 600_000;

/** A page of its own that has fetched nothing, whose rest is answered by `answer`. */
async function fresh(page, answer) {
  const context = await page.context().browser().newContext({ locale: "en-US" });
  // A lab that goes on running would slow all tests that follow.
  page.once("close", () => context.close());
  const other = await context.newPage();
  const asked = [];
  await other.route(isRestOf, (route) => {
    asked.push(route.request().resourceType());
    return answer(route);
  });
  return { page: other, asked };
}

const isRestOf = (url) => isRest(url.href);
const goOn = (route) => route.continue();

/** Fetching waits until `arrive`; what is loaded on the spot comes at once. */
function late() {
  let arrive;
  const arrived = new Promise((resolve) => (arrive = resolve));
  const answer = async (route) => {
    if (route.request().resourceType() === "fetch") await arrived;
    await route.continue();
  };
  return { answer, arrive };
}

test("the first picture stands after 600 kB", async ({ page, url }) => {
  const { page: other } = await fresh(page, goOn);
  const sizes = await firstLoad(other, url);
  const kinds = [...new Set(Object.keys(sizes).map((name) => name.split(".").at(-1)))].sort();
  expectEqual(kinds, ["css", "html", "js", "wasm"]);
  expect(sum(sizes) <= LIMIT, `${sum(sizes)} bytes: ${JSON.stringify(sizes)}`);
});

test("the rest is fetched by itself once the page stands", async ({ page, url }) => {
  const { page: other, asked } = await fresh(page, goOn);
  await other.goto(url);
  await eventually(() => asked.length > 0);
  await settled(other);
  expectEqual(asked, ["fetch"]);
});

test("a start misses nothing of the rest", async ({ page, url }) => {
  const { answer } = late();
  const { page: other, asked } = await fresh(page, answer);
  await other.goto(url);
  await other.locator(".pod.ready.tied").nth(2).waitFor();
  expectEqual(asked, ["fetch"]);
});

test("a request that is sent before the rest is there loads it on the spot", async ({ page, url }) => {
  const { answer } = late();
  const { page: other, asked } = await fresh(page, answer);
  await other.goto(url);
  await other.locator(".pod.ready.tied").nth(2).waitFor();
  await other.getByRole("button", { name: "Send", exact: true }).click();
  await other.locator(".open .cell.taken").waitFor();
  expectEqual(asked, ["fetch", "xhr"]);
});

test("a click that comes before the rest works, and the rest may come later", async ({ page, url }) => {
  const { answer, arrive } = late();
  const { page: other, asked } = await fresh(page, answer);
  const complaints = [];
  other.on("pageerror", (error) => complaints.push(error.message));
  await other.goto(url);
  await settled(other);
  await edit(other, (text) => text.replace("replicas: 3", "replicas: 5"));
  await eventually(async () => (await webPods(other).count()) === 5);
  expectEqual(asked, ["fetch", "xhr"]);
  arrive();
  await edit(other, (text) => text.replace("replicas: 5", "replicas: 4"));
  await other.getByRole("tab", { name: "Rules" }).click();
  await eventually(async () => (await webPods(other).count()) === 4);
  expectEqual(asked, ["fetch", "xhr"]);
  expectEqual(complaints, []);
});

test("a rest that cannot be had is asked for again", async ({ page, url }) => {
  let lost = true;
  const { page: other, asked } = await fresh(page, (route) => (lost ? route.abort() : route.continue()));
  await other.goto(url);
  await eventually(() => asked.length === 1);
  lost = false;
  await edit(other, (text) => text.replace("replicas: 3", "replicas: 5"));
  await eventually(async () => (await webPods(other).count()) === 5);
  expectEqual(asked, ["fetch", "xhr"]);
});

test("where the rest cannot be had at all the page says so", async ({ page, url }) => {
  const { page: other, asked } = await fresh(page, (route) => route.abort());
  await other.goto(url);
  await eventually(() => asked.length === 1);
  await write(other, "no manifest");
  // Typing may have missed it already, and then the message lies over the button.
  await other.getByRole("button", { name: "Apply" }).evaluate((button) => button.click());
  await other.getByRole("alert").filter({ hasText: "The lab has stopped" }).waitFor();
  expectEqual(asked.slice(0, 3), ["fetch", "xhr", "xhr"]);
});

test("who comes again finds what was changed", async ({ page, url }) => {
  const { page: other } = await fresh(page, goOn);
  await other.goto(url);
  await settled(other);
  await edit(other, (text) => text.replace("replicas: 3", "replicas: 5"));
  await eventually(async () => (await webPods(other).count()) === 5);
  // Changes are kept a moment later.
  await other.waitForTimeout(500);
  await other.reload();
  await eventually(async () => (await webPods(other).count()) === 5);
});
