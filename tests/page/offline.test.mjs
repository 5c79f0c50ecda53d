// The page without a network, in another folder, and inside another page.
import { expect, test } from "./harness.mjs";

const ALLOWED = { serviceWorkers: "allow" };

test("after the first load the page opens with the network off", async ({ page, context, url }) => {
  await page.evaluate(() => navigator.serviceWorker.ready.then(({ active }) => active !== null));
  await page.waitForFunction(() => navigator.serviceWorker.controller?.state === "activated");
  await context.setOffline(true);
  await page.goto(`${url}?lang=ko`, { waitUntil: "load" });
  await page.getByRole("region", { name: "Stage" }).waitFor();
  await page.getByRole("button", { name: "메뉴" }).click();
  await page.getByRole("menuitem", { name: "모든 시나리오" }).click();
  const offers = page.getByRole("dialog").getByRole("listitem");
  await offers.nth(5).waitFor();
  expect((await offers.count()) > 30, "scenarios are kept too");
}, ALLOWED);

test("the page runs inside another page", async ({ page, url }) => {
  await page.goto(`${url}editor.js`);
  await page.setContent(`<iframe src="${url}" width="1200" height="800" title="lab"></iframe>`);
  const frame = page.frameLocator("iframe");
  await frame.getByRole("region", { name: "Stage" }).waitFor();
  await frame.getByRole("button", { name: "Send" }).click();
  await frame.locator(".overlay .packet").waitFor();
});
