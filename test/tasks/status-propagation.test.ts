import { create } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { parsePipelineSpec } from "../../src/core/spec/pipeline-spec.ts";
import { PipelineTaskSchema, TaskState, TaskType, type PipelineTask } from "../../src/core/kfp-types.ts";
import { TaskIndex } from "../../src/resolver/run/task-index.ts";
import type { KfpApi } from "../../src/ports/kfp-api.ts";
import { timestampNow } from "../../src/tasks/task-status.ts";
import { propagateStatus } from "../../src/tasks/status-propagation.ts";
import { startFakeApi } from "../fakes/kfp-api.ts";
import { createRootRow, createRow } from "../support/run-tasks.ts";
import { pipelineOf } from "../support/specs.ts";

const { CACHED, FAILED, RUNNING, SKIPPED, SUCCEEDED } = TaskState;

const pipeline = pipelineOf({
  root: { tasks: { sub: "comp-sub", loop: "comp-loop" } },
  "comp-sub": { tasks: { a: "comp-a", b: "comp-b" } },
  "comp-loop": { tasks: { p: "comp-p" } },
});
const { spec } = parsePipelineSpec(pipeline);

async function setUp(options: Parameters<typeof startFakeApi>[0] = {}) {
  const fake = await startFakeApi(options);
  const { api, runId } = { api: fake.api, runId: await fake.createRun(pipeline) };
  const root = await createRootRow(api, runId);
  const stateOf = async (task: PipelineTask) => (await api.getTask(runId, task.taskId)).state;
  const end = async (task: PipelineTask, state: TaskState) =>
    api.updateTask(runId, task.taskId, { state, endTime: timestampNow(fake.clock) });
  const propagate = async (task: PipelineTask, isLargeRun: boolean) => {
    fake.takeCalls();
    const updates = await propagateStatus(fake, task, { runId, spec, isLargeRun });
    return { updates: updates.map(({ state, taskId }) => [taskId, state] as const), calls: fake.takeCalls() };
  };
  return { ...fake, runId, root, stateOf, end, propagate };
}

