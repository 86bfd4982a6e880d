import { describe, test } from "vitest";
import { ArtifactType, IoType, RunView, RuntimeState, TaskState, TaskType } from "../../../src/core/kfp-types.ts";
import type { FinalRunState } from "../../../src/apiserver/services/run-lifecycle.ts";
import { Run_StorageState as StorageState } from "../../../src/gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";
import { connectRawClient, startFakeApiServer } from "../../fakes/api-server.ts";
import { rejectionOf } from "../../fakes/rejection.ts";

const SPEC = { pipelineInfo: { name: "hello" }, schemaVersion: "2.1.0", root: { dag: {} } };

async function setUp() {
  let seconds = 1_000;
  const events: string[] = [];
  const server = await startFakeApiServer({
    now: () => new Date(seconds * 1000),
    engine: {
      runRetried: (id) => events.push(`retried ${id}`),
      runDeleted: (id) => events.push(`deleted ${id}`),
    },
  });
  const api = connectRawClient(server.address);
  const { runId } = await api.createRun({ run: { displayName: "r", pipelineSource: { case: "pipelineSpec", value: SPEC } } });
  return { server, api, runId, events, tick: (by = 1) => (seconds += by) };
}

/** A run with a step that succeeded and one that failed. */
async function setUpFailed() {
  const world = await setUp();
  const { api, server, runId, tick } = world;
  const add = async (name: string, state: TaskState, parentTaskId?: string) =>
    await api.createTask({
      runId,
      task: {
        name,
        state,
        scopePath: `root.${name}`,
        type: name === "root" ? TaskType.ROOT : TaskType.RUNTIME,
        cacheFingerprint: `f-${name}`,
        ...(parentTaskId === undefined ? {} : { parentTaskId }),
      },
    });
  const root = await add("root", TaskState.FAILED);
  const kept = await add("kept", TaskState.SUCCEEDED, root.taskId);
  const failed = await add("failed", TaskState.FAILED, root.taskId);
  const artifact = { name: "m", type: ArtifactType.Model };
  for (const { taskId } of [kept, failed]) await api.createArtifact({ runId, taskId, producerKey: "m", artifact });
  server.runs.sealRun(runId);
  tick(10);
  server.runs.finishRun(runId, RuntimeState.FAILED);
  tick(10);
  return { ...world, root, kept, failed };
}

