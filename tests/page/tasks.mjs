// Tasks that hold the page up for more than 50 ms while somebody types, applies and goes back in time.
import { code, editor, eventually } from "./lab.mjs";

const LETTERS = "# somebody types a sentence about Services, and thinks in between";
const APPLIES = 10;
const DRAGS = 60;

/** The default scenario as it is opened, and a cluster of six nodes and sixty pods. */
export async function longTasks(browser, url) {
  const res = {};
  for (const [name, at] of [["lab", ""], ["six_nodes", "?scenario=six-nodes"]]) {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    await page.addInitScript(watch);
    await page.route("**/scenarios/six-nodes.yaml", (route) => route.fulfill({ contentType: "text/yaml", body: sixNodes() }));
    await page.goto(url + at);
    await code(page).waitFor();
    await eventually(async () => (await page.locator(".pod.ready, .dot.ready").count()) >= (at ? 40 : 3), "pods", 60_000);
    // What comes once the page stands, and the greeting, is over.
    await page.waitForTimeout(4000);
    for (const [what, act] of Object.entries({ typing, applying, scrubbing })) {
      await page.evaluate(() => globalThis.longTasks.splice(0));
      const actions = await act(page);
      await page.waitForTimeout(300);
      const tasks = await page.evaluate(() => globalThis.longTasks);
      res[`${name}_${what}`] = { actions, long_tasks: tasks.length, worst_ms: Math.round(Math.max(0, ...tasks)) };
    }
    await page.close();
  }
  return res;
}

function watch() {
  globalThis.longTasks = [];
  const note = (list) => globalThis.longTasks.push(...list.getEntries().map((it) => it.duration));
  new PerformanceObserver(note).observe({ type: "longtask", buffered: true });
}

async function typing(page) {
  await editor(page).focus();
  await page.keyboard.press("Control+End");
  await page.keyboard.press("Enter");
  for (const letter of LETTERS) {
    await page.keyboard.press(letter);
    await page.waitForTimeout(60);
  }
  return LETTERS.length;
}

async function applying(page) {
  for (let round = 0; round < APPLIES; round += 1) {
    await editor(page).evaluate((it) => {
      const more = (_, name, count) => `${name}: ${Number(count) + (Number(count) % 2 ? 1 : -1)}`;
      it.value = it.value.replace(/(replicas): (\d+)/, more);
    });
    await page.waitForTimeout(100);
    await page.keyboard.press("Control+Enter");
    await page.locator(".applied li", { hasText: "Deployment" }).waitFor();
    await page.waitForTimeout(700);
  }
  return APPLIES;
}

async function scrubbing(page) {
  const bar = await page.getByRole("slider", { name: "Moment" }).boundingBox();
  const at = (share) => [bar.x + 4 + (bar.width - 8) * share, bar.y + bar.height / 2];
  await page.mouse.move(...at(1));
  await page.mouse.down();
  for (let drag = 0; drag < DRAGS; drag += 1) {
    await page.mouse.move(...at((drag * 0.618) % 1));
    await page.waitForTimeout(30);
  }
  await page.mouse.up();
  return DRAGS;
}

function sixNodes() {
  const worker = (number) =>
    `    - { name: worker-${number}, address: 192.168.56.${30 + number}, podCIDR: 10.244.${number}.0/24 }`;
  return `name: six-nodes
title: { en: Six nodes, ko: 노드 여섯 }
about: { en: Sixty pods on six nodes., ko: 노드 여섯에 파드 예순. }
cluster:
  nodes:
    - { name: control-plane, address: 192.168.56.30, podCIDR: 10.244.0.0/24, controlPlane: true }
${[1, 2, 3, 4, 5].map(worker).join("\n")}
settle: 30
tries: []
manifests:
  - name: six.yaml
    text: |
${[1, 2, 3].map(app).join("      ---\n")}`;
}

/** Twenty pods and their Service. */
const app = (number) => `      apiVersion: apps/v1
      kind: Deployment
      metadata: { name: app-${number} }
      spec:
        replicas: ${number === 1 ? 19 : 20}
        selector: { matchLabels: { app: app-${number} } }
        template:
          metadata: { labels: { app: app-${number} } }
          spec:
            containers:
              - { name: web, image: hostname, ports: [{ containerPort: 8080 }] }
      ---
      apiVersion: v1
      kind: Service
      metadata: { name: app-${number} }
      spec:
        selector: { app: app-${number} }
        ports: [{ port: 80, targetPort: 8080 }]
`;
