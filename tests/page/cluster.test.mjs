// What a learner can do to pods and nodes in the picture.
import { expectEqual, expectMatch, test } from "./harness.mjs";
import { edit, eventually, knownEnds, seconds, settled, until, webPods } from "./lab.mjs";

const LIVENESS = "          livenessProbe:\n            httpGet: { path: /health, port: 8080 }\n            periodSeconds: 2\n            failureThreshold: 2\n";

const card = (page, pod) => page.locator(".pod").filter({ has: page.getByRole("button", { name: new RegExp(`Pod shop/${pod}$`) }) });

const nameOf = async (pods) => (await pods.first().getAttribute("aria-label")).split("/")[1];

/** Gives the Deployment's pods a liveness probe before their readiness probe. */
async function withLiveness(page) {
  await settled(page);
  await edit(page, (text) => text.replace(/^( *)readinessProbe:/m, `${LIVENESS.replace(/^ {10}/gm, "$1")}$1readinessProbe:`));
  const switches = page.getByRole("switch", { name: /^Liveness of shop\/web-/ });
  await until(page, async () => (await switches.count()) === 3 && (await page.locator(".pod.ready.tied").count()) === 3);
  return switches;
}

test("a pod that is not alive is started again, and says how often", async ({ page, axe, shot }) => {
  const switches = await withLiveness(page);
  const name = await nameOf(switches);
  await switches.first().click();
  await until(page, async () => (await card(page, name).getByRole("img", { name: "1 restart" }).count()) === 1);
  await axe();
  await shot("liveness");
});

test("a pod that crashes again and again backs off", async ({ page, axe, shot }) => {
  await settled(page);
  const name = await nameOf(webPods(page));
  const crash = page.getByRole("button", { name: `Crash shop/${name}` });
  const backsOff = async () => /CrashLoopBackOff/.test(await card(page, name).textContent());
  // Whenever the program runs, it ends.
  await until(page, async () => {
    if (await backsOff()) return true;
    if ((await crash.count()) === 1) {
      await crash.focus();
      await page.keyboard.press("Enter");
    }
    return false;
  });
  await axe();
  await shot("crash-loop");
});

test("a stopped kube-proxy keeps its rules, and the picture says that they are old", async ({ page, shot }) => {
  await settled(page);
  const proxy = page.getByRole("switch", { name: "kube-proxy of worker-1" });
  await proxy.focus();
  await page.keyboard.press("Space");
  expectEqual(await page.locator(".doubt").allTextContents(), ["stopped"]);
  await webPods(page).first().click();
  const counts = async () => (await knownEnds(page)).map((ends) => ends.length).join();
  await until(page, async () => (await counts()) === "2,3,2");
  expectEqual(await page.locator(".doubt").allTextContents(), ["stale rules"]);
  await shot("stale");
  await proxy.click();
  await until(page, async () => (await counts()) === "2,2,2");
  expectEqual(await page.locator(".doubt").count(), 0);
});

const inspect = (page, node) => page.getByRole("button", { name: `${node}: Node` }).click();

test("a node is cordoned, drained, switched off", async ({ page, axe, shot }) => {
  await settled(page);
  await inspect(page, "worker-1");
  await page.getByRole("button", { name: "cordon worker-1", exact: true }).click();
  await until(page, async () => /SchedulingDisabled/.test(await page.locator(".canvas").textContent()), 3);
  await page.getByRole("button", { name: "uncordon worker-1" }).click();
  await page.getByRole("button", { name: "drain worker-1" }).click();
  await until(page, async () => (await page.locator(".pod.ending").count()) > 0, 3);
  await shot("drain");
  await until(page, async () => (await page.locator(".standing").first().textContent()) === "" && (await knownEnds(page)).every((ends) => ends.length === 3 && ends.every((end) => end.startsWith("10.244.2."))));
  await inspect(page, "worker-2");
  await page.getByRole("switch", { name: "Power of worker-2" }).click();
  await until(page, async () => /NotReady/.test(await page.locator(".canvas").textContent()));
  await axe();
  await shot("machine-off");
});

test("keyboard alone: everything of the picture that can be clicked", async ({ page }) => {
  await settled(page);
  const clickable = await page.locator(".canvas svg [role=button], .canvas svg [role=switch]").evaluateAll((all) =>
    all.filter((it) => it.tabIndex !== 0 || !it.getAttribute("aria-label")).map((it) => it.outerHTML.slice(0, 80)),
  );
  expectEqual(clickable, []);
  await page.getByRole("button", { name: /^shop\/web 10\./ }).focus();
  await page.keyboard.press("Enter");
  expectMatch(await page.getByRole("heading", { name: /^Service shop/ }).textContent(), /shop\/web/);
});

test("the laptop asks the address that the load balancer gave", async ({ page, shot, axe }) => {
  await edit(page, (text) => text.replace("selector:\n    app: web\n  ports:", "type: LoadBalancer\n  selector:\n    app: web\n  ports:"));
  await settled(page);
  await page.getByRole("switch", { name: /^load balancer/ }).click();
  const address = page.getByRole("option", { name: /^shop\/web 192\.168\.56\.2\d\d:80$/ });
  await until(page, async () => (await address.count()) === 1);
  // Every kube-proxy hears of it and syncs within a second or two.
  const given = await seconds(page);
  await until(page, async () => (await seconds(page)) > given + 3);
  await page.getByRole("button", { name: /^laptop/ }).click();
  await page.getByRole("combobox", { name: "To" }).selectOption(await address.textContent());
  await page.getByRole("button", { name: "Send" }).click();
  await eventually(async () => /^200, answered by web-/.test(await page.locator(".answer").textContent()));
  await axe(".stage");
  await shot("load-balancer");
});
