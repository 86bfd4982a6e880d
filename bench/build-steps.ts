/**
 * What each step of the build that only saves time is worth: `npm run bench:build-steps -- [--runs N] [--cpus 0.5 --cpus none]`.
 *
 * Builds the programs plain, with each step alone, with all steps, and with all but one, and starts a ROOT_DAG driver of each build in
 * turns. The table compares medians: wall-clock time from the start to the first call, and CPU time outside the kernel, which other work on
 * the machine disturbs least. "paired" is the median of the differences to the compared build within a round, so that what slows a whole
 * round down drops out. Each --cpus is a table of its own whose drivers run under that CPU quota, which needs root.
 */
import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { startSampleServer } from "../scripts/lib/sample-run.ts";
import { makeLimitedGroup } from "../test/support/cgroup.ts";
import { median, timeStart, type Sample } from "./timed-start.ts";

const { values: options } = parseArgs({
  options: {
    runs: { type: "string", default: "21" },
    cpus: { type: "string", multiple: true, default: ["none"] },
  },
});

const steps = ["lean-descriptors", "grpc-client", "code-cache"];

interface Build {
  readonly name: string;
  readonly without: readonly string[];
  /** Name of the build it is compared with. */
  readonly base: string;
}

const plain: Build = { name: "plain", without: steps, base: "plain" };
const full: Build = { name: "all steps", without: [], base: "plain" };
const builds: readonly Build[] = [
  plain,
  ...steps.map((step) => ({ name: `only ${step}`, without: steps.filter((other) => other !== step), base: "plain" })),
  full,
  ...steps.map((step) => ({ name: `all but ${step}`, without: [step], base: "all steps" })),
];

const folder = await mkdtemp(path.join(tmpdir(), "kfp-runtime-bench-"));
const server = await startSampleServer();
try {
  for (const build of builds) makeBuild(build);
  for (const cpus of options.cpus) print(cpus, await measure(cpus));
} finally {
  await server.close();
  await rm(folder, { recursive: true, force: true });
}

/** Samples by the build's name. */
async function measure(cpus: string): Promise<ReadonlyMap<string, readonly Sample[]>> {
  const group = cpus === "none" ? undefined : makeLimitedGroup({ cpus: Number(cpus) });
  if (cpus !== "none" && group === undefined) throw new Error("no control group with a CPU quota can be made here");
  const samples = new Map<string, Sample[]>();
  try {
    // One round to warm up, and in turns, so that noise meets all alike; the order turns too.
    for (let round = 0; round <= Number(options.runs); round++) {
      for (let turn = 0; turn < builds.length; turn++) {
        const build = builds[(round + turn) % builds.length] ?? plain;
        const command = [process.execPath, path.join(distOf(build), "lib/boot.cjs"), "driver"];
        const { rootDriver: start } = await server.newRun();
        const sample = await timeStart(server, group, { command, start });
        if (round > 0) samples.set(build.name, [...(samples.get(build.name) ?? []), sample]);
      }
    }
    return samples;
  } finally {
    group?.remove();
  }
}

function distOf({ name }: Build): string {
  return path.join(folder, name.replaceAll(" ", "-"));
}

function makeBuild(build: Build): void {
  const script = path.resolve(import.meta.dirname, "../scripts/build.mjs");
  const args = [
    script,
    "--out",
    distOf(build),
    ...build.without.flatMap((step) => (step === "code-cache" ? ["--no-code-cache"] : ["--without", step])),
  ];
  const { status } = spawnSync(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"], timeout: 300_000 });
  if (status !== 0) throw new Error(`the build "${build.name}" failed`);
}

function print(cpus: string, samples: ReadonlyMap<string, readonly Sample[]>): void {
  const firstCall = ({ firstCallMs }: Sample): number => firstCallMs ?? Number.NaN;
  const user = ({ userMs }: Sample): number => userMs;
  const limit = cpus === "none" ? "no limit" : `${cpus} CPU`;
  console.log(
    `| ${limit}, median of ${options.runs} | first call ms | × base | paired ms | user ms | × base | paired ms | compared with |`,
  );
  console.log("| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |");
  for (const { name, base } of builds) {
    const own = samples.get(name) ?? [];
    const others = samples.get(base) ?? [];
    const cells = [firstCall, user].flatMap((value) => {
      const ms = median(own.map(value));
      const paired = median(own.map((sample, index) => value(sample) - value(others[index] ?? sample)));
      return [ms.toFixed(0), (ms / median(others.map(value))).toFixed(2), paired.toFixed(0)];
    });
    console.log(`| ${[name, ...cells, base].join(" | ")} |`);
  }
}
