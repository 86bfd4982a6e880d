/** What is kept of iterations that are done, counted on the heap after a collection: nothing that their size decides. */
import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { test } from "vitest";
import { loadPipelineFile } from "../../../src/local/pipeline/pipeline-file.ts";
import { runPipeline } from "../../../src/local/run-pipeline.ts";
import { nodeFileSystem } from "../../../src/node/node-file-system.ts";
import { systemClock } from "../../../src/node/system-clock.ts";
import { root } from "../../support/probe.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const ITERATIONS = 30;
/** Lines of 10 kB: as many as are kept for the message of a failure. */
const PRINTED_BYTES = 80 * 10_000;

test("finished iterations leave nothing of what they have printed", { timeout: 300_000 }, async ({ expect, onTestFinished }) => {
  const folder = await mkdtemp(path.join(tmpdir(), "kfp-loop-memory-"));
  onTestFinished(async () => await rm(folder, { recursive: true, force: true }));
  const wideLoop = await readFile(path.join(root, "test/fixtures/pipelines/wide_loop.yaml"), "utf8");
  const printing = wideLoop.replace(
    "- printf %s",
    '- i=0; while [ "$i" -lt 80 ]; do printf "%9999s\\n" x; i=$((i+1)); done; printf %s',
  );
  expect(printing).not.toBe(wideLoop);
  const file = path.join(folder, "pipeline.yaml");
  await writeFile(file, printing);
  const heaps: number[] = [];
  const { result } = await runPipeline(
    {
      ...{ clock: systemClock, files: nodeFileSystem, randomUuid: randomUUID },
      ...{ onLine: () => undefined, onNotice: () => undefined, onStarted: () => undefined, killChildren: () => undefined },
      signal: new AbortController().signal,
      onEvent: (event) => {
        if (event.kind !== "ended" || event.taskKind !== "step") return;
        collect();
        heaps.push(process.memoryUsage().heapUsed);
      },
    },
    {
      pipeline: await loadPipelineFile(nodeFileSystem, file),
      parameters: { items: Array.from({ length: ITERATIONS }, (_, index) => index) },
      ...{ kubernetesConfigs: new Map(), homeFolder: path.join(folder, "home"), isolation: "in-process", cacheDisabled: true },
      ...{ parallelism: 2, programFolder: "", inspectTasks: [], environment: { PATH: process.env["PATH"] ?? "" } },
    },
  );
  expect(result.state).toBe("SUCCEEDED");
  expect(heaps).toHaveLength(ITERATIONS);
  const [early = 0, late = 0] = [heaps[ITERATIONS / 3], heaps.at(-1)];
  // What is kept of two thirds of the iterations would be seven times as much.
  expect(late - early).toBeLessThan((PRINTED_BYTES * ITERATIONS) / 10);
});
