import { create } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { RunSchema, TaskType, type PipelineTask } from "../../src/core/kfp-types.ts";
import { PipelineVersionSchema } from "../../src/gen/kubeflow/pipelines/backend/api/v2beta1/pipeline_pb.js";
import type { KfpApi } from "../../src/ports/kfp-api.ts";
import { readRun } from "../../src/tasks/read-run.ts";
import { startFakeApi } from "../fakes/kfp-api.ts";
import { RecordingLogger } from "../fakes/recording-logger.ts";
import { createRootRow, createRow } from "../support/run-tasks.ts";
import { pipelineOf } from "../support/specs.ts";

const pipeline = pipelineOf({
  root: { tasks: { "for-loop-1": "comp-for-loop-1", prep: "comp-prep" } },
  "comp-for-loop-1": { tasks: { prepare: "comp-prepare", train: "comp-train" } },
});

/** A loop whose iterations have each a `prepare` and a `train` row. */
async function loopOf(iterations: number, options: Parameters<typeof startFakeApi>[0] = {}) {
  const fake = await startFakeApi(options);
  const runId = await fake.createRun(pipeline);
  const root = await createRootRow(fake.api, runId);
  const loop = await createRow(fake.api, root, "for-loop-1", { type: TaskType.LOOP, iterationCount: iterations });
  const rows: PipelineTask[] = [];
  for (let iteration = 0; iteration < iterations; iteration += 1) {
    rows.push(await createRow(fake.api, loop, "prepare", { iteration }), await createRow(fake.api, loop, "train", { iteration }));
  }
  fake.takeCalls();
  return { ...fake, runId, root, loop, rows };
}

const namesOf = (tasks: readonly PipelineTask[]) => [...new Set(tasks.map(({ name }) => name))].toSorted();

describe("readRun()", () => {
  test("reads a small run with one call", async ({ expect }) => {
    const { api, logger, runId, loop, rows, takeCalls } = await loopOf(2);
    const snapshot = await readRun({ api, logger }, { runId, parentTaskId: loop.taskId, ownTaskId: rows[3]?.taskId });
    expect(takeCalls()).toEqual(["getRun"]);
    expect(snapshot).toMatchObject({ complete: true, parent: { taskId: loop.taskId }, own: { taskId: rows[3]?.taskId } });
    expect(snapshot.tasks.size).toBe(6);
    expect(snapshot.spec.pipelineInfo?.name).toBe("test-pipeline");
  });

  test("the root driver reads the whole run", async ({ expect }) => {
    const { api, logger, createRun, takeCalls } = await startFakeApi();
    const runId = await createRun(pipeline);
    const snapshot = await readRun({ api, logger }, { runId });
    expect(takeCalls()).toEqual(["getRun"]);
    expect(snapshot).toMatchObject({ complete: true, parent: undefined, own: undefined });
  });

  test("in an iteration of a small run: a second call reads it whole", async ({ expect }) => {
    const { api, logger, runId, loop, takeCalls } = await loopOf(2);
    const snapshot = await readRun({ api, logger }, { runId, parentTaskId: loop.taskId, iterationIndex: 1 });
    expect(takeCalls()).toEqual(["getRun", "getRun"]);
    expect(snapshot.complete).toBe(true);
  });

  test("a hint of a small run saves the second call", async ({ expect }) => {
    const { api, logger, runId, loop, takeCalls } = await loopOf(2);
    await readRun({ api, logger }, { runId, parentTaskId: loop.taskId, iterationIndex: 1, taskCountHint: 6 });
    expect(takeCalls()).toEqual(["getRun"]);
  });

  test("a run that will be large is read lean from the start", async ({ expect }) => {
    const { api, logger, runId, loop, takeCalls } = await loopOf(2);
    const snapshot = await readRun({ api, logger }, { runId, parentTaskId: loop.taskId, iterationIndex: 1, taskCountHint: 5000 });
    expect(takeCalls()).toEqual(["getRun", "getTask"]);
    expect(snapshot.complete).toBe(false);
  });

  test("a large run is read lean: parent and producers of this iteration", async ({ expect }) => {
    const { api, logger, runId, loop, rows, takeCalls, server } = await loopOf(120);
    server.resetStats();
    const options = { runId, parentTaskId: loop.taskId, iterationIndex: 100, producers: () => ["prepare"] };
    const snapshot = await readRun({ api, logger }, options);
    expect(takeCalls()).toEqual(["getRun", "getTask", "listTasks"]);
    expect(snapshot.complete).toBe(false);
    expect(snapshot.parent?.taskId).toBe(loop.taskId);
    expect(snapshot.tasks.findSibling({ name: "prepare", parentId: loop.taskId, iteration: 100 })?.taskId).toBe(
      rows[200]?.taskId,
    );
    expect(namesOf(snapshot.tasks.all())).toEqual(["for-loop-1", "prepare"]);
    expect(snapshot.tasks.hasAllChildrenOf(loop.taskId)).toBe(false);
    expect(namesOf([...(await snapshot.reader.childrenOf(loop.taskId))])).toEqual(["prepare", "train"]);
    expect((await snapshot.reader.task(rows[0]?.taskId ?? ""))?.name).toBe("prepare");
    expect(await snapshot.reader.task("00000000-0000-0000-0000-000000000000")).toBeUndefined();
  });

  test("pages on until every producer of the iteration was seen", async ({ expect }) => {
    // The server stores whole seconds; the oldest iteration is on the last page.
    let seconds = 0;
    const now = () => new Date(1_785_000_000_000 + 1000 * (seconds += 1));
    const { api, logger, runId, loop, takeCalls } = await loopOf(230, { now });
    const options = { runId, parentTaskId: loop.taskId, iterationIndex: 0, producers: () => ["prepare"] };
    const snapshot = await readRun({ api, logger }, options);
    expect(takeCalls()).toEqual(["getRun", "getTask", "listTasks", "listTasks"]);
    expect(snapshot.tasks.findSibling({ name: "prepare", parentId: loop.taskId, iteration: 0 })).toBeDefined();
  });

  test("a large run without producers costs two calls, with the own task three", async ({ expect }) => {
    const { api, logger, runId, loop, rows, takeCalls } = await loopOf(101);
    await readRun({ api, logger }, { runId, parentTaskId: loop.taskId, taskCountHint: 300 });
    expect(takeCalls()).toEqual(["getRun", "getTask"]);
    const snapshot = await readRun(
      { api, logger },
      { runId, parentTaskId: loop.taskId, iterationIndex: 0, ownTaskId: rows[1]?.taskId },
    );
    expect(takeCalls()).toEqual(["getRun", "getTask", "getTask"]);
    expect(snapshot.own?.name).toBe("train");
  });

  test("names a task that is not part of the run", async ({ expect }) => {
    const { api, logger, runId } = await loopOf(1);
    const missing = "00000000-0000-0000-0000-000000000000";
    await expect(readRun({ api, logger }, { runId, parentTaskId: missing })).rejects.toMatchObject({
      code: "API_REJECTED",
      details: { status: "NOT_FOUND" },
    });
  });

  test.for(["merged", "branch"] as const)("reads both layouts: %s", async (runLayout, { expect }) => {
    const { api, logger, runId, loop } = await loopOf(1, { runLayout });
    expect((await readRun({ api, logger }, { runId, parentTaskId: loop.taskId })).tasks.size).toBe(4);
  });

  test("survives two UNAVAILABLE answers", async ({ expect }) => {
    const { api, logger, runId, server } = await loopOf(1);
    server.faults.add({ method: "GetRun", kind: "status", code: "UNAVAILABLE", times: 2 });
    expect((await readRun({ api, logger }, { runId })).complete).toBe(true);
  });
});

