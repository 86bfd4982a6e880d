/** Runs that are cut at one of their calls to the API, as by kill -9, and resumed: they end as runs that were not cut. @module */
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { ServiceError } from "../../src/apiserver/service-error.ts";
import { startApiServer } from "../../src/apiserver/server.ts";
import { RunCalls } from "../../src/apiserver/services/run-service.ts";
import { CreateRunRequestSchema } from "../../src/gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";
import { prepareHome } from "../../src/local/home/home.ts";
import { loadPipelineFile } from "../../src/local/pipeline/pipeline-file.ts";
import type { RunResult } from "../../src/local/results/run-result.ts";
import { runFolder } from "../../src/local/run/local-run.ts";
import { JournalReader, startJournal } from "../../src/local/serve/run-journal.ts";
import { RunManager } from "../../src/local/serve/run-manager.ts";
import { nodeFileSystem } from "../../src/node/node-file-system.ts";
import { systemClock } from "../../src/node/system-clock.ts";
import { root } from "./probe.ts";
import { until } from "./serving.ts";

export interface CutRun {
  readonly result: RunResult;
  /** Calls of the first execution, until it was cut. */
  readonly calls: number;
}

/**
 * Executes a pipeline of test/fixtures/pipelines.
 *
 * @param cuts After so many calls each execution but the last is cut: no later call is carried out, and everything is stopped.
 */
export async function runCut(name: string, cuts: readonly number[]): Promise<CutRun> {
  const folder = mkdtempSync(join(tmpdir(), "kfp-resumed-"));
  try {
    const home = await prepareHome(join(folder, "home"));
    const { source } = await loadPipelineFile(nodeFileSystem, join(root, `test/fixtures/pipelines/${name}.yaml`));
    const runId = randomUUID();
    const files = runFolder(home, runId);
    await startJournal(files);
    let firstCalls = 0;
    for (const [execution, cut] of [...cuts, Number.POSITIVE_INFINITY].entries()) {
      let calls = 0;
      const stop = new AbortController();
      const server = await startApiServer({
        database: home.database,
        interceptor: {
          around: (_method, work) => {
            if (calls >= cut) {
              stop.abort();
              // In this very turn: a process that is gone does not see how its drivers fail.
              void manager.stop();
              throw new ServiceError("FAILED_PRECONDITION", "the server is gone");
            }
            calls += 1;
            return work();
          },
        },
      });
      const manager = new RunManager(
        {
          ...{ home, server, clock: systemClock, files: nodeFileSystem, randomUuid: randomUUID },
          onNews: () => undefined,
          onNotice: () => undefined,
        },
        {
          ...{ maxRuns: 1, parallelism: 4, isolation: "in-process", programFolder: "/unused" },
          environment: { PATH: process.env["PATH"] ?? "" },
        },
      );
      manager.start();
      if (execution === 0) {
        const runs = new RunCalls({
          ...{ store: server.store, lifecycle: server.runs, hydration: "complete", fullViewMaxPageSize: 100 },
          engine: manager.hooks,
        });
        runs.createRun(
          create(CreateRunRequestSchema, {
            run: { runId, displayName: name, pipelineSource: { case: "pipelineSpec", value: source } },
          }),
        );
      }
      await until("it has ended or is cut", () => stop.signal.aborted || manager.counts.active === 0);
      await manager.stop();
      await server.close();
      if (execution === 0) firstCalls = calls;
    }
    const reader = new JournalReader(files);
    try {
      const last = (await reader.next()).at(-1);
      if (last?.kind !== "finished") throw new Error(`the run has not ended: ${JSON.stringify(last)}`);
      return { result: last.finished.result, calls: firstCalls };
    } finally {
      await reader.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
