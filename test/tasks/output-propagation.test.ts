import { describe, test } from "vitest";
import { parsePipelineSpec } from "../../src/core/spec/pipeline-spec.ts";
import { ArtifactType, IoType, TaskState, TaskType, type IoParameter, type PipelineTask } from "../../src/core/kfp-types.ts";
import type { KfpApi } from "../../src/ports/kfp-api.ts";
import { TaskIndex } from "../../src/resolver/run/task-index.ts";
import { BatchUpdater } from "../../src/tasks/batch-updater.ts";
import { propagateOutputs } from "../../src/tasks/output-propagation.ts";
import { startFakeApi } from "../fakes/kfp-api.ts";
import { createRootRow, createRow } from "../support/run-tasks.ts";
import { pipelineOf } from "../support/specs.ts";

const text = (value: string) => ({ kind: { case: "stringValue" as const, value } });

const nested = pipelineOf({
  root: {
    tasks: { outer: "comp-outer", train: "comp-train" },
    parameters: { all: { from: [["outer", "rows"]], type: "LIST" }, acc: { from: [["train", "acc"]] } },
    artifacts: { model: { from: [["train", "model"]] } },
  },
  "comp-outer": { tasks: { inner: "comp-inner" }, parameters: { rows: { from: [["inner", "cells"]], type: "LIST" } } },
  "comp-inner": { tasks: { cell: "comp-cell" }, parameters: { cells: { from: [["cell", "Output"]], type: "LIST" } } },
});
const { spec } = parsePipelineSpec(nested);

async function setUp(options: Parameters<typeof startFakeApi>[0] = {}) {
  const fake = await startFakeApi(options);
  const runId = await fake.createRun(nested);
  const root = await createRootRow(fake.api, runId);
  const read = (task: PipelineTask) => fake.api.getTask(runId, task.taskId);
  const propagate = async (task: PipelineTask, rows: readonly PipelineTask[] = [], api: KfpApi = fake.api) => {
    const batch = new BatchUpdater({ api, clock: fake.clock, logger: fake.logger }, runId);
    const tasks = new TaskIndex(rows, { completeParents: [] });
    fake.takeCalls();
    await propagateOutputs({ api, logger: fake.logger, batch }, task, { runId, spec, tasks });
    return fake.takeCalls();
  };
  /** A finished leaf of the inner loop `i` with its output. */
  const cell = async (inner: PipelineTask, i: number, j: number) =>
    createRow(fake.api, inner, "cell", {
      iteration: j,
      state: TaskState.SUCCEEDED,
      outputs: {
        parameters: [{ parameterKey: "Output", type: IoType.OUTPUT, value: text(`${i}${j}`), producer: { taskName: "cell" } }],
      },
    });
  return { ...fake, runId, root, read, propagate, cell };
}

const plain = (entries: readonly IoParameter[] | undefined) =>
  (entries ?? [])
    .map(({ parameterKey, type, producer, value }) => ({
      key: parameterKey,
      type,
      producer: producer?.taskName,
      iteration: producer?.iteration === undefined ? undefined : Number(producer.iteration),
      value: value?.kind.case === "listValue" ? value.kind.value.values.map((item) => item.kind.value) : value?.kind.value,
    }))
    .toSorted((a, b) => (a.iteration ?? -1) - (b.iteration ?? -1));

