// What the page fetches besides its wasm: js/built/editor.js, the one module that comes once the page
// stands, and styles/built/{first,later}.css.
//
// Trunk runs this before each build, so the packages are installed here where nobody has done it.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL(".", import.meta.url));

if (!existsSync(`${folder}node_modules/esbuild`)) {
  const how = { cwd: folder, stdio: ["ignore", process.stderr, process.stderr], shell: process.platform === "win32" };
  execFileSync("npm", ["ci", "--no-audit", "--no-fund"], how);
}

const { build } = await import("esbuild");
const settings = {
  absWorkingDir: folder,
  bundle: true,
  minify: true,
  target: "es2022",
  legalComments: "none",
  logLevel: "warning",
};
await build({ ...settings, entryPoints: ["src/late.mjs"], outfile: "built/editor.js", format: "esm" });
const styles = ["first", "later"].map((name) => `../styles/${name}.css`);
// Colours are written as `light-dark(…)`, which older targets would have taken apart.
await build({ ...settings, entryPoints: styles, outdir: "../styles/built", target: "esnext" });
