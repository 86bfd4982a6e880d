import { create, type JsonObject } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { RunLifecycle } from "../../../src/apiserver/services/run-lifecycle.ts";
import { RunCalls } from "../../../src/apiserver/services/run-service.ts";
import { openSqliteStore } from "../../../src/apiserver/sqlite/sqlite-store.ts";
import type { Store } from "../../../src/apiserver/store.ts";
import { ArtifactType, IoType, RunView, RuntimeState, TaskState, TaskType } from "../../../src/core/kfp-types.ts";
import {
  ListRunsRequestSchema,
  ListRunsRequest_ViewMode as ListRunsView,
  Run_StorageState as StorageState,
} from "../../../src/gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";
import { connectRawClient, startFakeApiServer, type RawApiClient } from "../../fakes/api-server.ts";
import { rejectionOf } from "../../fakes/rejection.ts";

const SPEC: JsonObject = {
  pipelineInfo: { name: "hello" },
  schemaVersion: "2.1.0",
  root: {
    inputDefinitions: { parameters: { n: { parameterType: "NUMBER_INTEGER", defaultValue: 3 } } },
    dag: { tasks: {} },
  },
  fieldOfANewerSdk: 1,
};
const WRAPPED: JsonObject = { pipeline_spec: SPEC, platform_spec: { platforms: { kubernetes: {} } } };
const source = (value: JsonObject) => ({ case: "pipelineSpec", value }) as const;
const runInit = (change: object = {}) => ({ displayName: "run", pipelineSource: source(SPEC), ...change });
const number = (value: number) => ({ kind: { case: "numberValue", value } }) as const;

/** The same store, with a note of every call. */
function recordingStore(store: Store, calls: string[]): Store {
  const recording = <Part extends object>(part: Part, prefix: string): Part =>
    new Proxy(part, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (typeof value === "object" && value !== null) return recording(value, `${prefix}${String(name)}.`);
        if (typeof value !== "function") return value;
        calls.push(`${prefix}${String(name)}`);
        return value.bind(target) as unknown;
      },
    });
  return recording(store, "");
}

async function setUp() {
  let seconds = 1_000;
  const terminated: string[] = [];
  const created: string[] = [];
  const server = await startFakeApiServer({
    now: () => new Date(seconds * 1000 + 750),
    engine: { runCreated: (id) => created.push(id), terminationRequested: (id) => terminated.push(id) },
  });
  const api = connectRawClient(server.address);
  return { server, api, created, terminated, tick: (by = 1) => (seconds += by) };
}

async function createRun(api: RawApiClient, change: object = {}) {
  return await api.createRun({ run: runInit(change) });
}