describe("propagateOutputs()", () => {
  test("G1 a worker's outputs reach the root: two writes, no read (LAU-39)", async ({ expect }) => {
    const { api, root, runId, propagate, read } = await setUp();
    const train = await createRow(api, root, "train");
    const artifact = { namespace: "n", type: ArtifactType.Model, name: "model", uri: "s3://b/m" };
    await api.createArtifact({ runId, taskId: train.taskId, producerKey: "model", artifact });
    await api.updateTask(runId, train.taskId, {
      outputs: {
        parameters: [{ parameterKey: "acc", type: IoType.OUTPUT, value: text("0.9"), producer: { taskName: "train" } }],
      },
    });
    const calls = await propagate(await read(train), [root]);
    expect(calls).toEqual(["createArtifactTasks", "updateTasks"]);
    const stored = await read(root);
    expect(plain(stored.outputs?.parameters)).toEqual([
      { key: "acc", type: IoType.OUTPUT, producer: "train", iteration: undefined, value: "0.9" },
    ]);
    expect(stored.outputs?.artifacts).toMatchObject([{ artifactKey: "model", producer: { taskName: "train" } }]);
  });

  test("again after a retry: no second link, no error", async ({ expect }) => {
    const { api, root, runId, propagate, read } = await setUp();
    const train = await createRow(api, root, "train");
    const artifact = { namespace: "n", type: ArtifactType.Model, name: "model", uri: "s3://b/m" };
    await api.createArtifact({ runId, taskId: train.taskId, producerKey: "model", artifact });
    await propagate(await read(train), [root]);
    expect(await propagate(await read(train), [await read(root)])).toEqual([]);
    expect((await read(root)).outputs?.artifacts).toHaveLength(1);
  });

  test("a root that was not read costs no GetTask, a task without outputs nothing", async ({ expect }) => {
    const { api, root, runId, propagate, read } = await setUp();
    const train = await createRow(api, root, "train");
    expect(await propagate(train)).toEqual([]);
    await api.updateTask(runId, train.taskId, {
      outputs: {
        parameters: [{ parameterKey: "acc", type: IoType.OUTPUT, value: text("0.9"), producer: { taskName: "train" } }],
      },
    });
    expect(await propagate(await read(train))).toEqual(["updateTasks"]);
    // The second attempt does not know what the root has.
    expect(await propagate(await read(train))).toEqual(["updateTasks"]);
    expect(plain((await read(root)).outputs?.parameters)).toHaveLength(1);
  });

  // docs/spec/output-propagation.md#nested-loop-example
  test("a loop in a loop publishes one list per outer iteration", async ({ expect }) => {
    const { api, root, propagate, read, cell } = await setUp();
    const outer = await createRow(api, root, "outer", { type: TaskType.LOOP, iterationCount: 2 });
    for (const i of [0, 1]) {
      const inner = await createRow(api, outer, "inner", { type: TaskType.LOOP, iteration: i, iterationCount: 3 });
      for (const j of [2, 0, 1]) await propagate(await cell(inner, i, j), [inner, outer, root]);
      expect(plain((await read(inner)).outputs?.parameters).map(({ value }) => value)).toEqual([`${i}0`, `${i}1`, `${i}2`]);
    }
    expect(plain((await read(outer)).outputs?.parameters)).toEqual([
      { key: "rows", type: IoType.ITERATOR_OUTPUT, producer: "inner", iteration: 0, value: ["00", "01", "02"] },
      { key: "rows", type: IoType.ITERATOR_OUTPUT, producer: "inner", iteration: 1, value: ["10", "11", "12"] },
    ]);
    expect(plain((await read(root)).outputs?.parameters)).toHaveLength(2);
  });

  test("an inner loop that the reference began goes on: what its row no longer tells, its children do", async ({ expect }) => {
    const { api, root, runId, propagate, read, logger } = await setUp();
    const outer = await createRow(api, root, "outer", { type: TaskType.LOOP, iterationCount: 1 });
    const inner = await createRow(api, outer, "inner", { type: TaskType.LOOP, iteration: 0, iterationCount: 3 });
    const same = (j: number) =>
      createRow(api, inner, "cell", {
        iteration: j,
        state: TaskState.SUCCEEDED,
        outputs: {
          parameters: [{ parameterKey: "Output", type: IoType.OUTPUT, value: text("7"), producer: { taskName: "cell" } }],
        },
      });
    await same(0);
    await same(2);
    // Two equal values without an iteration are one entry.
    const entry = { type: IoType.ITERATOR_OUTPUT, value: text("7") };
    await api.updateTask(runId, inner.taskId, {
      outputs: { parameters: [{ ...entry, parameterKey: "cells", producer: { taskName: "cell" } }] },
    });
    await api.updateTask(runId, outer.taskId, {
      outputs: { parameters: [{ ...entry, parameterKey: "rows", producer: { taskName: "inner" } }] },
    });
    await propagate(await same(1), [inner, outer, root]);
    expect(plain((await read(outer)).outputs?.parameters)).toEqual([
      { key: "rows", type: IoType.ITERATOR_OUTPUT, producer: "inner", iteration: undefined, value: "7" },
      { key: "rows", type: IoType.ITERATOR_OUTPUT, producer: "inner", iteration: 0, value: ["7", "7", "7"] },
    ]);
    expect(logger.messages("warn")).toEqual([]);
  });

  test("two inner iterations that end together keep both values", async ({ expect }) => {
    const { api, root, propagate, read, cell } = await setUp();
    const outer = await createRow(api, root, "outer", { type: TaskType.LOOP, iterationCount: 1 });
    const inner = await createRow(api, outer, "inner", { type: TaskType.LOOP, iteration: 0, iterationCount: 2 });
    const second = await cell(inner, 0, 1);
    let raced = false;
    // The second iteration publishes between the first one's reading and writing.
    const racing = new Proxy(api, {
      get(target, name, receiver) {
        const member: unknown = Reflect.get(target, name, receiver);
        if (name !== "updateTasks") return member;
        return async (...args: Parameters<KfpApi["updateTasks"]>) => {
          if (!raced) {
            raced = true;
            await propagate(second, [inner, outer, root]);
          }
          return api.updateTasks(...args);
        };
      },
    });
    await propagate(await cell(inner, 0, 0), [inner, outer, root], racing);
    expect(plain((await read(outer)).outputs?.parameters).map(({ value }) => value)).toEqual([["00", "01"]]);
  });

  test("UPS-11: a list that grows with every look at it is published until it holds everything", async ({ expect }) => {
    const { api, root, propagate, read, cell, logger } = await setUp();
    const outer = await createRow(api, root, "outer", { type: TaskType.LOOP, iterationCount: 1 });
    const count = 9;
    const inner = await createRow(api, outer, "inner", { type: TaskType.LOOP, iteration: 0, iterationCount: count });
    const others = await Promise.all(Array.from({ length: count - 1 }, (_, j) => cell(inner, 0, j + 1)));
    // Before every write of the first iteration another one publishes, sees the longest list so far and leaves.
    const racing: KfpApi = {
      ...api,
      async updateTasks(...args) {
        const next = others.shift();
        if (next !== undefined) await propagate(next, [inner, outer, root]);
        return api.updateTasks(...args);
      },
    };
    await propagate(await cell(inner, 0, 0), [inner, outer, root], racing);
    const all = Array.from({ length: count }, (_, j) => `0${j}`);
    expect(plain((await read(outer)).outputs?.parameters).map(({ value }) => value)).toEqual([all]);
    expect(logger.messages("warn")).toEqual([]);
  });

  test("G14 an ancestor that cannot be read leaves what the lower levels need in the queue", async ({ expect }) => {
    const { api, root, runId, server, clock, logger, read, cell } = await setUp();
    const outer = await createRow(api, root, "outer", { type: TaskType.LOOP, iterationCount: 1 });
    const inner = await createRow(api, outer, "inner", { type: TaskType.LOOP, iteration: 0, iterationCount: 1 });
    const leaf = await cell(inner, 0, 0);
    server.faults.add({ method: "GetTask", skip: 1, kind: "status", code: "PERMISSION_DENIED" });
    const batch = new BatchUpdater({ api, clock, logger }, runId);
    const tasks = new TaskIndex([], { completeParents: [] });
    await expect(propagateOutputs({ api, logger, batch }, leaf, { runId, spec, tasks })).rejects.toThrow(/PERMISSION_DENIED/);
    await batch.flush();
    expect(plain((await read(inner)).outputs?.parameters)).toHaveLength(1);
  });
});
