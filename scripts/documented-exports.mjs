/**
 * Counts the exports of src that have a docstring: `node scripts/documented-exports.mjs [--missing]`.
 *
 * Prints a row per folder and fails below the bound. `--missing` names each export without one. Every file is formatted by Prettier, so
 * a declaration starts its line; re-exports have their docstring where they are declared.
 */
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** Percent of all exports. */
const BOUND = 80;

const root = fileURLToPath(new URL("..", import.meta.url));
const showMissing = process.argv.includes("--missing");
const DECLARATION =
  /^export (?:declare )?(?:abstract )?(?:async )?(?:function\*?|class|interface|type|const|let|enum) (?<name>[\w$]+)/;

/** @type {Map<string, { all: number, documented: number, missing: string[] }>} */
const folders = new Map();
for (const file of globSync("src/**/*.ts", { cwd: root }).toSorted()) {
  if (file.startsWith(path.join("src", "gen"))) continue;
  const folder = file.split(path.sep).slice(0, 2).join("/");
  const count = folders.get(folder) ?? { all: 0, documented: 0, missing: [] };
  folders.set(folder, count);
  const lines = readFileSync(path.join(root, file), "utf8").split("\n");
  for (const [at, line] of lines.entries()) {
    const name = DECLARATION.exec(line)?.groups?.["name"];
    // The overloads of a function share the docstring of the first one.
    if (name === undefined || (lines[at - 1] ?? "").startsWith(`export function ${name}(`)) continue;
    count.all += 1;
    if ((lines[at - 1] ?? "").endsWith("*/")) count.documented += 1;
    else count.missing.push(`${file}:${String(at + 1)} ${name}`);
  }
}

const total = { all: 0, documented: 0 };
for (const [folder, { all, documented, missing }] of folders) {
  total.all += all;
  total.documented += documented;
  console.log(`${folder.padEnd(18)} ${percent(documented, all)} (${String(documented)} of ${String(all)})`);
  if (showMissing) for (const place of missing) console.log(`  ${place}`);
}
const share = (100 * total.documented) / total.all;
console.log(`${"all".padEnd(18)} ${percent(total.documented, total.all)} (${String(total.documented)} of ${String(total.all)})`);
if (share < BOUND) {
  console.error(`documented exports: ${share.toFixed(1)} % is below ${String(BOUND)} %; --missing lists what lacks a docstring`);
  process.exitCode = 1;
}

/** @param {number} part @param {number} all */
function percent(part, all) {
  return `${(all === 0 ? 100 : (100 * part) / all).toFixed(0).padStart(3)} %`;
}
