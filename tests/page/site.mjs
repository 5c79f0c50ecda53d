// dist/, or another folder, as a site in a folder of a host, and a browser to look at it.
import { readFile, stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const DIST = fileURLToPath(new URL("../../dist/", import.meta.url));

// Not the host's root, so that a link which is not relative finds nothing.
const FOLDER = "/courses/service-lab/";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".wasm": "application/wasm",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".woff2": "font/woff2",
};

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Serves `files`; gives the page's address and a function that ends the server. */
export async function openSite(files = DIST, headers = {}) {
  const server = createServer((request, response) => answer(files, headers, request, response));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${server.address().port}${FOLDER}`;
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url, close };
}

export async function openBrowser() {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  return await chromium.launch({ executablePath, args: FLAGS });
}

async function answer(files, headers, request, response) {
  const path = await fileOf(files, new URL(request.url, "http://site").pathname);
  if (path === undefined) {
    response.writeHead(404).end();
    return;
  }
  const type = TYPES[extname(path)] ?? "application/octet-stream";
  response.writeHead(200, { ...headers, "Content-Type": type }).end(await readFile(path));
}

async function fileOf(files, pathname) {
  // No icon is not a fault of the page: browsers ask for one at the root of every host.
  if (!pathname.startsWith(FOLDER)) return undefined;
  const name = decodeURIComponent(pathname.slice(FOLDER.length)) || "index.html";
  const path = normalize(join(files, name));
  const found = await stat(path).catch(() => undefined);
  return path.startsWith(files) && found?.isFile() ? path : undefined;
}
