/**
 * Writes the tables of docs/real-runs.md from the data in test/conformance/real-runs: `npm run real-runs`. With --check: only says whether
 * the document is up to date.
 */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { format, resolveConfig } from "prettier";
import { root } from "./lib/project.mjs";

const document = path.join(root, "docs/real-runs.md");

/** @type {{ tableOf: (folder: string) => string }} */
const { tableOf } = await import(path.join(root, "test/conformance/real-runs/document.ts"));
const before = readFileSync(document, "utf8");
const filled = before.replaceAll(
  /(<!-- pipelines: (\S+) -->\n)[\s\S]*?(<!-- end -->)/g,
  (_, start, folder, end) => `${start}\n${tableOf(folder)}\n\n${end}`,
);
const after = await format(filled, { ...(await resolveConfig(document)), filepath: document });

if (after === before) {
  console.log("docs/real-runs.md is up to date");
} else if (process.argv.includes("--check")) {
  console.error("docs/real-runs.md is not what test/conformance/real-runs says: run npm run real-runs");
  process.exitCode = 1;
} else {
  writeFileSync(document, after);
  console.log("wrote docs/real-runs.md");
}