describe.for([
  { name: "read whole", isLargeRun: false },
  { name: "read by counting", isLargeRun: true },
])("propagateStatus(), run $name", ({ isLargeRun }) => {
  // docs/spec/status-roll-up.md#walk-examples, #evaluation-of-a-parent, #examples; undefined: `b` was not created.
  test.for<{ a: TaskState; b: TaskState | undefined; sub: TaskState }>([
    { a: SUCCEEDED, b: RUNNING, sub: RUNNING },
    { a: FAILED, b: RUNNING, sub: FAILED },
    { a: FAILED, b: undefined, sub: FAILED },
    { a: SUCCEEDED, b: undefined, sub: RUNNING },
    { a: SUCCEEDED, b: SUCCEEDED, sub: SUCCEEDED },
    { a: SUCCEEDED, b: FAILED, sub: FAILED },
    { a: CACHED, b: CACHED, sub: CACHED },
    { a: SKIPPED, b: SKIPPED, sub: SKIPPED },
    { a: CACHED, b: SKIPPED, sub: SUCCEEDED },
    { a: SUCCEEDED, b: CACHED, sub: SUCCEEDED },
  ])("G8, G9, G10 children $a and $b make $sub", async ({ a, b, sub: expected }, { expect }) => {
    const { api, root, end, propagate, stateOf } = await setUp();
    const sub = await createRow(api, root, "sub", { type: TaskType.DAG });
    const first = await createRow(api, sub, "a");
    if (b !== undefined) await createRow(api, sub, "b", { state: b });
    await propagate(await end(first, a), isLargeRun);
    expect(await stateOf(sub)).toBe(expected);
    // The other child of the root does not exist yet, so only a failure climbs.
    expect(await stateOf(root)).toBe(expected === FAILED ? FAILED : RUNNING);
  });

  test("API-10: climbs to the root in one write when everything is done", async ({ expect }) => {
    const { api, root, end, propagate, stateOf } = await setUp();
    await createRow(api, root, "sub", { type: TaskType.DAG, state: CACHED });
    const loop = await createRow(api, root, "loop", { type: TaskType.LOOP, iterationCount: 2 });
    await createRow(api, loop, "p", { iteration: 0, state: CACHED });
    const last = await createRow(api, loop, "p", { iteration: 1 });
    const { updates, calls } = await propagate(await end(last, CACHED), isLargeRun);
    expect(updates).toEqual([
      [loop.taskId, CACHED],
      [root.taskId, CACHED],
    ]);
    expect(calls.filter((call) => call === "updateTasks")).toHaveLength(1);
    if (!isLargeRun) expect(calls).toEqual(["getRun", "updateTasks", "getRun"]);
    expect(await stateOf(root)).toBe(CACHED);
  });

  test("API-10, UPS-18: writes nothing where nothing changes", async ({ expect }) => {
    const { api, root, end, propagate } = await setUp();
    const sub = await createRow(api, root, "sub", { type: TaskType.DAG });
    const a = await createRow(api, sub, "a");
    const b = await createRow(api, sub, "b");
    await propagate(await end(a, FAILED), isLargeRun);
    const { updates, calls } = await propagate(await end(b, SUCCEEDED), isLargeRun);
    expect(updates).toEqual([]);
    expect(calls).not.toContain("updateTasks");
  });

  test("minimal messages leave pods and inputs of the parent alone (API-9, LAU-37)", async ({ expect }) => {
    const { api, runId, root, end, propagate } = await setUp();
    const sub = await createRow(api, root, "sub", { type: TaskType.DAG });
    await api.updateTask(runId, sub.taskId, { pods: [{ name: "driver", uid: "u" }], statusMetadata: { message: "kept" } });
    await createRow(api, sub, "b", { state: SUCCEEDED });
    await propagate(await end(await createRow(api, sub, "a"), SUCCEEDED), isLargeRun);
    const stored = await api.getTask(runId, sub.taskId);
    expect(stored).toMatchObject({
      state: SUCCEEDED,
      pods: [{ name: "driver" }],
      statusMetadata: { message: "kept" },
      parentTaskId: root.taskId,
    });
    expect(stored.endTime).toBeDefined();
  });

  test("a parent that failed before is corrected when a retry succeeds", async ({ expect }) => {
    const { api, root, end, propagate, stateOf } = await setUp();
    await createRow(api, root, "loop", { type: TaskType.LOOP, iterationCount: 0, state: SKIPPED });
    const sub = await createRow(api, root, "sub", { type: TaskType.DAG });
    await createRow(api, sub, "b", { state: SUCCEEDED });
    const a = await createRow(api, sub, "a");
    await propagate(await end(a, FAILED), isLargeRun);
    await propagate(await end(a, SUCCEEDED), isLargeRun);
    expect([await stateOf(sub), await stateOf(root)]).toEqual([SUCCEEDED, SUCCEEDED]);
  });

  test("of two tasks that end together in different DAGs, the one that writes last also writes the ancestor both share", async ({
    expect,
  }) => {
    const { api, clock, logger, root, runId, end, stateOf } = await setUp();
    const loop = await createRow(api, root, "loop", { type: TaskType.LOOP, iterationCount: 1 });
    const sub = await createRow(api, root, "sub", { type: TaskType.DAG });
    await createRow(api, sub, "b", { state: SUCCEEDED });
    const leaves = [await createRow(api, loop, "p", { iteration: 0 }), await createRow(api, sub, "a")];
    const ended = await Promise.all(leaves.map((leaf) => end(leaf, SUCCEEDED)));
    // Nobody writes before everybody has read: the order that a loaded API server gives.
    let readers = 0;
    let release = () => {};
    const allHaveRead = new Promise<void>((resolve) => (release = resolve));
    const meeting = (): KfpApi => {
      let hasMet = false;
      return {
        ...api,
        async updateTasks(...args) {
          readers += hasMet ? 0 : 1;
          hasMet = true;
          if (readers === leaves.length) release();
          await allHaveRead;
          return api.updateTasks(...args);
        },
      };
    };
    const options = { runId, spec, isLargeRun };
    await Promise.all(ended.map((task) => propagateStatus({ api: meeting(), clock, logger }, task, options)));
    expect(await Promise.all([loop, sub, root].map(stateOf))).toEqual([SUCCEEDED, SUCCEEDED, SUCCEEDED]);
  });

  test("a state from an old read that lands over a newer one is mended by the process that wrote it", async ({ expect }) => {
    const { api, clock, logger, root, runId, end, stateOf } = await setUp();
    await createRow(api, root, "loop", { type: TaskType.LOOP, iterationCount: 0, state: SKIPPED });
    const sub = await createRow(api, root, "sub", { type: TaskType.DAG });
    await createRow(api, sub, "b", { state: SUCCEEDED });
    const a = await createRow(api, sub, "a");
    const options = { runId, spec, isLargeRun };
    let retried = false;
    const slow: KfpApi = {
      ...api,
      async updateTasks(...args) {
        // Between the read that showed `a` FAILED and this write, the second attempt of `a` ends well and rolls up.
        if (!retried) {
          retried = true;
          await propagateStatus({ api, clock, logger }, await end(a, SUCCEEDED), options);
        }
        return api.updateTasks(...args);
      },
    };
    await propagateStatus({ api: slow, clock, logger }, await end(a, FAILED), options);
    expect(await Promise.all([sub, root].map(stateOf))).toEqual([SUCCEEDED, SUCCEEDED]);
  });

  test("a server that drops the writes is not asked for ever", async ({ expect }) => {
    const { api, clock, logger, root, runId, end } = await setUp();
    const sub = await createRow(api, root, "sub", { type: TaskType.DAG });
    let writes = 0;
    const dropping: KfpApi = {
      ...api,
      updateTasks() {
        writes += 1;
        return Promise.resolve(new Map());
      },
    };
    const ended = await end(await createRow(api, sub, "a"), FAILED);
    await propagateStatus({ api: dropping, clock, logger }, ended, { runId, spec, isLargeRun });
    expect(writes).toBe(50);
    expect(logger.messages("warn").join()).toContain("do not settle");
  });

  test("the end of an exit task moves the end time of its failed parent once", async ({ expect }) => {
    const { api, clock, logger, root, end, runId, takeCalls } = await setUp();
    const exitSpec = structuredClone(pipeline);
    Object.assign(exitSpec["root"]!, {
      dag: {
        tasks: {
          sub: { componentRef: { name: "comp-sub" } },
          notify: { componentRef: { name: "comp-a" }, triggerPolicy: { strategy: "ALL_UPSTREAM_TASKS_COMPLETED" } },
        },
      },
    });
    await createRow(api, root, "sub", { type: TaskType.DAG, state: FAILED });
    await end(root, FAILED);
    const ended = await end(await createRow(api, root, "notify"), SUCCEEDED);
    takeCalls();
    const options = { runId, spec: parsePipelineSpec(exitSpec).spec, isLargeRun };
    const updates = await propagateStatus({ api, clock, logger }, ended, options);
    expect(updates).toMatchObject([{ taskId: root.taskId, state: FAILED, endTimeOnly: true }]);
    expect(takeCalls().filter((call) => call === "updateTasks")).toHaveLength(1);
  });

  test("a running task costs no call", async ({ expect }) => {
    const { api, root, propagate } = await setUp();
    const { calls } = await propagate(await createRow(api, root, "sub"), isLargeRun);
    expect(calls).toEqual([]);
  });
});

