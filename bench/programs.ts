/**
 * Start-up of driver and launcher at their usual work against a server on this machine, each beside bare Node in the same run:
 * `node bench/programs.ts [--runs N] [--cpus 0.5] [--dist DIR] [--plain]`.
 *
 * For a ROOT_DAG and a CONTAINER driver: from the start of the process to the first call at the server, and to its end. For the launcher
 * around `true`: to its end. Prints Markdown tables of medians, in milliseconds of wall-clock time and of CPU time, how they relate to
 * `node -e 0`, and the peak of memory of a further start, which says so itself at its end. `two HTTP/2 calls` is a script that makes two bare calls with node:http2: what no program on Node can be faster
 * than. --plain leaves out the options that Node is started with. With --cpus all programs, but not the server, run under that CPU quota, which needs root. Needs a build.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { SAMPLE_KUBERNETES_CONFIG, startSampleServer, type ProgramStart } from "../scripts/lib/sample-run.ts";
import { LATE_AUTHORITIES, nodeOptions } from "../scripts/lib/node-options.mjs";
import { makeLimitedGroup } from "../test/support/cgroup.ts";
import { BARE_CALLS } from "./bare-calls.ts";
import { median, timeStart, type Sample } from "./timed-start.ts";

const { values: options } = parseArgs({
  options: {
    runs: { type: "string", default: "15" },
    cpus: { type: "string" },
    plain: { type: "boolean", default: false },
    dist: { type: "string", default: path.resolve(import.meta.dirname, "../dist") },
  },
});

/** Says at the end how much memory the process had at most. */
const PEAK_HOOK = `process.on("exit", () => require("node:fs").writeFileSync(process.env.BENCH_PEAK_FILE, String(process.resourceUsage().maxRSS)))`;

const boot = path.join(options.dist, "lib/boot.cjs");
/** As the portable folders and the start scripts do. */
const started = (program: string): string[] => {
  const own = options.plain ? [] : [LATE_AUTHORITIES, ...nodeOptions(program)];
  return [process.execPath, ...own, boot, program];
};
if (!existsSync(boot)) throw new Error(`there is no build at ${options.dist}: run npm run build first`);
const group = options.cpus === undefined ? undefined : makeLimitedGroup({ cpus: Number(options.cpus) });
if (options.cpus !== undefined && group === undefined) throw new Error("no control group with a CPU quota can be made here");
const folder = await mkdtemp(path.join(tmpdir(), "kfp-runtime-bench-"));
const server = await startSampleServer();
try {
  const script = path.join(folder, "bare-calls.cjs");
  writeFileSync(script, BARE_CALLS);
  const samples = new Map<string, Sample[]>();
  const peaks = new Map<string, number>();
  const node = process.execPath;
  const [hook, peakFile] = [path.join(folder, "peak-hook.cjs"), path.join(folder, "peak")];
  writeFileSync(hook, PEAK_HOOK);
  // One round to warm up, and in turns, so that noise meets all alike.
  for (let round = 0; round <= Number(options.runs) + 1; round++) {
    const take = async (name: string, command: string[], start?: ProgramStart) => {
      if (round > Number(options.runs)) {
        const environment = { ...start?.environment, NODE_OPTIONS: `--require=${hook}`, BENCH_PEAK_FILE: peakFile };
        await timeStart(server, undefined, { command, start: { argv: start?.argv ?? [], environment } });
        peaks.set(name, Number(readFileSync(peakFile, "utf8")) / 1024);
        return;
      }
      const sample = await timeStart(server, group, { command, ...(start === undefined ? {} : { start }) });
      if (round > 0) samples.set(name, [...(samples.get(name) ?? []), sample]);
    };
    const run = await server.newRun();
    await take("bare Node (`node -e 0`)", [node, "-e", "0"]);
    await take("two HTTP/2 calls", [node, script], run.rootDriver);
    await take("two HTTP/2 calls, certificates late", [node, LATE_AUTHORITIES, script], run.rootDriver);
    await take("`driver --version`", [...started("driver"), "--version"]);
    await take("driver, ROOT_DAG", started("driver"), run.rootDriver);
    await take("driver, CONTAINER", started("driver"), await run.containerDriver());
    const configured = await server.newRun();
    await timeStart(server, undefined, { command: started("driver"), start: configured.rootDriver });
    const withConfig = await configured.containerDriver(SAMPLE_KUBERNETES_CONFIG);
    await take("driver, CONTAINER, with a Kubernetes config", started("driver"), withConfig);
    await take("launcher around `true`", started("launcher-v2"), await run.launcher());
  }
  print(samples, peaks);
} finally {
  await server.close();
  group?.remove();
  await rm(folder, { recursive: true, force: true });
}

function print(samples: ReadonlyMap<string, readonly Sample[]>, peaks: ReadonlyMap<string, number>): void {
  const bareCpuMs = median([...samples.values()][0]?.map(({ cpuMs }) => cpuMs) ?? []);
  const bareMs = median([...samples.values()][0]?.map(({ totalMs }) => totalMs) ?? []);
  const limit = options.cpus === undefined ? "no limit" : `${options.cpus} CPU`;
  console.log(`| ${limit}, median of ${options.runs} | first call ms | to the end ms | × bare | CPU ms | over bare | peak MiB |`);
  console.log("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
  for (const [name, list] of samples) {
    const firstCalls = list.flatMap(({ firstCallMs }) => (firstCallMs === undefined ? [] : [firstCallMs]));
    const totalMs = median(list.map((sample) => sample.totalMs));
    const cpuMs = median(list.map((sample) => sample.cpuMs));
    const first = firstCalls.length === 0 ? "" : median(firstCalls).toFixed(0);
    const cells = [
      name,
      first,
      totalMs.toFixed(0),
      (totalMs / bareMs).toFixed(1),
      cpuMs.toFixed(0),
      (cpuMs - bareCpuMs).toFixed(0),
      (peaks.get(name) ?? 0).toFixed(0),
    ];
    console.log(`| ${cells.join(" | ")} |`);
  }
}
