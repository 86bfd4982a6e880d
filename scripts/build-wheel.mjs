/**
 * Builds the wheel for pip, `python/dist/kfp_runtime-VERSION-py3-none-any.whl`: `node scripts/build-wheel.mjs`, after scripts/build.mjs.
 *
 *   --out DIR    instead of python/dist
 *   --dist DIR   another build than dist
 *
 * The wheel holds python/src, the chunks of the three programs and their start scripts, the licence and the notices. Left out: source
 * maps, and V8's code caches, which belong to one build of Node (docs/adr/0038). The version is that of package.json. Needs python3
 * with venv, and a package index the first time. The same dist and sources give the same bytes.
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { root } from "./lib/project.mjs";
import { lockedEnvironment } from "./lib/python-environment.mjs";

const { values: options } = parseArgs({
  options: { out: { type: "string", default: "python/dist" }, dist: { type: "string", default: "dist" } },
});
const dist = path.resolve(root, options.dist);
const out = path.resolve(root, options.out);

/** Nothing in it is older: zip knows no earlier day. */
const earliestEpoch = "315532800";

try {
  if (!existsSync(path.join(dist, "meta.json"))) throw new Error(`${dist} holds no build: run npm run build first`);
  const staging = mkdtempSync(path.join(tmpdir(), "kfp-runtime-wheel-"));
  try {
    stage(staging);
    for (const wheel of buildIn(staging)) process.stderr.write(`built ${path.join(out, wheel)}\n`);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
} catch (error) {
  process.stderr.write(`build-wheel: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

/** Lays out what pyproject.toml packs. */
function stage(folder) {
  for (const name of ["pyproject.toml", "README.md"]) cpSync(path.join(root, "python", name), path.join(folder, name));
  for (const name of ["package.json", "LICENSE", "THIRD-PARTY-NOTICES.md"])
    cpSync(path.join(root, name), path.join(folder, name));
  cpSync(path.join(root, "python/src"), path.join(folder, "src"), {
    recursive: true,
    filter: (source) => path.basename(source) !== "__pycache__",
  });
  const target = path.join(folder, "src/kfp_runtime/dist");
  for (const name of ["bin", "lib"]) mkdirSync(path.join(target, name), { recursive: true });
  for (const name of readdirSync(path.join(dist, "bin"))) cpSync(path.join(dist, "bin", name), path.join(target, "bin", name));
  for (const name of readdirSync(path.join(dist, "lib"))) {
    if (/\.c?js$/.test(name)) cpSync(path.join(dist, "lib", name), path.join(target, "lib", name));
  }
  cpSync(path.join(dist, "package.json"), path.join(target, "package.json"));
}

/** @returns {string[]} Names of the wheels that were built. */
function buildIn(folder) {
  const python = path.join(lockedEnvironment("python/build-requirements.txt"), "bin/python");
  const { date } = JSON.parse(readFileSync(path.join(dist, "meta.json"), "utf8"));
  const epoch = Number.isNaN(Date.parse(date)) ? earliestEpoch : String(Date.parse(date) / 1000);
  const built = path.join(folder, "built");
  const { status, stderr, stdout } = spawnSync(python, ["-m", "hatchling", "build", "-t", "wheel", "-d", built], {
    cwd: folder,
    encoding: "utf8",
    env: { ...process.env, SOURCE_DATE_EPOCH: epoch },
  });
  if (status !== 0) throw new Error(`hatchling failed: ${stderr.trim() || stdout.trim()}`);
  mkdirSync(out, { recursive: true });
  const wheels = readdirSync(built);
  for (const wheel of wheels) cpSync(path.join(built, wheel), path.join(out, wheel));
  return wheels;
}
