// Somebody who clicks, types and drags at random: a seed → actions on the page.
import { readFileSync, readdirSync } from "node:fs";

import { editor } from "./lab.mjs";

const SCENARIOS = new URL("../../scenarios/", import.meta.url);
const NAMES = readdirSync(SCENARIOS).map((it) => it.replace(".yaml", "")).filter((it) => !["index", "cluster"].includes(it));

const PRESSABLE = "button, summary, input[type=checkbox], [role=button], [role=switch], [role=tab], .dot, .listing tr, .screen";
const KEYS = [
  "Tab", "Tab", "Tab", "Shift+Tab", "Enter", "Enter", "Space", "Escape", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight",
  "Home", "End", "PageDown", "Delete", "Backspace", "F1", "F2", "Control+Enter", "Control+Shift+Enter", "Control+z", "Control+y",
  "Control+c", "Control+l", "Control+a", "Control+m", "Control+Space", "+", "-", "0", ".", ",", "<", "n", "s", "l", "m", "t", "?", "1", "2", "3", "4", "5",
];
const LINES = [
  "kubectl get pods,svc,endpointslices -A", "kubectl get all -A -o wide", "kubectl get svc -n shop web -o yaml", "kubectl describe pod -n shop",
  "kubectl scale deployment web -n shop --replicas=7", "kubectl scale deployment web -n shop --replicas=0", "kubectl delete pod --all -n shop",
  "kubectl delete svc web -n shop", "kubectl delete ns shop", "kubectl delete node worker-1", "kubectl edit svc web -n shop", "kubectl explain service.spec",
  "kubectl rollout restart deployment web -n shop", "kubectl apply -f -", "kubectl patch svc web -n shop -p '{\"spec\":{\"type\":\"NodePort\"}}'",
  "kubectl run tmp --image=nginx", "kubectl expose pod tmp --port=80", "kubectl create deployment d --image=nginx --replicas=40", "kubectl drain worker-2 --ignore-daemonsets --force",
  "curl -s web.shop", "curl -m 2 10.96.0.1", "curl -v http://web.shop.svc.cluster.local/hostname", "for i in $(seq 50); do curl -s web.shop; done",
  "while true; do curl -s web.shop; sleep 1; done", "nslookup web.shop", "dig +short web.shop.svc.cluster.local", "iptables-save -t nat", "iptables -t nat -F",
  "conntrack -L", "ip route", "ip addr", "ss -tlnp", "tcpdump -ni any -c 5", "kubectl logs -n shop deploy/web", "kubectl exec -n shop deploy/web -- hostname",
  "cat <<EOF", "EOF", "echo 파드 $(", "'", "\\", "sleep 5", "watch kubectl get pods -A", "kubectl get pods -w -A", "history", "exit", "",
];
const WORDS = ["kind: ", "replicas: 3", "\n", "  ", "- ", "port: 99999", "파드", "---\n", "\"", "{", "}", "targetPort: http", "#", ": ", "apiVersion: v1\n", "\t", "type: NodePort", "🙂"];

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function dice(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let it = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    it = (it + Math.imul(it ^ (it >>> 7), 61 | it)) ^ it;
    return ((it ^ (it >>> 14)) >>> 0) / 4294967296;
  };
}

/** Does one thing to the page and gives it in words. */
export async function actAtRandom(page, roll) {
  const among = (all) => all[Math.floor(roll() * all.length)];
  const total = ACTIONS.reduce((sum, [weight]) => sum + weight, 0);
  let left = roll() * total;
  const [, act] = ACTIONS.find(([weight]) => (left -= weight) < 0);
  return act(page, roll, among);
}

const ACTIONS = [
  [40, click],
  [25, press],
  [8, choose],
  [8, writeAnything],
  [8, command],
  [6, scrubTime],
  [4, lookAround],
  [3, resize],
  [2, anotherScenario],
  [1, reload],
];

async function click(page, roll, among) {
  const places = await page.evaluate(visible, PRESSABLE);
  if (places.length === 0) return "click nothing";
  const { x, y, name } = among(places);
  await page.mouse.click(x, y, { clickCount: roll() < 0.1 ? 2 : 1 });
  return `click ${name}`;
}

/** What can be seen and pressed, with its middle. */
function visible(selector) {
  const res = [];
  for (const it of document.querySelectorAll(selector)) {
    const { left, right, top, bottom, width, height } = it.getBoundingClientRect();
    const [x, y] = [(left + right) / 2, (top + bottom) / 2];
    if (width === 0 || height === 0 || x < 0 || y < 0 || x >= innerWidth || y >= innerHeight) continue;
    if (!it.contains(document.elementFromPoint(x, y))) continue;
    res.push({ x, y, name: `${it.getAttribute("aria-label") ?? it.textContent.slice(0, 40)} (${it.tagName.toLowerCase()}.${it.getAttribute("class")})` });
  }
  return res;
}

