// Whatever is clicked, typed and dragged: no panic, no complaint in the console, no page that stands still.
//
// RANDOM_SECONDS says for how long (60), RANDOM_SEED from where (1), RANDOM_PATIENCE how many milliseconds
// the page may take to answer (8000).
import { expect, test } from "./harness.mjs";
import { actAtRandom, dice } from "./random.mjs";

const SECONDS = Number(process.env.RANDOM_SECONDS ?? 60);
const SEED = Number(process.env.RANDOM_SEED ?? 1);
const PATIENCE = Number(process.env.RANDOM_PATIENCE ?? 8000);

test(`somebody clicks, types and drags at random for ${SECONDS} s (seed ${SEED})`, async ({ page, complaints }) => {
  // Choosing a file would wait for ever.
  page.on("filechooser", () => {});
  const roll = dice(SEED);
  const done = [];
  const end = Date.now() + SECONDS * 1000;
  while (Date.now() < end) {
    const act = actAtRandom(page, roll).catch((error) => `could not: ${error.message.split("\n")[0]}`);
    const what = await within(act, PATIENCE * 3);
    done.push(what);
    const state = what && (await within(page.evaluate(stateOf), PATIENCE));
    const story = `after ${done.length} actions: ${done.slice(-12).join(" · ")}`;
    expect(state, `the page does not answer ${story}`);
    expect(!state.crashed, `the lab has stopped ${story}`);
    expect(state.over <= 0, `${state.over} pixels too wide ${story}`);
    expect(complaints.length === 0, story);
  }
  console.log(`       ${done.length} actions`);
}, { limit: SECONDS * 1000 + 60_000, viewport: { width: 1440, height: 900 } });

/** Once the next frame is drawn. */
function stateOf() {
  return new Promise((resolve) => {
    requestAnimationFrame(() =>
      setTimeout(() =>
        resolve({
          crashed: !document.getElementById("crashed").hidden,
          over: document.documentElement.scrollWidth - innerWidth,
        }),
      ),
    );
  });
}

/** What it gives, or nothing where it takes longer. */
function within(promise, limit) {
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, limit)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
