import { create } from "@bufbuild/protobuf";
import { ListValueSchema, ValueSchema, type Value } from "@bufbuild/protobuf/wkt";
import * as fc from "fast-check";
import { describe, test } from "vitest";
import { ArtifactType, IoType, TaskState, TaskType, type PipelineTask, type TaskInit } from "../../../src/core/kfp-types.ts";
import { GetRunRequest_ViewMode } from "../../../src/gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";
import { connectRawClient, startFakeApiServer } from "../../fakes/api-server.ts";
import { rejectionOf } from "../../fakes/rejection.ts";

const num = (value: number) => ({ kind: { case: "numberValue", value } }) as const;
const text = (value: string) => ({ kind: { case: "stringValue", value } }) as const;

async function setUp() {
  let seconds = 1_000;
  const server = await startFakeApiServer({ now: () => new Date(seconds * 1000 + 999) });
  const api = connectRawClient(server.address);
  const runId = server.runs.createRun({ displayName: "r" }).run.runId;
  const otherRunId = server.runs.createRun({ displayName: "other" }).run.runId;
  const add = async (init: TaskInit = {}, run = runId) =>
    await api.createTask({
      runId: run,
      task: { name: "t", scopePath: "root.t", type: TaskType.RUNTIME, state: TaskState.RUNNING, ...init } as TaskInit,
    });
  const update = async (taskId: string, task: TaskInit) => await api.updateTask({ runId, taskId, task });
  return { server, api, runId, otherRunId, add, update, setTime: (value: number) => (seconds = value) };
}

const states = (task: PipelineTask) => task.stateHistory.map((entry) => entry.state);