// docs/spec/api-server.md#createrun
describe("CreateRun", () => {
  test("stores a PENDING run and answers its DEFAULT view", async ({ expect }) => {
    const { api, created } = await setUp();
    const run = await createRun(api, {
      description: "d",
      runtimeConfig: { parameters: { n: number(4) }, pipelineRoot: "s3://b" },
    });
    expect(run).toMatchObject({
      displayName: "run",
      description: "d",
      state: RuntimeState.PENDING,
      stateHistory: [{ state: RuntimeState.PENDING, updateTime: { seconds: 1000n, nanos: 0 } }],
      storageState: StorageState.AVAILABLE,
      createdAt: { seconds: 1000n, nanos: 0 },
      scheduledAt: { seconds: 1000n },
      finishedAt: { seconds: 0n },
      serviceAccount: "pipeline-runner",
      pipelineSource: source(SPEC),
      runtimeConfig: { parameters: { n: number(4) }, pipelineRoot: "s3://b" },
      taskCount: 0,
      tasks: [],
    });
    expect(run.runId).toMatch(/^[0-9a-f-]{36}$/);
    expect(run.experimentId).toMatch(/^[0-9a-f-]{36}$/);
    expect(created).toEqual([run.runId]);
  });

  test("keeps the wrapper of a spec with platform document", async ({ expect }) => {
    const { api } = await setUp();
    expect((await createRun(api, { pipelineSource: source(WRAPPED) })).pipelineSource).toEqual(source(WRAPPED));
  });

  test("takes the run id of the request, once", async ({ expect }) => {
    const { api } = await setUp();
    expect((await createRun(api, { runId: "mine" })).runId).toBe("mine");
    expect(await rejectionOf(createRun(api, { runId: "mine" }))).toMatchObject({ code: "ALREADY_EXISTS" });
  });

  test("omits a runtime config without content", async ({ expect }) => {
    const { api } = await setUp();
    expect((await createRun(api, { runtimeConfig: {} })).runtimeConfig).toBeUndefined();
  });

  test.for([
    { name: "no run", run: undefined, code: "INVALID_ARGUMENT", message: /Run is required/ },
    { name: "no display name", run: runInit({ displayName: "" }), code: "INVALID_ARGUMENT", message: /display name/ },
    { name: "no pipeline", run: { displayName: "r" }, code: "INVALID_ARGUMENT", message: /There is no pipeline/ },
    { name: "an unknown experiment", run: runInit({ experimentId: "nope" }), code: "NOT_FOUND", message: /Experiment nope/ },
    {
      name: "an unknown recurring run",
      run: runInit({ recurringRunId: "nope" }),
      code: "NOT_FOUND",
      message: /Recurring run nope/,
    },
    {
      name: "an unknown pipeline version",
      run: runInit({ pipelineSource: { case: "pipelineVersionReference", value: { pipelineId: "p", pipelineVersionId: "v" } } }),
      code: "NOT_FOUND",
      message: /version v not found/,
    },
    {
      name: "an empty version reference",
      run: runInit({ pipelineSource: { case: "pipelineVersionReference", value: {} } }),
      code: "INVALID_ARGUMENT",
      message: /neither/,
    },
    {
      name: "a spec of wrong types",
      run: runInit({ pipelineSource: source({ root: 1 }) }),
      code: "INVALID_ARGUMENT",
      message: /Cannot read the pipeline spec: root: expected an object/,
    },
    {
      name: "a spec without name",
      run: runInit({ pipelineSource: source({ ...SPEC, pipelineInfo: {} }) }),
      code: "INVALID_ARGUMENT",
      message: /pipelineInfo.name/,
    },
    {
      name: "a spec of another version",
      run: runInit({ pipelineSource: source({ ...SPEC, schemaVersion: "2.0.0" }) }),
      code: "INVALID_ARGUMENT",
      message: /2\.1\.0/,
    },
    {
      name: "API-22: a mistyped parameter",
      run: runInit({ runtimeConfig: { parameters: { n: number(1.5) } } }),
      code: "INVALID_ARGUMENT",
      message: /"n" .* whole number/,
    },
    {
      name: "MSG-4: a parameter that cannot be carried exactly",
      run: runInit({ runtimeConfig: { parameters: { n: number(2 ** 53) } } }),
      code: "INVALID_ARGUMENT",
      message: /"n" .* cannot be used: it is an integer beyond .*pass it as a string/,
    },
    {
      name: "an unknown parameter",
      run: runInit({ runtimeConfig: { parameters: { x: number(1) } } }),
      code: "INVALID_ARGUMENT",
      message: /"x" is not declared/,
    },
    {
      name: "a parameter without value",
      run: runInit({ runtimeConfig: { parameters: { n: {} } } }),
      code: "INVALID_ARGUMENT",
      message: /not null/,
    },
    { name: "plugin output", run: runInit({ pluginsOutput: { m: {} } }), code: "INVALID_ARGUMENT", message: /plugins_output/ },
  ])("refuses $name", async ({ run, code, message }, { expect }) => {
    const { api } = await setUp();
    const rejection = await rejectionOf(api.createRun(run === undefined ? {} : { run }));
    expect(rejection.code).toBe(code);
    expect(rejection.message).toMatch(message);
    expect(rejection.message).toMatch(/^Failed to create a run: /);
    expect((await api.listRuns({})).totalSize).toBe(0);
  });
});

