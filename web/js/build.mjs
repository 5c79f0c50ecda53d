// web/js → web/js/built/editor.js, the one module that the page fetches once it stands.
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
await build({
  absWorkingDir: folder,
  entryPoints: ["src/editor.mjs"],
  outfile: "built/editor.js",
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  legalComments: "none",
  logLevel: "warning",
});
