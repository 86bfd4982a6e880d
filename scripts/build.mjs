/**
 * Builds the programs into dist: `node scripts/build.mjs`.
 *
 *   dist/bin/{driver,launcher-v2,kfp-runtime}   start scripts, for sh and for node
 *   dist/lib/boot.cjs, start.cjs                loader
 *   dist/lib/*.js, *.js.map, *.js.cache         chunks, their source maps, and V8's code caches
 *   dist/meta.json                              chunks, what loads what, bytes per package; for checks and for the images
 *
 * Needs no compiler. The same sources, commit and Node give the same bytes. Options, for tests:
 *   --out DIR                instead of dist
 *   --program NAME=SOURCE    instead of the three programs; repeatable
 *   --every-run NAME=SOURCE  what each run of such a program loads by import(); repeatable
 *   --no-code-cache          leave out the runs that write code caches
 *   --without PLUGIN         leave out a plugin that only saves time, see lib/bundle.mjs; repeatable
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { bundle } from "./lib/bundle.mjs";
import { chunksOf } from "./lib/chunk-plan.mjs";
import { writeCodeCaches } from "./lib/code-cache.mjs";
import { bundles as allBundles, describeCommit, git, hashBuildInputs, programNode, root } from "./lib/project.mjs";
import { startScript } from "./lib/start-script.mjs";

const { values: options } = parseArgs({
  options: {
    out: { type: "string", default: "dist" },
    program: { type: "string", multiple: true, default: [] },
    "every-run": { type: "string", multiple: true, default: [] },
    "no-code-cache": { type: "boolean", default: false },
    without: { type: "string", multiple: true, default: [] },
  },
});

const started = Date.now();
const inputs = hashBuildInputs();
const out = path.resolve(root, options.out);
const bundles =
  options.program.length === 0
    ? allBundles
    : [{ programs: Object.fromEntries(options.program.map(splitPair)), everyRun: groupPairs(options["every-run"]) }];
const programs = Object.assign({}, ...bundles.map((each) => each.programs));
const info = describeBuild();

const chunks = [];
for (const each of bundles) {
  chunks.push(
    ...(await bundle({
      ...each,
      root,
      outDir: path.join(out, "lib"),
      without: options.without,
      define: {
        __KFP_RUNTIME_VERSION__: JSON.stringify(info.version),
        __KFP_RUNTIME_COMMIT__: JSON.stringify(info.commit),
        __KFP_RUNTIME_DATE__: JSON.stringify(info.date),
      },
    })),
  );
}

// Built beside the old files and moved into place: a program that runs meanwhile keeps finding its chunks.
const staging = path.join(out, `.build-${String(process.pid)}`);
process.on("exit", () => rmSync(staging, { recursive: true, force: true }));
mkdirSync(path.join(staging, "lib"), { recursive: true });
mkdirSync(path.join(staging, "bin"));
for (const { name, code, map } of chunks) {
  writeFileSync(path.join(staging, "lib", `${name}.js`), code);
  writeFileSync(path.join(staging, "lib", `${name}.js.map`), map);
}
for (const file of ["boot.cjs", "start.cjs"]) copyFileSync(path.join(root, "src/boot", file), path.join(staging, "lib", file));
for (const name of Object.keys(programs)) writeFileSync(path.join(staging, "bin", name), startScript(name), { mode: 0o755 });
if (!options["no-code-cache"]) await writeAllCodeCaches();

const meta = {
  ...info,
  inputs,
  programs: Object.fromEntries(Object.keys(programs).map((name) => [name, chunksOf(chunks, name)])),
  chunks: Object.fromEntries(
    chunks.map(({ name, code, eager, lazy, packages }) => [name, { bytes: code.length, eager, lazy, packages }]),
  ),
};
writeFileSync(path.join(staging, "meta.json"), `${JSON.stringify(meta, undefined, 2)}\n`);
// bin/* have no file name extension, and the package's own type is module.
writeFileSync(path.join(staging, "package.json"), `${JSON.stringify({ type: "commonjs", private: true })}\n`);

for (const name of ["lib", "bin", "package.json", "meta.json"]) {
  const old = path.join(out, name);
  if (existsSync(old)) renameSync(old, path.join(staging, `old-${name}`));
  renameSync(path.join(staging, name), old);
}

const bytes = chunks.reduce((sum, { code }) => sum + code.length, 0);
process.stderr.write(
  `built ${Object.keys(programs).join(", ")}: ${String(chunks.length)} chunks, ${String(Math.round(bytes / 1024))} KiB, ` +
    `in ${String(Date.now() - started)} ms\n`,
);

function splitPair(text) {
  return text.split(/=(.*)/s, 2);
}

function groupPairs(texts) {
  const groups = {};
  for (const [name, value] of texts.map(splitPair)) (groups[name] ??= []).push(value);
  return groups;
}

/** Version, commit and time of what is built; none of them depends on when or where. */
function describeBuild() {
  const { version } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
  const commit = process.env["KFP_RUNTIME_COMMIT"] ?? describeCommit();
  const epoch = process.env["SOURCE_DATE_EPOCH"] ?? git("log", "-1", "--format=%ct") ?? "";
  const date = /^\d+$/.test(epoch) ? new Date(Number(epoch) * 1000).toISOString().replace(/\.\d+Z$/, "Z") : "unknown";
  return { version, commit, date };
}

async function writeAllCodeCaches() {
  const boot = path.join(staging, "lib/boot.cjs");
  // The last one that writes a chunk's cache knows best what it needs, and containers start drivers and launchers most.
  for (const name of Object.keys(programs).reverse()) {
    const more = chunksOf(chunks, name).reachable.filter((chunk) => programs[chunk] === undefined);
    const problem = await writeCodeCaches({ start: [programNode()], boot, program: name, chunks: more });
    if (problem !== undefined) process.stderr.write(`build: the code caches are less complete: ${problem}\n`);
  }
}