describe("readRun() of a run made from a pipeline version", () => {
  const reference = { case: "pipelineVersionReference" as const, value: { pipelineId: "p", pipelineVersionId: "v" } };

  function apiOf(version: Parameters<typeof create<typeof PipelineVersionSchema>>[1]): { api: KfpApi; calls: string[] } {
    const calls: string[] = [];
    const api = {
      getRun(_runId: string, view: string) {
        calls.push(`getRun ${view}`);
        return Promise.resolve(create(RunSchema, { runId: "r", taskCount: 300, pipelineSource: reference }));
      },
      getTask(_runId: string, taskId: string) {
        calls.push("getTask");
        return Promise.resolve({ taskId, name: "x" });
      },
      getPipelineVersion(pipelineId: string, versionId: string) {
        calls.push(`getPipelineVersion ${pipelineId} ${versionId}`);
        return Promise.resolve(create(PipelineVersionSchema, version));
      },
    } as unknown as KfpApi;
    return { api, calls };
  }

  test("asks FULL, then the pipeline version", async ({ expect }) => {
    const { api, calls } = apiOf({ pipelineSpec: { pipeline_spec: pipeline, platform_spec: {} } });
    const snapshot = await readRun({ api, logger: new RecordingLogger() }, { runId: "r", parentTaskId: "t", iterationIndex: 0 });
    expect(calls).toEqual(["getRun DEFAULT", "getRun FULL", "getPipelineVersion p v", "getTask"]);
    expect(snapshot.spec.pipelineInfo?.name).toBe("test-pipeline");
  });

  test("says so when there is no spec anywhere", async ({ expect }) => {
    const { api } = apiOf({});
    await expect(readRun({ api, logger: new RecordingLogger() }, { runId: "r" })).rejects.toThrow(/pipeline spec is not set$/);
  });
});

test("a lean read is much smaller than a snapshot", async ({ expect }) => {
  const { api, logger, runId, loop } = await loopOf(110);
  const bytesOf = async (read: () => Promise<unknown>) => {
    const before = api.traffic.receivedBytes;
    await read();
    return api.traffic.receivedBytes - before;
  };
  const lean = await bytesOf(() => readRun({ api, logger }, { runId, parentTaskId: loop.taskId, iterationIndex: 0 }));
  const whole = await bytesOf(() => api.getRun(runId, "FULL"));
  expect(lean).toBeLessThan(whole / 2);
});
