/**
 * A ParallelFor over a trivial container step, through the real driver and launcher: wall and processor time, calls and bytes of an iteration,
 * how the bytes grow with the number of iterations, and the memory. Each number of iterations is a process of its own.
 *
 *     node bench/wide-loop.ts [--iterations 100,1000,5000] [--isolation in-process|process] [--parallelism N] [--json]
 *
 * Prints a table; with `--json` one object for each number, calls and bytes by method. `process` needs dist. Calls and bytes are counted
 * by the embedded server. Processor time is that of the one process, kernel and start included, steps and, with `process`, drivers and
 * launchers not.
 */
import { randomUUID } from "node:crypto";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import path from "node:path";
import { parseArgs, promisify } from "node:util";
import { killDescendants } from "../src/node/processes/kill-descendants.ts";
import { loadPipelineFile } from "../src/local/pipeline/pipeline-file.ts";
import { runPipeline } from "../src/local/run-pipeline.ts";
import { nodeFileSystem } from "../src/node/node-file-system.ts";
import { systemClock } from "../src/node/system-clock.ts";
import { CallStats } from "../test/fakes/call-stats.ts";

const { values: options } = parseArgs({
  options: {
    iterations: { type: "string", default: "100,1000,5000" },
    isolation: { type: "string", default: "in-process" },
    parallelism: { type: "string", default: String(Math.max(4, availableParallelism())) },
    json: { type: "boolean", default: false },
  },
});
const root = path.resolve(import.meta.dirname, "..");
const environment = Object.fromEntries(Object.entries(process.env).map(([name, value]) => [name, value ?? ""]));

async function measure(iterations: number, folder: string) {
  const items = Array.from({ length: iterations }, (_, index) => index);
  const calls = new CallStats();
  const { result } = await runPipeline(
    {
      clock: systemClock,
      files: nodeFileSystem,
      randomUuid: randomUUID,
      onEvent: () => undefined,
      onLine: () => undefined,
      onNotice: () => undefined,
      onStarted: () => undefined,
      signal: new AbortController().signal,
      killChildren: () => killDescendants(process.pid),
      interceptor: {
        received: (method, bytes) => calls.countRequest(method, bytes),
        sent: (method, bytes) => calls.countResponse(method, bytes),
        failed: (method) => calls.countFailure(method),
      },
    },
    {
      pipeline: await loadPipelineFile(nodeFileSystem, path.join(root, "test/fixtures/pipelines/wide_loop.yaml")),
      parameters: { items },
      kubernetesConfigs: new Map(),
      homeFolder: path.join(folder, `home-${String(iterations)}`),
      isolation: options.isolation === "process" ? "process" : "in-process",
      cacheDisabled: true,
      parallelism: Number(options.parallelism),
      programFolder: path.join(root, "dist/bin"),
      inspectTasks: [],
      environment,
    },
  );
  const output = result.outputs.parameters["Output"];
  if (result.state !== "SUCCEEDED" || JSON.stringify(output) !== JSON.stringify(items))
    throw new Error(`the run is ${result.state}`);
  const methods = calls.snapshot();
  const all = Object.values(methods);
  const perIteration = (pick: (method: (typeof all)[number]) => number): number =>
    all.reduce((total, method) => total + pick(method), 0) / iterations;
  return {
    iterations,
    isolation: options.isolation,
    parallelism: Number(options.parallelism),
    processors: availableParallelism(),
    node: process.version,
    wallMs: result.durationMs,
    wallMsPerIteration: result.durationMs / iterations,
    cpuMsPerIteration: cpuMs() / iterations,
    peakMiB: process.resourceUsage().maxRSS / 1024,
    callsPerIteration: perIteration((method) => method.calls),
    requestBytesPerIteration: perIteration(({ requestBytes }) => requestBytes),
    responseBytesPerIteration: perIteration(({ responseBytes }) => responseBytes),
    methods,
  };
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** The same in a process of its own, with the option of Node that the program has. */
async function measureApart(iterations: number): Promise<Report> {
  const { isolation, parallelism } = options;
  const own = ["--iterations", String(iterations), "--isolation", isolation, "--parallelism", parallelism, "--json"];
  const { stdout } = await promisify(execFile)(process.execPath, ["--max-semi-space-size=16", import.meta.filename, ...own]);
  return JSON.parse(stdout) as Report;
}

type Report = Awaited<ReturnType<typeof measure>>;

/** How much more of the iterations' bytes there are for how many more iterations: 1 is linear, 2 a square. */
function exponent(before: Report, after: Report): number {
  const bytes = (report: Report): number =>
    (report.requestBytesPerIteration + report.responseBytesPerIteration) * report.iterations;
  return Math.log(bytes(after) / bytes(before)) / Math.log(after.iterations / before.iterations);
}

const folder = await mkdtemp(path.join(tmpdir(), "kfp-wide-loop-"));
try {
  const reports: Report[] = [];
  if (!options.json) {
    process.stdout.write(
      "| iterations | wall ms each | CPU ms each | calls each | request kB each | response kB each | bytes grow as n to the power | peak MiB |\n" +
        "| ---------: | -----------: | ----------: | ---------: | --------------: | ---------------: | ---------------------------: | -------: |\n",
    );
  }
  const numbers = options.iterations.split(",").map(Number);
  for (const iterations of numbers) {
    const report = options.json && numbers.length === 1 ? await measure(iterations, folder) : await measureApart(iterations);
    const before = reports.at(-1);
    reports.push(report);
    if (options.json) {
      process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
      continue;
    }
    const cells = [
      String(iterations),
      report.wallMsPerIteration.toFixed(0),
      report.cpuMsPerIteration.toFixed(1),
      report.callsPerIteration.toFixed(1),
      (report.requestBytesPerIteration / 1000).toFixed(1),
      (report.responseBytesPerIteration / 1000).toFixed(1),
      before === undefined ? "" : exponent(before, report).toFixed(2),
      report.peakMiB.toFixed(0),
    ];
    process.stdout.write(`| ${cells.join(" | ")} |\n`);
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