// docs/spec/api-server.md#getrun-and-listruns, #test-derived-cases (run_server_view_test.go)
describe("GetRun", () => {
  test("counts tasks in DEFAULT view, and adds them hydrated in FULL view", async ({ expect }) => {
    const { api, tick } = await setUp();
    const { runId } = await createRun(api);
    const root = await api.createTask({ runId, task: { name: "root", type: TaskType.ROOT, scopePath: "root" } });
    tick();
    const child = await api.createTask({
      runId,
      task: { name: "fit", type: TaskType.RUNTIME, scopePath: "root.fit", parentTaskId: root.taskId },
    });
    await api.createArtifact({
      runId,
      taskId: child.taskId,
      producerKey: "m",
      artifact: { name: "m", type: ArtifactType.Model, description: "d" },
    });

    const plain = await api.getRun({ runId });
    expect(plain).toMatchObject({ taskCount: 2, tasks: [], pipelineSource: source(SPEC) });
    const full = await api.getRun({ runId, view: RunView.FULL });
    expect(full.taskCount).toBe(2);
    expect(full.pipelineSource).toEqual(source(SPEC));
    expect(full.tasks.map((task) => task.name)).toEqual(["root", "fit"]);
    expect(full.tasks[0]?.childTasks).toMatchObject([{ taskId: child.taskId, name: "fit" }]);
    expect(full.tasks[0]?.inputs).toMatchObject({ parameters: [], artifacts: [] });
    expect(full.tasks[1]?.outputs?.artifacts).toMatchObject([
      { artifactKey: "m", type: IoType.OUTPUT, producer: { taskName: "fit" }, artifacts: [{ name: "m", description: "d" }] },
    ]);
  });

  test("carries the spec of a run made from a version in FULL view only", async ({ expect }) => {
    const { api, server } = await setUp();
    const reference = { case: "pipelineVersionReference", value: { pipelineId: "p", pipelineVersionId: "v" } } as const;
    const { run } = server.runs.createRun({ displayName: "r", pipelineSource: reference }, { pipelineSpec: SPEC });
    expect((await api.getRun({ runId: run.runId })).pipelineSource).toMatchObject(reference);
    expect((await api.getRun({ runId: run.runId, view: RunView.FULL })).pipelineSource).toEqual(source(SPEC));
    const list = await api.listRuns({ view: ListRunsView.FULL });
    expect(list.runs[0]?.pipelineSource).toMatchObject(reference);
  });

  test.for([
    { runId: "", code: "INVALID_ARGUMENT", message: "Failed to get a run: Invalid input error: Run ID is required" },
    { runId: "4711", code: "NOT_FOUND", message: "Failed to get a run: Run 4711 not found" },
  ])('refuses run "$runId"', async ({ runId, ...expected }, { expect }) => {
    const { api } = await setUp();
    expect(await rejectionOf(api.getRun({ runId }))).toEqual(expected);
  });
});

describe("ListRuns", () => {
  test("pages, sorts and filters", async ({ expect }) => {
    const { api, server, tick } = await setUp();
    for (const name of ["a", "b", "c"]) {
      await createRun(api, { runId: name, displayName: name });
      tick();
    }
    server.runs.finishRun("b", RuntimeState.SUCCEEDED);
    const first = await api.listRuns({ pageSize: 2, sortBy: "created_at desc" });
    expect(first.runs.map((run) => run.runId)).toEqual(["c", "b"]);
    expect(first.totalSize).toBe(3);
    const second = await api.listRuns({ pageSize: 2, pageToken: first.nextPageToken });
    expect(second.runs.map((run) => run.runId)).toEqual(["a"]);
    expect(second.nextPageToken).toBe("");
    const filter = JSON.stringify({ predicates: [{ operation: "EQUALS", key: "state", string_value: "SUCCEEDED" }] });
    expect((await api.listRuns({ filter })).runs.map((run) => run.runId)).toEqual(["b"]);
  });

  test("shows each run as GetRun does, whatever its state, source and view", async ({ expect }) => {
    const { api, server } = await setUp();
    await createRun(api, { runId: "plain" });
    await createRun(api, { runId: "wrapped", pipelineSource: source(WRAPPED), description: "d" });
    await createRun(api, { runId: "configured", runtimeConfig: { parameters: { n: number(4) }, pipelineRoot: "s3://b" } });
    await createRun(api, { runId: "empty config", runtimeConfig: {} });
    const { pipelineId } = await server.pipelines.uploadPipeline({
      ...{ name: "p", displayName: "", description: "", tags: {} },
      // An upload is refused for fields that nobody knows.
      text: JSON.stringify({ ...SPEC, fieldOfANewerSdk: undefined }),
    });
    await createRun(api, { runId: "of a version", pipelineSource: { case: "pipelineVersionReference", value: { pipelineId } } });
    for (const runId of ["archived", "active"]) await createRun(api, { runId });
    await api.archiveRun({ runId: "archived" });
    server.runs.setRunState("active", RuntimeState.RUNNING);
    await api.createTask({ runId: "active", task: { name: "root", scopePath: "root", type: TaskType.ROOT } });
    const { experimentId } = await createRun(api, { runId: "with its experiment" });
    await api.archiveExperiment({ experimentId });
    for (const [view, runView] of [
      [ListRunsView.DEFAULT, RunView.DEFAULT],
      [ListRunsView.FULL, RunView.FULL],
    ] as const) {
      const { runs } = await api.listRuns({ view, pageSize: 50 });
      expect(runs).toHaveLength(8);
      for (const run of runs) {
        const alone = await api.getRun({ runId: run.runId, view: runView });
        // The spec of a run made from a version is shown besides the reference by GetRun in the full view only.
        if (run.runId === "of a version") alone.pipelineSource = (await api.getRun({ runId: run.runId })).pipelineSource;
        expect(run).toEqual(alone);
      }
    }
  });

  test("reads the store a fixed number of times, however many runs it shows", ({ expect }) => {
    const calls: string[] = [];
    const store = recordingStore(openSqliteStore({ database: ":memory:", nowSeconds: 1, defaultExperimentId: "default" }), calls);
    const lifecycle = new RunLifecycle(store, () => 1_000);
    const runs = new RunCalls({ store, lifecycle, hydration: "complete", engine: {}, fullViewMaxPageSize: 200 });
    const listed = (pageSize: number): number => {
      calls.length = 0;
      const bytes = runs.listRuns(create(ListRunsRequestSchema, { pageSize })).decode();
      return bytes.runs.length;
    };
    for (let index = 0; index < 200; index += 1) lifecycle.createRun({ displayName: "run" }, {});
    expect(listed(1)).toBe(1);
    expect(calls).toEqual(["runs.list", "tasks.counts"]);
    expect(listed(200)).toBe(200);
    expect(calls).toEqual(["runs.list", "tasks.counts"]);
    store.close();
  });

  test("is limited to an experiment, which must exist", async ({ expect }) => {
    const { api } = await setUp();
    const { experimentId } = await createRun(api);
    expect((await api.listRuns({ experimentId, namespace: "ignored" })).totalSize).toBe(1);
    expect(await rejectionOf(api.listRuns({ experimentId: "nope" }))).toMatchObject({ code: "NOT_FOUND" });
  });

  test("caps the page of the FULL view", async ({ expect }) => {
    const server = await startFakeApiServer({ fullViewMaxPageSize: 2 });
    const api = connectRawClient(server.address);
    for (let index = 0; index < 3; index += 1) await createRun(api);
    const full = await api.listRuns({ view: ListRunsView.FULL, pageSize: 50 });
    expect(full.runs).toHaveLength(2);
    expect(full.nextPageToken).not.toBe("");
    expect((await api.listRuns({ pageSize: 50 })).runs).toHaveLength(3);
  });
});

