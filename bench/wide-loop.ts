/**
 * A ParallelFor over a trivial container step, through the real driver and launcher: wall time per iteration, and what each task costs
 * in calls and bytes.
 *
 *     node bench/wide-loop.ts [--iterations 1000] [--isolation in-process|process] [--parallelism N]
 *
 * Prints one JSON object. `process` needs dist. Calls are counted by the embedded server.
 */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { killDescendants } from "../src/node/kill-descendants.ts";
import { loadPipelineFile } from "../src/local/pipeline/pipeline-file.ts";
import { runPipeline } from "../src/local/run-pipeline.ts";
import { nodeFileSystem } from "../src/node/node-file-system.ts";
import { systemClock } from "../src/node/system-clock.ts";
import { CallStats } from "../test/fakes/call-stats.ts";

const { values: options } = parseArgs({
  options: {
    iterations: { type: "string", default: "1000" },
    isolation: { type: "string", default: "in-process" },
    parallelism: { type: "string", default: String(Math.max(4, availableParallelism())) },
  },
});
const root = path.resolve(import.meta.dirname, "..");
const iterations = Number(options.iterations);
const items = Array.from({ length: iterations }, (_, index) => index);

const folder = await mkdtemp(path.join(tmpdir(), "kfp-wide-loop-"));
try {
  const environment = Object.fromEntries(Object.entries(process.env).map(([name, value]) => [name, value ?? ""]));
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
      homeFolder: path.join(folder, "home"),
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
  const sum = (pick: (method: (typeof all)[number]) => number): number => all.reduce((total, method) => total + pick(method), 0);
  const perTask = (value: number): number => Math.round((value / result.tasks.length) * 100) / 100;
  const report = {
    iterations,
    isolation: options.isolation,
    parallelism: Number(options.parallelism),
    processors: availableParallelism(),
    node: process.version,
    wallMs: result.durationMs,
    wallMsPerIteration: Math.round((result.durationMs / iterations) * 10) / 10,
    tasks: result.tasks.length,
    callsPerTask: perTask(sum(({ calls: count }) => count)),
    requestBytesPerTask: Math.round(perTask(sum(({ requestBytes }) => requestBytes))),
    responseBytesPerTask: Math.round(perTask(sum(({ responseBytes }) => responseBytes))),
    methods,
  };
  process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
} finally {
  await rm(folder, { recursive: true, force: true });
}
