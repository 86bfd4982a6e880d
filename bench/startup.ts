/**
 * Start-up times, each beside bare Node in the same run: `node bench/startup.ts [--runs N] [--cpus 0.5] [--portable DIR]`.
 *
 * Prints a Markdown table of wall-clock medians in milliseconds (and the fastest and slowest run). With --cpus all processes run
 * under that CPU quota, which needs root. Needs dist; what lies in dist/portable is measured when it is there.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { makeLimitedGroup } from "../test/support/cgroup.ts";

const { values: options } = parseArgs({
  options: {
    runs: { type: "string", default: "15" },
    cpus: { type: "string" },
    portable: { type: "string", default: path.resolve(import.meta.dirname, "../dist/portable") },
  },
});

interface Case {
  readonly name: string;
  readonly command: () => readonly string[];
}

const scratch = mkdtempSync(path.join(tmpdir(), "kfp-runtime-bench-"));
const bin = path.resolve(import.meta.dirname, "../dist/bin");
const launch = path.join(options.portable, "launch");
let copies = 0;
const programs = ["driver", "launcher-v2", "kfp-runtime"].filter((name) => existsSync(path.join(bin, name)));
const cases: Case[] = [
  { name: "bare Node (`node -e 0`)", command: () => [process.execPath, "-e", "0"] },
  ...programs.map((name) => ({ name: `\`${name} --version\``, command: () => [path.join(bin, name), "--version"] })),
];
if (existsSync(launch)) {
  const volume = path.join(scratch, "volume");
  mkdirSync(volume);
  spawnSync(launch, ["--copy", path.join(volume, "launch")]);
  cases.push(
    { name: "portable `launch --version`", command: () => [path.join(volume, "launch"), "--version"] },
    {
      name: "portable `launch --copy`",
      command: () => {
        rmSync(path.join(scratch, `copy-${String(copies)}`), { recursive: true, force: true });
        const folder = path.join(scratch, `copy-${String(++copies)}`);
        mkdirSync(folder);
        return [launch, "--copy", path.join(folder, "launch")];
      },
    },
  );
}

const group = options.cpus === undefined ? undefined : makeLimitedGroup({ cpus: Number(options.cpus) });
if (options.cpus !== undefined && group === undefined) throw new Error("no control group with a CPU quota can be made here");
try {
  const times = new Map(cases.map(({ name }) => [name, [] as number[]]));
  // One round to warm up, and in turns, so that noise meets all alike.
  for (let round = 0; round <= Number(options.runs); round++) {
    for (const { name, command } of cases) {
      const [program = "", ...args] = group === undefined ? command() : group.wrap(command());
      // A CPU quota counts in periods of 100 ms: begin with a fresh one.
      if (group !== undefined) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 150);
      const started = performance.now();
      const run = spawnSync(program, args, { stdio: "ignore" });
      const elapsed = performance.now() - started;
      if (run.status !== 0) throw new Error(`${name} ended with ${String(run.status ?? run.signal)}`);
      if (round > 0) times.get(name)?.push(elapsed);
    }
  }
  console.log(`| ${options.cpus === undefined ? "no limit" : `${options.cpus} CPU`} | median ms | fastest | slowest |`);
  console.log("| --- | ---: | ---: | ---: |");
  for (const [name, list] of times) {
    const sorted = list.toSorted((a, b) => a - b);
    const show = (value: number | undefined) => (value ?? 0).toFixed(0);
    console.log(`| ${name} | ${show(sorted[Math.floor(sorted.length / 2)])} | ${show(sorted[0])} | ${show(sorted.at(-1))} |`);
  }
} finally {
  group?.remove();
  rmSync(scratch, { recursive: true, force: true });
}
