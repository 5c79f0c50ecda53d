// Runs the tests of every *.test.mjs here, or of the files named, and counts.
import { readdirSync } from "node:fs";

import { runTest, takeTests } from "./harness.mjs";
import { openBrowser, openSite } from "./site.mjs";

const LIMIT_MS = 120_000;

const site = await openSite();
const browser = await openBrowser();
let passed = 0;
let failed = 0;

for (const file of files(process.argv.slice(2))) {
  await import(new URL(file, import.meta.url));
  for (const test of takeTests()) {
    report(file, test, await withLimit(runTest(test, browser, site.url), test.options.limit));
  }
}

await browser.close();
site.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

function files(named) {
  if (named.length > 0) return named;
  const all = readdirSync(new URL(".", import.meta.url));
  return all.filter((name) => name.endsWith(".test.mjs")).sort();
}

function withLimit(run, limit = LIMIT_MS) {
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(() => resolve([`took over ${limit / 1000} s`]), limit);
  });
  return Promise.race([run, late]).finally(() => clearTimeout(timer));
}

function report(file, { name }, complaints) {
  const bad = complaints.length > 0;
  bad ? (failed += 1) : (passed += 1);
  console.log(`${bad ? "FAILED" : "ok    "} ${file}: ${name}`);
  for (const complaint of complaints) {
    console.log(`       ${complaint.replaceAll("\n", "\n       ")}`);
  }
}