// docs/spec/api-server.md#stored-fields, #createtask, #state-history
describe("CreateTask", () => {
  test("stores the request in whole seconds, with ids and history of its own", async ({ expect }) => {
    const { add, runId } = await setUp();
    const task = await add({
      taskId: "ignored",
      displayName: "T",
      createTime: { seconds: 5n, nanos: 7 },
      endTime: { seconds: 6n, nanos: 8 },
      parentTaskId: "",
      childTasks: [{ taskId: "x" }],
      lifecycleMessage: "x",
      typeAttributes: { iterationIndex: 0n, iterationCount: 0n, downloadToWorkspace: false },
      inputs: { parameters: [{ parameterKey: "a", value: num(1) }], artifacts: [{ artifactKey: "ignored" }] },
    });
    expect(task.taskId).toMatch(/^[0-9a-f-]{36}$/);
    expect(task).toMatchObject({
      runId,
      displayName: "T",
      createTime: { seconds: 5n, nanos: 0 },
      endTime: { seconds: 6n, nanos: 0 },
      stateHistory: [{ state: TaskState.RUNNING, updateTime: { seconds: 1000n, nanos: 0 } }],
      childTasks: [],
      typeAttributes: { iterationIndex: 0n, iterationCount: 0n, downloadToWorkspace: false },
      inputs: { parameters: [{ parameterKey: "a" }], artifacts: [] },
      outputs: { parameters: [], artifacts: [] },
    });
    expect(task.parentTaskId).toBeUndefined();
    expect(task.lifecycleMessage).toBeUndefined();
  });

  test("takes the server's time where the request has none, and leaves the rest absent", async ({ expect }) => {
    const { add } = await setUp();
    const task = await add({ state: TaskState.RUNTIME_STATE_UNSPECIFIED });
    expect(task.createTime).toMatchObject({ seconds: 1000n, nanos: 0 });
    expect(task.stateHistory).toEqual([]);
    expect([task.endTime, task.statusMetadata, task.typeAttributes]).toEqual([undefined, undefined, undefined]);
  });

  test("does not repeat the last entry of a history in the request", async ({ expect }) => {
    const { add } = await setUp();
    expect(states(await add({ stateHistory: [{ state: TaskState.RUNNING }] }))).toEqual([TaskState.RUNNING]);
    const other = await add({ name: "u", stateHistory: [{ state: TaskState.FAILED }] });
    expect(states(other)).toEqual([TaskState.FAILED, TaskState.RUNNING]);
  });

  test("refuses by name what its readers could not take, in parameters and properties, and stores nothing", async ({
    expect,
  }) => {
    const { add, api, runId, update } = await setUp();
    const nested = (levels: number): Value =>
      create(ValueSchema, {
        kind: { case: "listValue", value: create(ListValueSchema, { values: levels === 1 ? [] : [nested(levels - 1)] }) },
      });
    const deepest = { parameters: [{ parameterKey: "a", value: nested(44) }] };
    const task = await add({ inputs: deepest, outputs: deepest });
    expect((await api.getTask({ runId, taskId: task.taskId })).inputs?.parameters).toHaveLength(1);
    expect((await api.getRun({ runId, view: GetRunRequest_ViewMode.FULL })).tasks).toHaveLength(1);
    const tooDeep = { parameters: [{ parameterKey: "a", value: nested(45) }] };
    const message = /parameter "a" of task "u?" is nested more than 44 levels deep/;
    for (const refused of [
      add({ name: "u", inputs: tooDeep }),
      add({ name: "u", outputs: tooDeep }),
      update(task.taskId, { outputs: tooDeep }),
    ]) {
      const rejection = await rejectionOf(refused);
      expect([rejection.code, rejection.message]).toEqual(["INVALID_ARGUMENT", expect.stringMatching(message)]);
    }
    const properties = { statusMetadata: { customProperties: { p: nested(45) } } };
    expect((await rejectionOf(add({ name: "u", ...properties }))).message).toMatch(/property "p" of task "u" is nested/);
    expect((await api.listTasks({ runId })).totalSize).toBe(1);
  });

  test("MSG-3: stores a value without kind as null", async ({ expect }) => {
    const { add } = await setUp();
    const task = await add({ inputs: { parameters: [{ parameterKey: "a", value: {} }] } });
    expect(task.inputs?.parameters[0]?.value?.kind.case).toBe("nullValue");
  });

  test.for<{ name: string; runId?: string; task?: TaskInit; code: string; message: RegExp }>([
    { name: "no run id", runId: "", task: {}, code: "INVALID_ARGUMENT", message: /Run ID is required/ },
    { name: "no task", code: "INVALID_ARGUMENT", message: /Task is required/ },
    { name: "another run in the body", task: { runId: "x" }, code: "INVALID_ARGUMENT", message: /run id x differs/ },
    { name: "an unknown run", runId: "nope", task: {}, code: "NOT_FOUND", message: /Run nope not found/ },
    { name: "an unknown parent", task: { parentTaskId: "nope" }, code: "NOT_FOUND", message: /Parent task nope not found/ },
    {
      name: "an absurd iteration",
      task: { typeAttributes: { iterationIndex: 2n ** 60n } },
      code: "INVALID_ARGUMENT",
      message: /out of range/,
    },
  ])("refuses $name", async ({ runId: sentRunId, task, code, message }, { expect }) => {
    const { api, runId } = await setUp();
    const rejection = await rejectionOf(api.createTask({ runId: sentRunId ?? runId, ...(task === undefined ? {} : { task }) }));
    expect(rejection.code).toBe(code);
    expect(rejection.message).toMatch(message);
  });

  test("refuses a parent of another run", async ({ expect }) => {
    const { add, otherRunId } = await setUp();
    const foreign = await add({}, otherRunId);
    expect(await rejectionOf(add({ parentTaskId: foreign.taskId }))).toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});

// docs/spec/api-server.md#logical-identity, #test-derived-cases (task_store_test.go)
describe("a second CreateTask of one identity", () => {
  test("returns the existing row unchanged", async ({ expect }) => {
    const { add, api, runId } = await setUp();
    const first = await add({ displayName: "first" });
    const second = await add({ displayName: "second", state: TaskState.FAILED, pods: [{ name: "p" }], endTime: { seconds: 9n } });
    expect(second).toEqual(first);
    expect((await api.listTasks({ runId })).totalSize).toBe(1);
  });

  test.for<{ name: string; change: TaskInit }>([
    { name: "iteration 0", change: { typeAttributes: { iterationIndex: 0n } } },
    { name: "iteration 1", change: { typeAttributes: { iterationIndex: 1n } } },
    { name: "another name", change: { name: "u" } },
    { name: "another type", change: { type: TaskType.DAG } },
    { name: "another scope path", change: { scopePath: "root.x.t" } },
  ])("makes a new row for $name", async ({ change }, { expect }) => {
    const { add } = await setUp();
    expect((await add(change)).taskId).not.toBe((await add()).taskId);
  });

  test("makes a new row for another parent", async ({ expect }) => {
    const { add } = await setUp();
    const parent = await add({ name: "p", type: TaskType.DAG });
    expect((await add({ parentTaskId: parent.taskId })).taskId).not.toBe((await add()).taskId);
  });

  test("makes a new row each time when the identity is incomplete", async ({ expect }) => {
    const { add } = await setUp();
    expect((await add({ scopePath: "" })).taskId).not.toBe((await add({ scopePath: "" })).taskId);
  });

  test("yields one row when many arrive at once", async ({ expect }) => {
    const { server, runId, api } = await setUp();
    const clients = Array.from({ length: 8 }, () => connectRawClient(server.address));
    const task = { name: "t", scopePath: "root.t", type: TaskType.RUNTIME };
    const made = await Promise.all(
      clients.flatMap((client) => [client.createTask({ runId, task }), client.createTask({ runId, task })]),
    );
    expect(new Set(made.map((one) => one.taskId)).size).toBe(1);
    expect((await api.listTasks({ runId })).totalSize).toBe(1);
  });

  test("still matches after name and type were changed by update", async ({ expect }) => {
    const { add, update } = await setUp();
    const { taskId } = await add();
    await update(taskId, { name: "renamed", type: TaskType.DAG });
    expect((await add()).taskId).toBe(taskId);
  });
});

// docs/spec/api-server.md#updatetask
describe("UpdateTask", () => {
  const STORED: TaskInit = {
    displayName: "D",
    cacheFingerprint: "f",
    createTime: { seconds: 5n },
    endTime: { seconds: 6n },
    pods: [{ name: "a" }, { name: "b" }],
    statusMetadata: { message: "m", customProperties: { k: text("v") } },
    typeAttributes: { iterationIndex: 1n, iterationCount: 2n },
    inputs: { parameters: [{ parameterKey: "a", value: num(1) }] },
  };

  test("API-20: that is empty succeeds and changes nothing", async ({ expect }) => {
    const { add, update } = await setUp();
    const task = await add(STORED);
    expect(await update(task.taskId, {})).toEqual(task);
  });

  test.for<{ name: string; update: TaskInit; expected: object }>([
    {
      name: "replaces texts",
      update: { name: "n", displayName: "E", cacheFingerprint: "g" },
      expected: { name: "n", displayName: "E", cacheFingerprint: "g" },
    },
    {
      name: "replaces state and type",
      update: { state: TaskState.FAILED, type: TaskType.DAG },
      expected: { state: TaskState.FAILED, type: TaskType.DAG },
    },
    {
      name: "replaces the end time in whole seconds",
      update: { endTime: { seconds: 9n, nanos: 5 } },
      expected: { endTime: { seconds: 9n, nanos: 0 } },
    },
    { name: "keeps the end time for zero", update: { endTime: { seconds: 0n } }, expected: { endTime: { seconds: 6n } } },
    {
      name: "ignores what the server keeps",
      update: {
        createTime: { seconds: 99n },
        scopePath: "x",
        stateHistory: [{ state: TaskState.SKIPPED }],
        childTasks: [{ taskId: "x" }],
        outputs: { artifacts: [{ artifactKey: "x" }] },
        lifecycleMessage: "x",
      },
      expected: {
        createTime: { seconds: 5n },
        scopePath: "root.t",
        childTasks: [],
        outputs: { artifacts: [] },
        stateHistory: [{ state: TaskState.RUNNING }],
      },
    },
    { name: "replaces the list of pods", update: { pods: [{ name: "c" }] }, expected: { pods: [{ name: "c" }] } },
    { name: "keeps the pods for an empty list", update: { pods: [] }, expected: { pods: [{ name: "a" }, { name: "b" }] } },
    {
      name: "replaces status metadata as a whole",
      update: { statusMetadata: { message: "n" } },
      expected: { statusMetadata: { message: "n", customProperties: {} } },
    },
    {
      name: "clears status metadata by an empty one",
      update: { statusMetadata: {} },
      expected: { statusMetadata: { message: "", customProperties: {} } },
    },
    {
      name: "replaces type attributes as a whole",
      update: { typeAttributes: { iterationCount: 0n } },
      expected: { typeAttributes: { iterationCount: 0n } },
    },
    {
      name: "merges parameters",
      update: { inputs: { parameters: [{ parameterKey: "b", value: num(2) }] } },
      expected: { inputs: { parameters: [{ parameterKey: "a" }, { parameterKey: "b" }] } },
    },
  ])("$name", async ({ update: change, expected }, { expect }) => {
    const { add, update, api, runId } = await setUp();
    const { taskId } = await add(STORED);
    const answer = await update(taskId, change);
    expect(answer).toMatchObject(expected);
    expect(await api.getTask({ runId, taskId })).toEqual(answer);
  });

  test("drops iteration index with the type attributes it replaces", async ({ expect }) => {
    const { add, update } = await setUp();
    const { taskId } = await add(STORED);
    expect((await update(taskId, { typeAttributes: { iterationCount: 1n } })).typeAttributes?.iterationIndex).toBeUndefined();
  });

  test("keeps, clears or sets the parent", async ({ expect }) => {
    const { add, update } = await setUp();
    const parent = await add({ name: "p", type: TaskType.DAG });
    const { taskId } = await add({ parentTaskId: parent.taskId });
    expect((await update(taskId, {})).parentTaskId).toBe(parent.taskId);
    expect((await update(taskId, { parentTaskId: "" })).parentTaskId).toBeUndefined();
    expect((await update(taskId, { parentTaskId: parent.taskId })).parentTaskId).toBe(parent.taskId);
  });

  test("takes every step between states, and notes each change once", async ({ expect }) => {
    const { add, update, setTime } = await setUp();
    const { taskId } = await add();
    setTime(2_000);
    for (const state of [
      TaskState.SUCCEEDED,
      TaskState.SUCCEEDED,
      TaskState.FAILED,
      TaskState.RUNTIME_STATE_UNSPECIFIED,
      TaskState.RUNNING,
    ]) {
      await update(taskId, { state });
    }
    const task = await update(taskId, { state: TaskState.SKIPPED });
    expect(states(task)).toEqual([
      TaskState.RUNNING,
      TaskState.SUCCEEDED,
      TaskState.FAILED,
      TaskState.RUNNING,
      TaskState.SKIPPED,
    ]);
    expect(task.stateHistory[1]?.updateTime).toMatchObject({ seconds: 2000n, nanos: 0 });
  });

  test("API-6: clears the end time of a task that runs again", async ({ expect }) => {
    const { add, update } = await setUp();
    const { taskId } = await add();
    await update(taskId, { state: TaskState.FAILED, endTime: { seconds: 7n } });
    expect((await update(taskId, { state: TaskState.RUNNING })).endTime).toBeUndefined();
  });

  test("answers hydrated, with the children of the same run", async ({ expect }) => {
    const { add, update, api, runId } = await setUp();
    const parent = await add({ name: "p", type: TaskType.DAG });
    const late = await add({ name: "late", parentTaskId: parent.taskId, createTime: { seconds: 20n } });
    const early = await add({ name: "early", parentTaskId: parent.taskId, createTime: { seconds: 10n } });
    await add({ name: "grandchild", parentTaskId: early.taskId });
    await api.createArtifact({
      runId,
      taskId: parent.taskId,
      producerKey: "m",
      artifact: { name: "m", type: ArtifactType.Model },
    });
    const answer = await update(parent.taskId, {});
    expect(answer.childTasks.map((child) => `${child.name} ${child.taskId}`)).toEqual([
      `early ${early.taskId}`,
      `late ${late.taskId}`,
    ]);
    expect(answer.outputs?.artifacts).toHaveLength(1);
  });

  test("keeps the outputs of all concurrent updates", async ({ expect }) => {
    const { server, runId, add, api } = await setUp();
    const { taskId } = await add();
    const clients = Array.from({ length: 4 }, () => connectRawClient(server.address));
    await Promise.all(
      Array.from({ length: 40 }, async (_, index) => {
        const parameters = [
          {
            parameterKey: "x",
            type: IoType.ITERATOR_OUTPUT,
            value: num(index),
            producer: { taskName: "a", iteration: BigInt(index) },
          },
        ];
        await clients[index % clients.length]?.updateTask({ runId, taskId, task: { outputs: { parameters } } });
      }),
    );
    const task = await api.getTask({ runId, taskId });
    expect(new Set(task.outputs?.parameters.map((entry) => Number(entry.producer?.iteration))).size).toBe(40);
  });

  test("checks ids, existence and membership", async ({ expect }) => {
    const { add, api, runId, otherRunId } = await setUp();
    const { taskId } = await add();
    const foreign = await add({}, otherRunId);
    const rejected = async (request: Parameters<typeof api.updateTask>[0]) => (await rejectionOf(api.updateTask(request))).code;
    expect(await rejected({ taskId, task: {} })).toBe("INVALID_ARGUMENT");
    expect(await rejected({ runId, task: {} })).toBe("INVALID_ARGUMENT");
    expect(await rejected({ runId, taskId })).toBe("INVALID_ARGUMENT");
    expect(await rejected({ runId, taskId, task: { taskId: "x" } })).toBe("INVALID_ARGUMENT");
    expect(await rejected({ runId, taskId, task: { runId: "x" } })).toBe("INVALID_ARGUMENT");
    expect(await rejected({ runId, taskId: "nope", task: {} })).toBe("NOT_FOUND");
    expect(await rejected({ runId, taskId: foreign.taskId, task: {} })).toBe("INVALID_ARGUMENT");
    expect(await rejected({ runId, taskId, task: { parentTaskId: "nope" } })).toBe("NOT_FOUND");
    expect(await rejected({ runId, taskId, task: { parentTaskId: foreign.taskId } })).toBe("INVALID_ARGUMENT");
  });
});

// docs/spec/api-server.md#updatetasksbulk
describe("UpdateTasksBulk", () => {
  test("updates every task and answers them hydrated by id", async ({ expect }) => {
    const { add, api, runId } = await setUp();
    const parent = await add({ name: "p", type: TaskType.DAG });
    const child = await add({ parentTaskId: parent.taskId });
    const { tasks } = await api.updateTasksBulk({
      runId,
      tasks: {
        [child.taskId]: { state: TaskState.SUCCEEDED },
        [parent.taskId]: { taskId: parent.taskId, runId, state: TaskState.FAILED },
      },
    });
    expect(tasks[child.taskId]?.state).toBe(TaskState.SUCCEEDED);
    expect(tasks[parent.taskId]).toMatchObject({ state: TaskState.FAILED, childTasks: [{ taskId: child.taskId }] });
  });

  test("refuses wrong requests before anything is written", async ({ expect }) => {
    const { add, api, runId, otherRunId } = await setUp();
    const { taskId } = await add();
    const foreign = await add({}, otherRunId);
    const good = { [taskId]: { state: TaskState.FAILED } };
    const rejected = async (request: Parameters<typeof api.updateTasksBulk>[0]) =>
      (await rejectionOf(api.updateTasksBulk(request))).code;
    expect(await rejected({ runId, tasks: {} })).toBe("INVALID_ARGUMENT");
    expect(await rejected({ tasks: good })).toBe("INVALID_ARGUMENT");
    expect(await rejected({ runId, tasks: { ...good, "": {} } })).toBe("INVALID_ARGUMENT");
    expect(await rejected({ runId, tasks: { ...good, x: { taskId: "y" } } })).toBe("INVALID_ARGUMENT");
    expect(await rejected({ runId, tasks: { ...good, x: { runId: "y" } } })).toBe("INVALID_ARGUMENT");
    expect(await rejected({ runId, tasks: { ...good, nope: {} } })).toBe("NOT_FOUND");
    expect(await rejected({ runId, tasks: { ...good, [foreign.taskId]: {} } })).toBe("INVALID_ARGUMENT");
    expect((await api.getTask({ runId, taskId })).state).toBe(TaskState.RUNNING);
  });

  test("API-8: is undone as a whole when one entry fails", async ({ expect }) => {
    const { add, api, runId } = await setUp();
    const tasks = [await add(), await add({ name: "u" })].toSorted((left, right) => (left.taskId < right.taskId ? -1 : 1));
    const [first, last] = tasks.map((task) => task.taskId) as [string, string];
    const call = api.updateTasksBulk({
      runId,
      tasks: { [first]: { state: TaskState.FAILED }, [last]: { parentTaskId: "nope" } },
    });
    const rejection = await rejectionOf(call);
    expect(rejection).toMatchObject({ code: "NOT_FOUND" });
    expect(rejection.message).toContain(last);
    expect((await api.getTask({ runId, taskId: first })).state).toBe(TaskState.RUNNING);
  });

  test("keeps what concurrent calls add to one task", async ({ expect }) => {
    const { server, add, api, runId } = await setUp();
    const { taskId } = await add();
    const bulk = async (key: string) =>
      await connectRawClient(server.address).updateTasksBulk({
        runId,
        tasks: { [taskId]: { outputs: { parameters: [{ parameterKey: key, type: IoType.OUTPUT, value: num(1) }] } } },
      });
    await Promise.all(["a", "b", "c", "d"].map(bulk));
    const task = await api.getTask({ runId, taskId });
    expect(task.outputs?.parameters.map((entry) => entry.parameterKey).toSorted()).toEqual(["a", "b", "c", "d"]);
  });
});

// docs/spec/api-server.md#gettask-and-listtasks, #lists
describe("GetTask and ListTasks", () => {
  test("check ids, parent and membership", async ({ expect }) => {
    const { add, api, runId, otherRunId } = await setUp();
    const { taskId } = await add();
    expect((await rejectionOf(api.getTask({ runId }))).code).toBe("INVALID_ARGUMENT");
    expect((await rejectionOf(api.getTask({ taskId }))).code).toBe("INVALID_ARGUMENT");
    expect((await rejectionOf(api.getTask({ runId, taskId: "nope" }))).code).toBe("NOT_FOUND");
    expect((await rejectionOf(api.getTask({ runId: otherRunId, taskId }))).code).toBe("INVALID_ARGUMENT");
    const parentOf = (parentId: string) => ({ case: "parentId", value: parentId }) as const;
    expect((await rejectionOf(api.listTasks({ parentFilter: parentOf(taskId) }))).code).toBe("INVALID_ARGUMENT");
    expect((await rejectionOf(api.listTasks({ runId: "nope" }))).code).toBe("NOT_FOUND");
    expect((await rejectionOf(api.listTasks({ runId, parentFilter: parentOf("nope") }))).code).toBe("NOT_FOUND");
    expect((await rejectionOf(api.listTasks({ runId: otherRunId, parentFilter: parentOf(taskId) }))).code).toBe(
      "INVALID_ARGUMENT",
    );
    expect((await rejectionOf(api.listTasks({ runId, orderBy: "foo" }))).code).toBe("INVALID_ARGUMENT");
    expect((await rejectionOf(api.listTasks({ runId, filter: "x" }))).code).toBe("INVALID_ARGUMENT");
    expect((await rejectionOf(api.listTasks({ runId, pageToken: "x" }))).code).toBe("INVALID_ARGUMENT");
    expect((await rejectionOf(api.listTasks({ runId, pageSize: -1 }))).code).toBe("INVALID_ARGUMENT");
    expect((await api.listTasks({ runId, parentFilter: parentOf("") })).totalSize).toBe(1);
  });

  test.for([
    { key: "task_id", one: (task: PipelineTask) => ({ string_value: task.taskId }) },
    { key: "name", one: () => ({ string_value: "b" }) },
    { key: "display_name", one: () => ({ string_value: "B" }) },
    { key: "cache_fingerprint", one: () => ({ string_value: "fb" }) },
    { key: "create_time", one: () => ({ timestamp_value: "1970-01-01T00:00:20Z" }) },
    { key: "start_time", one: () => ({ long_value: "20" }) },
    { key: "end_time", one: () => ({ long_value: "30" }) },
    { key: "status", one: () => ({ int_value: TaskState.SKIPPED }) },
    { key: "type", one: () => ({ int_value: TaskType.IMPORTER }) },
    { key: "parent_task_id", one: (task: PipelineTask) => ({ string_value: task.parentTaskId }) },
    { key: "scope_path", one: () => ({ string_value: "root.b" }) },
  ])("filter by $key", async ({ key, one }, { expect }) => {
    const { add, api, runId } = await setUp();
    const a = await add({ name: "a", scopePath: "root.a", createTime: { seconds: 10n }, cacheFingerprint: "fa" });
    const b = await add({
      name: "b",
      displayName: "B",
      scopePath: "root.b",
      createTime: { seconds: 20n },
      endTime: { seconds: 30n },
      state: TaskState.SKIPPED,
      type: TaskType.IMPORTER,
      cacheFingerprint: "fb",
      parentTaskId: a.taskId,
    });
    const filter = JSON.stringify({ predicates: [{ operation: "EQUALS", key, ...one(b) }] });
    const answer = await api.listTasks({ runId, filter });
    expect(answer.tasks.map((task) => task.name)).toEqual(["b"]);
    expect(answer.totalSize).toBe(1);
  });

  test.for([
    { name: "not equal", one: { operation: "NOT_EQUALS", key: "name", string_value: "aa" }, names: ["a%b", "c"] },
    { name: "greater", one: { operation: "GREATER_THAN", key: "create_time", long_value: "10" }, names: ["a%b", "c"] },
    { name: "at least", one: { operation: "GREATER_THAN_EQUALS", key: "create_time", int_value: 20 }, names: ["a%b", "c"] },
    { name: "less", one: { operation: "LESS_THAN", key: "create_time", int_value: 20 }, names: ["aa"] },
    { name: "at most", one: { operation: "LESS_THAN_EQUALS", key: "create_time", int_value: 20 }, names: ["aa", "a%b"] },
    { name: "in", one: { operation: "IN", key: "name", string_values: { values: ["c", "aa", "zz"] } }, names: ["aa", "c"] },
    { name: "in nothing", one: { operation: "IN", key: "name", string_values: {} }, names: [] },
    {
      name: "substring, wildcards meaning themselves",
      one: { operation: "IS_SUBSTRING", key: "name", string_value: "%" },
      names: ["a%b"],
    },
    { name: "equal, case counts", one: { operation: "EQUALS", key: "name", string_value: "AA" }, names: [] },
  ])("filter with $name", async ({ one, names }, { expect }) => {
    const { add, api, runId } = await setUp();
    await add({ name: "aa", createTime: { seconds: 10n } });
    await add({ name: "a%b", createTime: { seconds: 20n } });
    await add({ name: "c", createTime: { seconds: 30n } });
    const answer = await api.listTasks({ runId, filter: JSON.stringify({ predicates: [one] }) });
    expect(answer.tasks.map((task) => task.name)).toEqual(names);
  });

  test("return every row once over all pages, whatever order, page size and equal timestamps", async ({ expect }) => {
    const { server, api } = await setUp();
    const task = fc.record({
      time: fc.integer({ min: 1, max: 3 }),
      name: fc.constantFrom("a", "b"),
      end: fc.constantFrom(0, 1),
      child: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(task, { maxLength: 12 }),
        fc.constantFrom("", "create_time desc", "name", "name desc", "end_time", "parent_task_id desc", "task_id"),
        fc.integer({ min: 1, max: 5 }),
        async (inits, orderBy, pageSize) => {
          const { runId } = server.runs.createRun({ displayName: "r" }).run;
          let parentTaskId = "";
          const made = new Set<string>();
          for (const { time, name, end, child } of inits) {
            const one = await api.createTask({
              runId,
              task: {
                name,
                createTime: { seconds: BigInt(time) },
                endTime: { seconds: BigInt(end) },
                parentTaskId: child ? parentTaskId : "",
              },
            });
            parentTaskId = one.taskId;
            made.add(one.taskId);
          }
          const seen: string[] = [];
          let pageToken = "";
          do {
            const page = await api.listTasks({ runId, orderBy, pageSize, pageToken });
            expect(page.totalSize).toBe(inits.length);
            seen.push(...page.tasks.map((one) => one.taskId));
            ({ nextPageToken: pageToken } = page);
          } while (pageToken !== "");
          expect(seen).toHaveLength(inits.length);
          expect(new Set(seen)).toEqual(made);
          const whole = await api.listTasks({ runId, orderBy, pageSize: 200 });
          expect(seen).toEqual(whole.tasks.map((one) => one.taskId));
        },
      ),
      { numRuns: 30 },
    );
  });
});

// docs/spec/cache-and-fingerprint.md#lookup-on-the-server
describe("FindCachedTask", () => {
  test("finds the newest SUCCEEDED task of any run, hydrated without children", async ({ expect }) => {
    const { add, api, runId, otherRunId } = await setUp();
    await add({ name: "old", cacheFingerprint: "f", state: TaskState.SUCCEEDED, createTime: { seconds: 1n } });
    const newest = await add(
      { name: "new", cacheFingerprint: "f", state: TaskState.SUCCEEDED, createTime: { seconds: 2n } },
      otherRunId,
    );
    await add({ name: "child", parentTaskId: newest.taskId }, otherRunId);
    await api.createArtifact({
      runId: otherRunId,
      taskId: newest.taskId,
      producerKey: "m",
      artifact: { name: "m", type: ArtifactType.Model },
    });
    for (const state of [TaskState.CACHED, TaskState.FAILED, TaskState.SKIPPED, TaskState.RUNNING]) {
      await add({ name: `state-${state}`, cacheFingerprint: "f", state, createTime: { seconds: 9n } });
    }
    const { task } = await api.findCachedTask({ namespace: "any", cacheFingerprint: "f" });
    expect(task).toMatchObject({
      taskId: newest.taskId,
      runId: otherRunId,
      childTasks: [],
      outputs: { artifacts: [{ artifactKey: "m" }] },
    });
    expect(runId).not.toBe(otherRunId);
  });

  test("takes the largest id of tasks made in one second", async ({ expect }) => {
    const { add, api } = await setUp();
    const ids: string[] = [];
    for (const name of ["a", "b", "c"]) ids.push((await add({ name, cacheFingerprint: "f", state: TaskState.SUCCEEDED })).taskId);
    expect((await api.findCachedTask({ cacheFingerprint: "f" })).task?.taskId).toBe(ids.toSorted().at(-1));
  });

  test("answers a miss with an empty message, and needs a fingerprint", async ({ expect }) => {
    const { add, api } = await setUp();
    await add({ state: TaskState.SUCCEEDED });
    expect((await api.findCachedTask({ cacheFingerprint: "nope" })).task).toBeUndefined();
    expect((await rejectionOf(api.findCachedTask({}))).code).toBe("INVALID_ARGUMENT");
  });
});
