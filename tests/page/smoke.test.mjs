// The page comes up: its name is there, and the harness saw no complaint.
import { expectEqual, test } from "./harness.mjs";

test("the page has the lab's name", async ({ page, shot }) => {
  expectEqual(await page.title(), "Service Lab");
  await shot("smoke");
});