// docs/spec/api-server.md#terminaterun
describe("TerminateRun", () => {
  test("API-13: makes the run CANCELING, tells the engine, and leaves tasks alone", async ({ expect }) => {
    const { api, server, terminated, tick } = await setUp();
    const { runId } = await createRun(api);
    server.runs.setRunState(runId, RuntimeState.RUNNING);
    const task = await api.createTask({
      runId,
      task: { name: "t", type: TaskType.RUNTIME, state: TaskState.RUNNING, scopePath: "root.t" },
    });
    tick();
    await api.terminateRun({ runId });
    expect(terminated).toEqual([runId]);
    server.runs.setRunState(runId, RuntimeState.RUNNING);
    const run = await api.getRun({ runId });
    expect(run.state).toBe(RuntimeState.CANCELING);
    expect(run.stateHistory.map((entry) => entry.state)).toEqual([
      RuntimeState.PENDING,
      RuntimeState.RUNNING,
      RuntimeState.CANCELING,
    ]);
    expect((await api.getTask({ runId, taskId: task.taskId })).state).toBe(TaskState.RUNNING);
    expect(await rejectionOf(api.terminateRun({ runId }))).toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  test("refuses final and unknown runs", async ({ expect }) => {
    const { api, server } = await setUp();
    const { runId } = await createRun(api);
    server.runs.finishRun(runId, RuntimeState.FAILED);
    expect(await rejectionOf(api.terminateRun({ runId }))).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(await rejectionOf(api.terminateRun({ runId: "nope" }))).toMatchObject({ code: "NOT_FOUND" });
  });
});

// docs/spec/api-server.md#archive-unarchive-delete
describe("DeleteRun", () => {
  test("removes run, tasks and links, and keeps artifacts", async ({ expect }) => {
    const { api, server } = await setUp();
    const { runId } = await createRun(api);
    const root = await api.createTask({ runId, task: { name: "root", type: TaskType.ROOT, scopePath: "root" } });
    const { taskId } = await api.createTask({
      runId,
      task: {
        name: "t",
        type: TaskType.RUNTIME,
        scopePath: "root.t",
        parentTaskId: root.taskId,
        cacheFingerprint: "f",
        state: TaskState.SUCCEEDED,
      },
    });
    const artifact = await api.createArtifact({
      runId,
      taskId,
      producerKey: "m",
      artifact: { name: "m", type: ArtifactType.Model },
    });
    await api.deleteRun({ runId });
    expect(await rejectionOf(api.getRun({ runId }))).toMatchObject({ code: "NOT_FOUND" });
    expect((await api.getArtifact({ artifactId: artifact.artifactId })).name).toBe("m");
    expect((await api.listArtifactTasks({ artifactIds: [artifact.artifactId] })).totalSize).toBe(0);
    expect((await api.findCachedTask({ cacheFingerprint: "f" })).task).toBeUndefined();
    expect(await rejectionOf(api.deleteRun({ runId }))).toMatchObject({ code: "NOT_FOUND" });
    expect(server.store.checkIntegrity()).toEqual([]);
  });
});