async function press(page, roll, among) {
  const keys = among(KEYS);
  const times = roll() < 0.2 ? 6 : 1;
  for (let press = 0; press < times; press += 1) await page.keyboard.press(keys);
  return `press ${keys} ×${times}`;
}

async function choose(page, roll, among) {
  const chosen = await page.evaluate(([which, option]) => {
    const all = [...document.querySelectorAll("select")].filter((it) => it.checkVisibility() && it.options.length > 0);
    const select = all[Math.floor(which * all.length)];
    if (!select) return "nothing";
    select.selectedIndex = Math.floor(option * select.options.length);
    select.dispatchEvent(new Event("change", { bubbles: true }));
    return `${select.ariaLabel}: ${select.value}`;
  }, [roll(), roll()]);
  return `choose ${chosen}`;
}

async function writeAnything(page, roll, among) {
  if ((await editor(page).count()) === 0 || (await page.locator("dialog[open]").count()) > 0) return "write nowhere";
  if (roll() < 0.5) {
    const text = mangled(readFileSync(new URL(`${among(NAMES)}.yaml`, SCENARIOS), "utf8"), roll);
    await editor(page).evaluate((area, text) => {
      area.value = text;
      if (area.tagName === "TEXTAREA") area.dispatchEvent(new InputEvent("input", { bubbles: true }));
    }, text, { timeout: 1000 }).catch(() => {});
  } else {
    await editor(page).click({ timeout: 1000 }).catch(() => {});
    await page.keyboard.type(among(WORDS) + among(WORDS));
  }
  if (roll() < 0.7) await page.keyboard.press("Control+Enter");
  return "write";
}

/** The manifests of a scenario as it is written, with a piece cut out now and then. */
function mangled(scenario, roll) {
  const lines = scenario.split("\n").map((line) => line.replace(/^ {6}/, ""));
  const start = Math.max(0, lines.findIndex((line) => line.startsWith("apiVersion")));
  const text = lines.slice(start, start + 20 + Math.floor(roll() * 60)).join("\n");
  const at = Math.floor(roll() * text.length);
  return roll() < 0.5 ? text : text.slice(0, at) + text.slice(at + 1 + Math.floor(roll() * 12));
}

async function command(page, roll, among) {
  const line = among(LINES);
  const input = page.locator("#terminal-input");
  if ((await input.count()) === 0 || (await page.locator("dialog[open]").count()) > 0) return "type nowhere";
  await input.fill(line, { timeout: 1000 }).catch(() => {});
  await page.keyboard.press(roll() < 0.15 ? "Tab" : "Enter");
  if (roll() < 0.15) await page.keyboard.press("Control+c");
  return `type ${line}`;
}

async function scrubTime(page, roll) {
  const box = await page.locator(".scrub input").boundingBox({ timeout: 1000 }).catch(() => null);
  if (!box) return "no time bar";
  const at = () => [box.x + roll() * box.width, box.y + box.height / 2];
  await page.mouse.move(...at());
  await page.mouse.down();
  for (let move = Math.floor(roll() * 4); move >= 0; move -= 1) await page.mouse.move(...at(), { steps: 4 });
  await page.mouse.up();
  return "drag the time";
}

async function lookAround(page, roll) {
  const box = await page.locator(".canvas").boundingBox({ timeout: 1000 }).catch(() => null);
  if (!box) return "no stage";
  const at = () => [box.x + roll() * box.width, box.y + roll() * box.height];
  await page.mouse.move(...at());
  if (roll() < 0.5) {
    await page.keyboard.down("Control");
    await page.mouse.wheel(0, (roll() - 0.5) * 800);
    await page.keyboard.up("Control");
    return "zoom";
  }
  await page.mouse.down();
  await page.mouse.move(...at(), { steps: 5 });
  await page.mouse.up();
  return "drag the stage";
}

async function resize(page, roll, among) {
  const [width, height] = among([[1440, 900], [1440, 900], [1920, 1080], [1024, 768], [820, 1180], [390, 844]]);
  await page.setViewportSize({ width, height });
  return `resize to ${width}`;
}

async function anotherScenario(page, roll, among) {
  const name = among(NAMES);
  const url = new URL(page.url());
  url.search = `?scenario=${name}&lang=${among(["en", "ko"])}&theme=${among(["light", "dark"])}`;
  await page.goto(url.href, { waitUntil: "load" });
  return `scenario ${url.search}`;
}

async function reload(page) {
  await page.reload({ waitUntil: "load" });
  return "reload";
}
