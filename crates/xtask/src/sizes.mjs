// A folder of files → their sizes, raw and as a file host would send them, as JSON.
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { brotliCompressSync } from "node:zlib";

const folder = process.argv.at(-1);
const paths = readdirSync(folder, { recursive: true }).map((name) => join(folder, name));
const files = paths.filter((path) => statSync(path).isFile()).sort().map(size);
// What a script imports by a call, or names in a link it makes, comes once the page stands.
const later = /import\([^)]*\)|href: "[^"]*"/g;
const index = readFileSync(join(folder, "index.html"), "utf8").replaceAll(later, "");
const first = files.filter(({ name }) => name === "index.html" || index.includes(name));

console.log(JSON.stringify({ files, total: sum(files), first_load: sum(first) }));

function size(path) {
  const content = readFileSync(path);
  const brotli = brotliCompressSync(content).length;
  return { name: relative(folder, path), raw: content.length, brotli };
}

function sum(list) {
  const total = { raw: 0, brotli: 0 };
  for (const { raw, brotli } of list) {
    total.raw += raw;
    total.brotli += brotli;
  }
  return total;
}
