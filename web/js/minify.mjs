// A folder → the same, its modules without what only people read.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { transformSync } from "esbuild";

const folder = process.argv[2];
for (const name of readdirSync(folder, { recursive: true }).filter((it) => it.endsWith(".js"))) {
  const path = join(folder, name);
  const { code } = transformSync(readFileSync(path, "utf8"), { minify: true, legalComments: "none" });
  writeFileSync(path, code);
}