// docs/spec/api-server.md#retryrun, #task-reset-of-a-run-retry
describe("RetryRun", () => {
  test("API-33, API-13: puts the run back to PENDING, appends to its history and tells the engine", async ({ expect }) => {
    const { api, runId, events } = await setUpFailed();
    await api.retryRun({ runId });
    const run = await api.getRun({ runId });
    expect(run).toMatchObject({ state: RuntimeState.PENDING, finishedAt: { seconds: 0n } });
    expect(run.stateHistory.map(({ state, updateTime }) => [state, Number(updateTime?.seconds)])).toEqual([
      [RuntimeState.PENDING, 1_000],
      [RuntimeState.FAILED, 1_010],
      [RuntimeState.PENDING, 1_020],
    ]);
    expect(events).toEqual([`retried ${runId}`]);
  });

  test("resets what did not succeed and keeps what did, with its links", async ({ expect }) => {
    const { api, runId, root, kept, failed } = await setUpFailed();
    const before = await api.getTask({ runId, taskId: kept.taskId });
    await api.retryRun({ runId });
    const { tasks } = await api.getRun({ runId, view: RunView.FULL });
    const states = Object.fromEntries(tasks.map((task) => [task.taskId, task.state]));
    expect(states).toEqual({
      [root.taskId]: TaskState.RUNNING,
      [kept.taskId]: TaskState.SUCCEEDED,
      [failed.taskId]: TaskState.RUNNING,
    });
    expect(await api.getTask({ runId, taskId: kept.taskId })).toEqual(before);
    const { artifactTasks } = await api.listArtifactTasks({ runIds: [runId] });
    expect(artifactTasks.map(({ taskId }) => taskId)).toEqual([kept.taskId]);
  });

  test("API-32: opens the tasks of the run again, and its end closes them again", async ({ expect }) => {
    const { api, server, runId, failed } = await setUpFailed();
    const update = { runId, taskId: failed.taskId, task: { state: TaskState.SUCCEEDED, cacheFingerprint: "again" } };
    expect((await rejectionOf(api.updateTask(update))).code).toBe("FAILED_PRECONDITION");
    await api.retryRun({ runId });
    expect(await api.updateTask(update)).toMatchObject({ state: TaskState.SUCCEEDED, cacheFingerprint: "again" });
    server.runs.finishRun(runId, RuntimeState.SUCCEEDED);
    expect((await rejectionOf(api.updateTask(update))).code).toBe("FAILED_PRECONDITION");
  });

  test.for<{ readonly name: string; readonly end: FinalRunState | undefined }>([
    { name: "PENDING", end: undefined },
    { name: "SUCCEEDED", end: RuntimeState.SUCCEEDED },
    { name: "SKIPPED", end: RuntimeState.SKIPPED },
  ])("API-33: refuses a run that is $name", async ({ name, end }, { expect }) => {
    const { api, server, runId, events } = await setUp();
    if (end !== undefined) server.runs.finishRun(runId, end);
    const before = await api.getRun({ runId });
    const rejection = await rejectionOf(api.retryRun({ runId }));
    expect(rejection.code).toBe("ABORTED");
    expect(rejection.message).toContain(`Run ${runId} cannot be retried: it is ${name}`);
    expect(await api.getRun({ runId })).toEqual(before);
    expect(events).toEqual([]);
  });

  test("API-33: refuses a run without pipeline, an unknown one and an empty id", async ({ expect }) => {
    const { api, server } = await setUp();
    const { runId } = server.runs.createRun({ displayName: "bare" }).run;
    server.runs.finishRun(runId, RuntimeState.FAILED);
    expect((await rejectionOf(api.retryRun({ runId }))).code).toBe("ABORTED");
    expect((await rejectionOf(api.retryRun({ runId: "nope" }))).code).toBe("NOT_FOUND");
    expect((await rejectionOf(api.retryRun({}))).code).toBe("INVALID_ARGUMENT");
  });

  test("a second retry at once is refused: the first one has it pending", async ({ expect }) => {
    const { api, runId, events } = await setUpFailed();
    const answers = await Promise.allSettled([api.retryRun({ runId }), api.retryRun({ runId })]);
    expect(answers.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    expect(events).toHaveLength(1);
  });
});

describe("writes to a run that has ended", () => {
  const ends: readonly FinalRunState[] = [RuntimeState.SUCCEEDED, RuntimeState.FAILED, RuntimeState.SKIPPED];
  test.for(ends)("API-32: tasks, artifacts and links of a run in state %s do not change", async (end, { expect }) => {
    const { api, server, runId } = await setUp();
    const { taskId } = await api.createTask({ runId, task: { name: "t", state: TaskState.SUCCEEDED } });
    const artifact = { name: "m", type: ArtifactType.Model };
    const { artifactId } = await api.createArtifact({ runId, taskId, producerKey: "m", artifact });
    const link = { runId, taskId, artifactId, key: "k", type: IoType.OUTPUT, producer: { taskName: "t" } };
    server.runs.finishRun(runId, end);
    const before = await api.getRun({ runId, view: RunView.FULL });
    for (const call of [
      api.createTask({ runId, task: { name: "u" } }),
      api.updateTask({ runId, taskId, task: { displayName: "T" } }),
      api.updateTasksBulk({ runId, tasks: { [taskId]: { displayName: "T" } } }),
      api.createArtifact({ runId, taskId, producerKey: "n", artifact }),
      api.createArtifactsBulk({ artifacts: [{ runId, taskId, producerKey: "n", artifact }] }),
      api.createArtifactTask({ artifactTask: link }),
      api.createArtifactTasksBulk({ artifactTasks: [link] }),
    ]) {
      const rejection = await rejectionOf(call);
      expect(rejection.code).toBe("FAILED_PRECONDITION");
      expect(rejection.message).toContain(`Run ${runId} has ended`);
    }
    expect(await api.getRun({ runId, view: RunView.FULL })).toEqual(before);
  });

  test("API-32: an artifact of it may still become the input of another run", async ({ expect }) => {
    const { api, server, runId } = await setUp();
    const { taskId } = await api.createTask({ runId, task: { name: "t" } });
    const artifact = { name: "m", type: ArtifactType.Model };
    const { artifactId } = await api.createArtifact({ runId, taskId, producerKey: "m", artifact });
    server.runs.finishRun(runId, RuntimeState.SUCCEEDED);
    const other = server.runs.createRun({ displayName: "other" }).run.runId;
    const reader = await api.createTask({ runId: other, task: { name: "reader" } });
    const artifactTask = {
      runId: other,
      taskId: reader.taskId,
      artifactId,
      key: "in",
      type: IoType.RUNTIME_VALUE_INPUT,
      producer: { taskName: "t" },
    };
    expect(await api.createArtifactTask({ artifactTask })).toMatchObject({ type: IoType.RUNTIME_VALUE_INPUT });
  });
});

describe("the fingerprint of a task", () => {
  test.for([
    { name: "made FAILED", first: TaskState.FAILED, next: undefined },
    { name: "updated to FAILED", first: TaskState.RUNNING, next: TaskState.FAILED },
  ])("API-31: is dropped when it is $name, and does not come back with the state", async ({ first, next }, { expect }) => {
    const { api, runId } = await setUp();
    const task = { name: "t", state: first, cacheFingerprint: "f", type: TaskType.RUNTIME, scopePath: "root.t" };
    const { taskId } = await api.createTask({ runId, task });
    if (next !== undefined) await api.updateTask({ runId, taskId, task: { state: next, cacheFingerprint: "f" } });
    expect((await api.getTask({ runId, taskId })).cacheFingerprint).toBe("");
    await api.updateTask({ runId, taskId, task: { state: TaskState.SUCCEEDED } });
    expect((await api.findCachedTask({ cacheFingerprint: "f" })).task).toBeUndefined();
  });

  test("API-31: is dropped when the end of the run makes the task FAILED", async ({ expect }) => {
    const { api, server, runId } = await setUp();
    const { taskId } = await api.createTask({ runId, task: { name: "t", state: TaskState.RUNNING, cacheFingerprint: "f" } });
    server.runs.finishRun(runId, RuntimeState.FAILED);
    expect(await api.getTask({ runId, taskId })).toMatchObject({ state: TaskState.FAILED, cacheFingerprint: "" });
  });
});

test("a task keeps the type EXIT_HANDLER, and one of another type is another task", async ({ expect }) => {
  const { api, runId } = await setUp();
  const task = { name: "exit-handler-1", scopePath: "root.exit-handler-1", state: TaskState.RUNNING };
  const dag = await api.createTask({ runId, task: { ...task, type: TaskType.DAG } });
  const handler = await api.createTask({ runId, task: { ...task, type: TaskType.EXIT_HANDLER } });
  const child = { name: "step", type: TaskType.RUNTIME, scopePath: "root.exit-handler-1.step", parentTaskId: handler.taskId };
  await api.createTask({ runId, task: child });
  expect(handler.taskId).not.toBe(dag.taskId);
  expect(await api.getTask({ runId, taskId: handler.taskId })).toMatchObject({
    type: TaskType.EXIT_HANDLER,
    childTasks: [{ name: "step" }],
  });
});

// docs/spec/api-server.md#archive-unarchive-delete
describe("ArchiveRun and UnarchiveRun", () => {
  test.for([
    { name: "PENDING", end: undefined },
    { name: "FAILED", end: RuntimeState.FAILED as const },
  ])("move a run that is $name, twice", async ({ end }, { expect }) => {
    const { api, server, runId } = await setUp();
    if (end !== undefined) server.runs.finishRun(runId, end);
    const before = await api.getRun({ runId });
    for (const again of [1, 2]) {
      await api.archiveRun({ runId });
      expect(await api.getRun({ runId }), String(again)).toEqual({ ...before, storageState: StorageState.ARCHIVED });
    }
    await api.unarchiveRun({ runId });
    await api.unarchiveRun({ runId });
    expect(await api.getRun({ runId })).toEqual(before);
  });

  test("refuse unknown and empty ids", async ({ expect }) => {
    const { api } = await setUp();
    for (const name of ["archiveRun", "unarchiveRun"] as const) {
      expect((await rejectionOf(api[name]({ runId: "nope" }))).code).toBe("NOT_FOUND");
      expect((await rejectionOf(api[name]({}))).code).toBe("INVALID_ARGUMENT");
    }
  });

  test("lists show archived runs, and a filter on storage_state hides them", async ({ expect }) => {
    const { api, runId } = await setUp();
    const other = await api.createRun({ run: { displayName: "b", pipelineSource: { case: "pipelineSpec", value: SPEC } } });
    await api.archiveRun({ runId });
    expect((await api.listRuns({})).totalSize).toBe(2);
    const filter = JSON.stringify({ predicates: [{ operation: "EQUALS", key: "storage_state", string_value: "AVAILABLE" }] });
    expect((await api.listRuns({ filter })).runs.map((run) => run.runId)).toEqual([other.runId]);
  });

  test("refuse to unarchive under an archived experiment, or a deleted one", async ({ expect }) => {
    const { api } = await setUp();
    const { experimentId } = await api.createExperiment({ experiment: { displayName: "e" } });
    const source = { case: "pipelineSpec", value: SPEC } as const;
    const { runId } = await api.createRun({ run: { displayName: "r", experimentId, pipelineSource: source } });
    await api.archiveExperiment({ experimentId });
    expect((await rejectionOf(api.unarchiveRun({ runId }))).code).toBe("FAILED_PRECONDITION");
    await api.unarchiveExperiment({ experimentId });
    await api.unarchiveRun({ runId });
    await api.archiveRun({ runId });
    await api.deleteExperiment({ experimentId });
    const rejection = await rejectionOf(api.unarchiveRun({ runId }));
    expect(rejection.message).toContain(`Experiment ${experimentId} not found`);
  });
});

test("API-14: a run that was terminated ends FAILED", async ({ expect }) => {
  const { api, server, runId } = await setUp();
  await api.terminateRun({ runId });
  server.runs.finishRun(runId, RuntimeState.FAILED);
  const run = await api.getRun({ runId });
  expect(run.stateHistory.map(({ state }) => state)).toEqual([RuntimeState.PENDING, RuntimeState.CANCELING, RuntimeState.FAILED]);
});

test("API-19: an empty parent_task_id on create is no parent", async ({ expect }) => {
  const { api, runId } = await setUp();
  const { taskId } = await api.createTask({ runId, task: { name: "t", parentTaskId: "" } });
  expect((await api.getTask({ runId, taskId })).parentTaskId).toBeUndefined();
});

test.for([
  { list: "runs", keys: ["experiment_id", "recurring_run_id"], refused: ["state_history", "runtime_details"] },
  { list: "tasks", keys: ["scope_path"], refused: ["pods", "inputs"] },
] as const)("API-16: sorting $list works over pages or is refused by name", async ({ list, keys, refused }, { expect }) => {
  const { api, runId } = await setUp();
  const source = { case: "pipelineSpec", value: SPEC } as const;
  for (const name of ["a", "b", "c"]) {
    await api.createTask({ runId, task: { name, scopePath: `root.${name}` } });
    await api.createRun({ run: { displayName: name, pipelineSource: source } });
  }
  const page = async (key: string, pageToken = "") =>
    list === "runs"
      ? await api.listRuns({ sortBy: pageToken === "" ? key : "", pageSize: 2, pageToken })
      : await api.listTasks({ runId, orderBy: pageToken === "" ? key : "", pageSize: 2, pageToken });
  for (const key of keys) {
    const first = await page(key);
    const second = await page(key, first.nextPageToken);
    expect(first.nextPageToken).not.toBe("");
    expect(second.totalSize).toBe(first.totalSize);
  }
  for (const key of refused) {
    const rejection = await rejectionOf(page(key));
    expect([rejection.code, rejection.message.includes(key)]).toEqual(["INVALID_ARGUMENT", true]);
  }
});

test("DeleteRun tells the engine, which may still execute it", async ({ expect }) => {
  const { api, runId, events } = await setUp();
  await api.deleteRun({ runId });
  expect(events).toEqual([`deleted ${runId}`]);
});