describe("propagateStatus() in a wide loop", () => {
  test("one counting call while siblings run", async ({ expect }) => {
    const { api, root, end, runId, takeCalls, clock, logger } = await setUp();
    const loop = await createRow(api, root, "loop", { type: TaskType.LOOP, iterationCount: 3 });
    const first = await createRow(api, loop, "p", { iteration: 0 });
    await createRow(api, loop, "p", { iteration: 1 });
    const ended = await end(first, SUCCEEDED);
    takeCalls();
    const tasks = new TaskIndex([loop], { completeParents: [] });
    await propagateStatus({ api, clock, logger }, ended, { runId, spec, isLargeRun: true, tasks });
    expect(takeCalls()).toEqual(["listTasks"]);
  });

  test("two counting calls while siblings are yet to come", async ({ expect }) => {
    const { api, root, end, runId, takeCalls, clock, logger } = await setUp();
    const loop = await createRow(api, root, "loop", { type: TaskType.LOOP, iterationCount: 3 });
    const ended = await end(await createRow(api, loop, "p", { iteration: 0 }), SUCCEEDED);
    takeCalls();
    const tasks = new TaskIndex([loop], { completeParents: [] });
    expect(await propagateStatus({ api, clock, logger }, ended, { runId, spec, isLargeRun: true, tasks })).toEqual([]);
    expect(takeCalls()).toEqual(["listTasks", "listTasks"]);
  });

  test("falls back to the snapshot where the server cannot count", async ({ expect }) => {
    const { api, server, root, end, propagate, stateOf, logger } = await setUp();
    const sub = await createRow(api, root, "sub", { type: TaskType.DAG });
    const a = await createRow(api, sub, "a");
    server.faults.add({ method: "ListTasks", kind: "status", code: "INVALID_ARGUMENT" });
    await propagate(await end(a, FAILED), true);
    expect(await stateOf(sub)).toBe(FAILED);
    expect(logger.messages("warn")).toHaveLength(1);
  });

  test("a parent that does not exist is an error", async ({ expect }) => {
    const { propagate, runId } = await setUp();
    const orphan = create(PipelineTaskSchema, {
      taskId: "x",
      runId,
      scopePath: "root.sub",
      parentTaskId: "nowhere",
      state: FAILED,
    });
    await expect(propagate(orphan, false)).rejects.toThrow(/not part of the run/);
    await expect(propagate(orphan, true)).rejects.toThrow(/NOT_FOUND/);
  });
});
