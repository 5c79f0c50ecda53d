// What a page fetches until its first picture stands, as a file host would send it.
import { brotliCompressSync } from "node:zlib";

/** Opens `url` in `page`, which has fetched nothing yet: the sizes of the files by name, in bytes. */
export async function firstLoad(page, url) {
  const responses = [];
  const listen = (response) => responses.push(response);
  page.on("response", listen);
  await page.goto(url, { waitUntil: "commit" });
  await page.locator(".page").waitFor();
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)));
  page.off("response", listen);
  const sizes = {};
  for (const response of responses.filter((it) => !isLater(it.url()))) {
    const name = new URL(response.url()).pathname.split("/").at(-1) || "index.html";
    sizes[name] = brotliCompressSync(await response.body()).length;
  }
  return sizes;
}

/** Whether this is the part of the module that is fetched once the page stands. */
export const isRest = (url) => url.endsWith("_rest.wasm");

/** Whether this is fetched once the page stands: the editor comes after the rest of the module. */
const isLater = (url) => isRest(url) || url.endsWith("/editor.js");

export const sum = (sizes) => Object.values(sizes).reduce((sum, size) => sum + size, 0);
