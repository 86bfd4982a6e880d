/**
 * Everything a change must pass, in one order, here and in CI: `npm run check`. Stops at the first check that fails.
 *
 * The tests come last and print the last line, "N passed, N failed". What a check needs beyond Node and npm may be missing: it is then
 * left out, with a line that says so.
 */
import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import path from "node:path";
import { programNode, root } from "./lib/project.mjs";

/** @type {{ name: string, run: string[], needs?: string[] }[]} */
const checks = [
  { name: "set-up and build", run: ["npm", "run", "--silent", "build"] },
  { name: "notices", run: [programNode(), "scripts/notices.mjs", "--check"] },
  { name: "generated code", run: ["npm", "run", "--silent", "gen:check"] },
  { name: "deviations", run: [programNode(), "scripts/deviations.mjs", "--check"] },
  { name: "format", run: ["npm", "run", "--silent", "format:check"] },
  { name: "lint", run: ["npm", "run", "--silent", "lint"] },
  { name: "types", run: ["npm", "run", "--silent", "typecheck"] },
  { name: "documented exports", run: [programNode(), "scripts/documented-exports.mjs"] },
  {
    name: "portable launcher",
    run: ["npm", "run", "--silent", "build:portable"],
    needs: ["musl-gcc", "patchelf", "strip"],
  },
  { name: "bundle sizes", run: [programNode(), "scripts/bundle-size.mjs"] },
  { name: "tests", run: ["npm", "test", "--silent"] },
];

for (const { name, run, needs = [] } of checks) {
  const missing = needs.filter((tool) => !isInstalled(tool));
  if (missing.length > 0) {
    console.log(`\n== ${name}: left out, because this machine has no ${missing.join(", ")}`);
    continue;
  }
  console.log(`\n== ${name}`);
  const [command = "", ...args] = run;
  const { status, signal, error } = spawnSync(command, args, { cwd: root, stdio: "inherit" });
  if (status === 0) continue;
  if (name !== "tests") console.error(`check: ${name} failed (${error?.message ?? signal ?? `exit code ${String(status)}`})`);
  process.exitCode = 1;
  break;
}

/** @param {string} tool */
function isInstalled(tool) {
  return (process.env["PATH"] ?? "").split(path.delimiter).some((folder) => {
    try {
      accessSync(path.join(folder, tool), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
