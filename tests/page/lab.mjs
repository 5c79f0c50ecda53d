// What tests do with the page, in the words of somebody who uses it.

export const editor = (page) => page.getByRole("textbox", { name: "Manifests" });

/** Puts `text` into the editor at once, however long it is, plain text area or not. */
export async function write(page, text) {
  // The editor's module may take the text area's place just then.
  for (let chances = 3; chances > 0; chances -= 1) {
    await editor(page).evaluate((area, text) => {
      area.value = text;
      if (area.tagName === "TEXTAREA") area.dispatchEvent(new InputEvent("input", { bubbles: true }));
    }, text);
    if ((await written(page)) === text) return;
  }
}

/** The whole text of the file that the editor shows. */
export const written = (page) => editor(page).evaluate((area) => area.value);

/** The editor as it is once its module is there. */
export const code = (page) => page.locator('.cm-content[aria-label="Manifests"]');

export async function apply(page, text) {
  await write(page, text);
  await page.getByRole("button", { name: "Apply" }).click();
}

/** Changes the manifests as they stand and applies them. */
export async function edit(page, change) {
  await apply(page, change(await written(page)));
}

export async function open(page, tab) {
  await page.getByRole("tab", { name: tab }).click();
}

/** The readiness switches of the Deployment's pods. */
export const webPods = (page) => page.getByRole("switch", { name: /^Readiness of shop\/web-/ });

/** Steps from event to event until `holds`. */
export async function until(page, holds, events = 400) {
  for (let event = 0; event < events; event += 1) {
    if (await holds()) return;
    await page.getByRole("button", { name: "Next event" }).click();
  }
  throw new Error(`not so within ${events} events: ${holds}`);
}

/** Waits in real time until `holds`. */
export async function eventually(holds, message = `not so in time: ${holds}`, limit = 8000) {
  const end = Date.now() + limit;
  while (Date.now() < end) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
  throw new Error(message);
}

/** Three pods that are ready, in every node's rules. */
export async function settled(page) {
  await until(page, async () => {
    if ((await webPods(page).count()) !== 3) return false;
    return (await knownEnds(page)).every((ends) => ends.length === 3);
  });
}

/** Each node's endpoints of the chosen Service, as its rules have them. */
export async function knownEnds(page) {
  const labels = await page.locator(".known").evaluateAll((all) => all.map((it) => it.getAttribute("aria-label")));
  return labels.map((label) => label.match(/\d+\.\d+\.\d+\.\d+:\d+/g) ?? []);
}

/** Seconds on the lab's clock. */
export async function seconds(page) {
  return inSeconds(await page.getByRole("timer").textContent());
}

export function inSeconds(clock) {
  const [minutes, rest] = clock.trim().split(":");
  return Number(minutes) * 60 + Number(rest);
}

/** The events, oldest first, as { at, text }. */
export async function events(page) {
  const rows = await page.locator(".events .entry").evaluateAll((rows) =>
    rows.map((row) => ({
      at: row.querySelector("time").textContent,
      text: row.querySelector("span").textContent,
    })),
  );
  return rows.reverse().map(({ at, text }) => ({ at: inSeconds(at), text }));
}

/** The selected step of the walk. */
export const step = (page) => page.locator('[aria-current="step"]');

export async function stepNumber(page) {
  return Number((await step(page).textContent()).split(" ")[0]);
}

/** Where the packet stands on the stage. */
export async function packetAt(page) {
  const transform = await page.locator(".overlay .packet").getAttribute("transform");
  return transform.match(/[\d.]+/g).map(Number);
}
