// Every scenario in the page: what it suggests comes out, in order, by clicks alone.
import { readFileSync } from "node:fs";

import { expect, test } from "./harness.mjs";

const index = readFileSync(new URL("../../scenarios/index.yaml", import.meta.url), "utf8");
const names = [...index.matchAll(/^ {6}- (\S+)$/gm)].map(([, name]) => name);

function titleOf(name, language) {
  const text = readFileSync(new URL(`../../scenarios/${name}.yaml`, import.meta.url), "utf8");
  return JSON.parse(text.match(new RegExp(`^title:\\n(?:  .*\\n)*?  ${language}: (".*")$`, "m"))[1]);
}

for (const [number, name] of names.entries()) {
  // Languages and themes take turns: each is seen with half of the scenarios.
  const view = { at: `?scenario=${name}`, locale: number % 2 ? "ko-KR" : "en-US", colorScheme: number % 4 < 2 ? "light" : "dark" };
  test(`the scenario ${name} keeps its promises`, async ({ page, shot }) => {
    await page.locator(".lesson h2").getByText(titleOf(name, view.locale.slice(0, 2))).waitFor();
    await shot(`scenario-${name}`);
    await page.getByRole("button", { name: "10×" }).click();
    const tries = page.locator(".lesson li");
    const count = await tries.count();
    expect(count > 0, "there is something to try");
    for (let which = 0; which < count; which += 1) {
      const it = tries.nth(which);
      await it.getByRole("button").click();
      await page.locator(`.lesson li:nth-child(${which + 1}):is(.met, .missed)`).waitFor({ timeout: 100_000 });
      expect((await it.getAttribute("class")) === "met", `${await it.textContent()}: ${await page.getByRole("log").textContent()}`);
    }
    await shot(`scenario-${name}-done`);
  }, view);
}
