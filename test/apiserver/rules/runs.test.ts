/**
 * Runs, rule by rule, over both transports, both packages and both layouts of `Run`.
 *
 * docs/spec/api-server.md#runs
 */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { FINAL_RUN_STATES } from "../../../src/apiserver/services/run-lifecycle.ts";
import { RuntimeState } from "../../../src/core/kfp-types.ts";
import { RUN_WAYS, startWay, WAYS, type ApiWay, type Way } from "../../support/api-ways.ts";
import { SMALL_SPEC, textAt } from "../../support/list-cases.ts";

const PLATFORM: JsonObject = { platforms: { kubernetes: { deploymentSpec: { executors: {} } } } };
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const T1000 = "1970-01-01T00:16:40Z";

const run = (change: JsonObject = {}): JsonObject => ({ run: { display_name: "r", pipeline_spec: SMALL_SPEC, ...change } });

async function uploadVersion(api: ApiWay, pipelineId: string, name: string, spec: JsonObject = SMALL_SPEC): Promise<string> {
  const upload = { name, displayName: "", description: "", tags: {}, text: JSON.stringify(spec) };
  return (await api.server.pipelines.uploadVersion(pipelineId, upload)).decode().pipelineVersionId;
}

async function createPipeline(api: ApiWay, name: string): Promise<string> {
  return textAt(await api.call("CreatePipeline", { pipeline: { name } }), "pipeline_id");
}

const GRPC = WAYS[0] as Way;

// docs/spec/api-server.md#createrun
describe.for(RUN_WAYS)("CreateRun over $name", (by) => {
  test("answers the DEFAULT view of a PENDING run, whatever else the request says", async ({ expect }) => {
    const api = await startWay(by);
    const made = await api.call(
      "CreateRun",
      run({
        description: "d",
        state: "SUCCEEDED",
        state_history: [{ state: "FAILED" }],
        finished_at: "2030-01-01T00:00:00Z",
        created_at: "2030-01-01T00:00:00Z",
        task_count: 7,
        tasks: [{ name: "t" }],
        runtime_config: { pipeline_root: "s3://b" },
      }),
    );
    const runId = textAt(made, "run_id");
    const experimentId = textAt(made, "experiment_id");
    expect(made).toEqual({
      run_id: runId,
      experiment_id: experimentId,
      display_name: "r",
      description: "d",
      storage_state: "AVAILABLE",
      pipeline_spec: SMALL_SPEC,
      runtime_config: { pipeline_root: "s3://b" },
      service_account: "pipeline-runner",
      created_at: T1000,
      scheduled_at: T1000,
      finished_at: "1970-01-01T00:00:00Z",
      state: "PENDING",
      state_history: [{ update_time: T1000, state: "PENDING" }],
    });
    expect(runId).toMatch(UUID);
    expect(await api.call("GetRun", { run_id: runId })).toEqual(made);
    const { experiments } = await api.call("ListExperiments");
    expect(experiments).toMatchObject([{ experiment_id: experimentId, display_name: "Default", last_run_created_at: T1000 }]);
  });

  test("takes run id, time of the schedule, schedule and service account of the request", async ({ expect }) => {
    const api = await startWay(by);
    const recurring = { display_name: "s", max_concurrency: "1", pipeline_spec: SMALL_SPEC };
    const { recurring_run_id: schedule } = await api.call("CreateRecurringRun", { recurring_run: recurring });
    const asked = {
      run_id: "mine",
      scheduled_at: "2025-01-02T03:04:05.999Z",
      recurring_run_id: schedule as string,
      service_account: "sa",
    };
    expect(await api.call("CreateRun", run(asked))).toMatchObject({ ...asked, scheduled_at: "2025-01-02T03:04:05Z" });
    expect(await api.send("CreateRun", run({ run_id: "mine" }))).toMatchObject({
      code: "ALREADY_EXISTS",
      detail: { message: "Run mine exists already" },
    });
  });

  test("puts the run into the experiment it names, archived or not, and moves that one's time forward", async ({ expect }) => {
    const api = await startWay(by);
    const experimentId = textAt(await api.call("CreateExperiment", { experiment: { display_name: "e" } }), "experiment_id");
    await api.call("ArchiveExperiment", { experiment_id: experimentId });
    api.setTime(2_000);
    const made = await api.call("CreateRun", run({ experiment_id: experimentId }));
    expect(made).toMatchObject({ experiment_id: experimentId, storage_state: "AVAILABLE" });
    expect(await api.call("GetExperiment", { experiment_id: experimentId })).toMatchObject({
      storage_state: "ARCHIVED",
      last_run_created_at: "1970-01-01T00:33:20Z",
    });
  });

  test("takes version before pipeline before spec, and shows what it took with both ids", async ({ expect }) => {
    const api = await startWay(by);
    const pipelineId = await createPipeline(api, "p");
    const first = await uploadVersion(api, pipelineId, "v1", { ...SMALL_SPEC, pipelineInfo: { name: "first" } });
    const second = await uploadVersion(api, pipelineId, "v2", { ...SMALL_SPEC, pipelineInfo: { name: "second" } });
    const reference = (change: JsonObject): JsonObject => ({
      run: { display_name: "r", pipeline_version_reference: change },
    });
    const both = { pipeline_id: pipelineId, pipeline_version_id: first };
    for (const [asked, versionId, name] of [
      [both, first, "first"],
      [{ pipeline_version_id: first }, first, "first"],
      [{ pipeline_id: pipelineId }, second, "second"],
    ] as const) {
      const made = await api.call("CreateRun", reference(asked));
      expect(made["pipeline_version_reference"]).toEqual({ pipeline_id: pipelineId, pipeline_version_id: versionId });
      expect(made).not.toHaveProperty("pipeline_spec");
      const full = await api.call("GetRun", { run_id: textAt(made, "run_id"), view: "FULL" });
      expect(full["pipeline_spec"]).toMatchObject({ pipelineInfo: { name } });
      expect(full).not.toHaveProperty("pipeline_version_reference");
    }
  });

  test("keeps a spec with its platform document, and a version's spec when the version is deleted", async ({ expect }) => {
    const api = await startWay(by);
    const wrapped = { pipeline_spec: SMALL_SPEC, platform_spec: PLATFORM };
    expect(await api.call("CreateRun", run({ pipeline_spec: wrapped }))).toMatchObject({ pipeline_spec: wrapped });
    const pipelineId = await createPipeline(api, "p");
    const versionId = await uploadVersion(api, pipelineId, "v1");
    const reference = { pipeline_id: pipelineId, pipeline_version_id: versionId };
    const made = await api.call("CreateRun", { run: { display_name: "r", pipeline_version_reference: reference } });
    await api.call("DeletePipelineVersion", reference);
    await api.call("DeletePipeline", { pipeline_id: pipelineId });
    const runId = textAt(made, "run_id");
    expect(await api.call("GetRun", { run_id: runId })).toEqual(made);
    expect((await api.call("GetRun", { run_id: runId, view: "FULL" }))["pipeline_spec"]).toEqual(SMALL_SPEC);
  });

  test("keeps macros as they were sent in the run and in every answer", async ({ expect }) => {
    const api = await startWay(by);
    const spec = { ...SMALL_SPEC, root: { inputDefinitions: { parameters: { a: { parameterType: "STRING" } } }, dag: {} } };
    const parameters = { a: "[[RunUUID]] [[CurrentTime]] {{$.scheduledTime.strftime('%Y')}}" };
    const made = await api.call("CreateRun", run({ pipeline_spec: spec, runtime_config: { parameters } }));
    expect(made["runtime_config"]).toEqual({ parameters });
    const full = await api.call("GetRun", { run_id: textAt(made, "run_id"), view: "FULL" });
    expect(full["runtime_config"]).toEqual({ parameters });
  });
});

const declared = (definition: JsonObject): JsonObject => ({
  ...SMALL_SPEC,
  root: { inputDefinitions: { parameters: { p: definition } }, dag: { tasks: {} } },
});

// docs/spec/api-server.md#createrun (parameter checks)
describe.for([GRPC, WAYS[3] as Way])("parameters of a run over $name", (by) => {
  const types: Record<string, readonly JsonValue[]> = {
    STRING: ["", "text"],
    NUMBER_INTEGER: [0, -3, 3e5],
    NUMBER_DOUBLE: [0, 1.5, -2],
    BOOLEAN: [true, false],
    LIST: [[], [1, "a", null]],
    STRUCT: [{}, { a: null }],
  };
  const values: readonly JsonValue[] = ["", "text", 0, -3, 3e5, 1.5, -2, true, false, [], [1, "a", null], {}, { a: null }, null];

  test.for(Object.entries(types))("of type %s take the values of that type only", async ([type, fitting], { expect }) => {
    const api = await startWay(by);
    const fits = (value: JsonValue) =>
      fitting.some((one) => JSON.stringify(one) === JSON.stringify(value)) ||
      // A whole number is a number in JSON, and a double of any size is one too.
      (type === "NUMBER_DOUBLE" && typeof value === "number") ||
      (type === "NUMBER_INTEGER" && typeof value === "number" && value % 1 === 0);
    for (const value of values) {
      const request = run({ pipeline_spec: declared({ parameterType: type }), runtime_config: { parameters: { p: value } } });
      const { code, message } = await api.send("CreateRun", request);
      expect(code, `${JSON.stringify(value)}: ${message}`).toBe(fits(value) ? "OK" : "INVALID_ARGUMENT");
      if (code !== "OK") expect(message).toContain('"p"');
    }
  });

  test.for<{ name: string; definition: JsonObject; parameters: JsonObject; code: string; says?: RegExp }>([
    {
      name: "a required one that is missing",
      definition: { parameterType: "STRING" },
      parameters: {},
      code: "INVALID_ARGUMENT",
      says: /"p"/,
    },
    { name: "one with a default", definition: { parameterType: "STRING", defaultValue: "d" }, parameters: {}, code: "OK" },
    { name: "an optional one", definition: { parameterType: "STRING", isOptional: true }, parameters: {}, code: "OK" },
    {
      name: "null for an optional one",
      definition: { parameterType: "STRING", isOptional: true },
      parameters: { p: null },
      code: "INVALID_ARGUMENT",
      says: /"p".*null/,
    },
    {
      name: "all that are not declared, by name",
      definition: { parameterType: "STRING", isOptional: true },
      parameters: { q: 1, z: 2 },
      code: "INVALID_ARGUMENT",
      says: /"q".*"z"/,
    },
    {
      name: "one of the literals",
      definition: { parameterType: "STRING", literals: ["red", "blue"] },
      parameters: { p: "blue" },
      code: "OK",
    },
    {
      name: "none of the literals",
      definition: { parameterType: "STRING", literals: ["red", "blue"] },
      parameters: { p: "green" },
      code: "INVALID_ARGUMENT",
      says: /"p".*"red", "blue"/,
    },
    {
      name: "one of the numbers among literals",
      definition: { parameterType: "NUMBER_INTEGER", literals: [1, 2] },
      parameters: { p: 2 },
      code: "OK",
    },
    {
      name: "the status of a task",
      definition: { parameterType: "TASK_FINAL_STATUS" },
      parameters: { p: {} },
      code: "INVALID_ARGUMENT",
      says: /"p"/,
    },
    {
      name: "the configuration of a task",
      definition: { parameterType: "TASK_CONFIG" },
      parameters: { p: {} },
      code: "INVALID_ARGUMENT",
      says: /"p"/,
    },
    { name: "one without type", definition: {}, parameters: { p: "x" }, code: "INVALID_ARGUMENT", says: /"p"/ },
  ])("$name: $code", async ({ definition, parameters, code, says }, { expect }) => {
    const api = await startWay(by);
    const outcome = await api.send("CreateRun", run({ pipeline_spec: declared(definition), runtime_config: { parameters } }));
    expect([outcome.code, outcome.message]).toEqual([code, expect.stringMatching(says ?? /^$/)]);
    // Defaults are the driver's business: nothing is merged into what is stored.
    if (code === "OK") {
      const isEmpty = Object.keys(parameters).length === 0;
      expect(outcome.reply["runtime_config"]).toEqual(isEmpty ? undefined : { parameters });
    }
  });
});

// docs/spec/api-server.md#getrun-and-listruns, #test-derived-cases
describe.for(RUN_WAYS)("views of a run over $name", (by) => {
  test("S35, S36 DEFAULT has the count, FULL the tasks, hydrated, by create time and id, with children", async ({ expect }) => {
    const api = await startWay(by);
    const { call } = api;
    await call("CreateRun", run({ run_id: "r" }));
    const add = async (task: JsonObject) => textAt(await call("CreateTask", { run_id: "r", task }), "task_id");
    const late = await add({ name: "late", type: "RUNTIME", scope_path: "root.late", create_time: "1970-01-01T01:00:00Z" });
    const parent = await add({ name: "ROOT", type: "ROOT", scope_path: "root" });
    const child = await add({ name: "fit", type: "RUNTIME", scope_path: "root.fit", parent_task_id: parent });
    const artifact = { name: "m", type: "Model", description: "d" };
    await call("CreateArtifact", { run_id: "r", task_id: child, producer_key: "m", iteration_index: "0", artifact });

    for (const view of [{}, { view: "DEFAULT" }]) {
      const plain = await call("GetRun", { run_id: "r", ...view });
      expect(plain).toMatchObject({ task_count: 3, pipeline_spec: SMALL_SPEC });
      expect(plain).not.toHaveProperty("tasks");
      const { runs } = await call("ListRuns", view);
      expect(runs).toEqual([plain]);
    }
    const full = await call("GetRun", { run_id: "r", view: "FULL" });
    expect(full).toMatchObject({ task_count: 3, pipeline_spec: SMALL_SPEC });
    const tasks = full["tasks"] as JsonObject[];
    expect(tasks.map((task) => task["task_id"])).toEqual([...[parent, child].toSorted(), late]);
    for (const task of tasks) {
      expect(task).toMatchObject({ inputs: {}, outputs: {} });
      expect(task["child_tasks"]).toEqual(task["task_id"] === parent ? [{ task_id: child, name: "fit" }] : undefined);
    }
    const { outputs } = tasks.find((task) => task["task_id"] === child) ?? {};
    const [made] = (outputs as JsonObject)["artifacts"] as JsonObject[];
    expect(made).toMatchObject({
      artifact_key: "m",
      type: "ITERATOR_OUTPUT",
      producer: { task_name: "fit", iteration: "0" },
      artifacts: [{ name: "m", description: "d", type: "Model" }],
    });
    const listed = await call("ListRuns", { view: "FULL" });
    expect(listed["runs"]).toEqual([full]);
  });

  test("are of one experiment where one is named, which must exist, archived runs included", async ({ expect }) => {
    const { call, send } = await startWay(by);
    const experimentId = textAt(await call("CreateExperiment", { experiment: { display_name: "e" } }), "experiment_id");
    await call("CreateRun", run({ run_id: "a" }));
    await call("CreateRun", run({ run_id: "b", experiment_id: experimentId }));
    await call("ArchiveRun", { run_id: "b" });
    const idsOf = async (request: JsonObject) =>
      (((await call("ListRuns", request))["runs"] ?? []) as JsonObject[]).map((one) => one["run_id"]);
    expect(await idsOf({})).toEqual(["a", "b"]);
    expect(await idsOf({ namespace: "any" })).toEqual(["a", "b"]);
    expect(await idsOf({ experiment_id: experimentId, namespace: "any" })).toEqual(["b"]);
    const filter = '{"predicates":[{"operation":"EQUALS","key":"storage_state","string_value":"AVAILABLE"}]}';
    expect(await idsOf({ filter })).toEqual(["a"]);
    expect((await send("ListRuns", { experiment_id: "nope" })).code).toBe("NOT_FOUND");
  });
});

/** Every run state that the engine reports, by name. */
async function inState(api: ApiWay, state: string): Promise<void> {
  await api.call("CreateRun", run({ run_id: "r" }));
  const value = RuntimeState[state as keyof typeof RuntimeState];
  if (FINAL_RUN_STATES.has(value) && value !== RuntimeState.CANCELED) api.server.runs.finishRun("r", value as never);
  else if (state !== "PENDING") api.server.runs.setRunState("r", value);
}

const historyOf = (reply: JsonObject) =>
  ((reply["state_history"] ?? []) as JsonObject[]).map((entry) => `${textAt(entry, "state")} ${textAt(entry, "update_time")}`);

// docs/spec/api-server.md#run-states, #terminaterun, #archive-unarchive-delete, #retryrun
describe.for(RUN_WAYS)("states of a run over $name", (by) => {
  test("come with a history of whole seconds, and an end", async ({ expect }) => {
    const api = await startWay(by);
    await api.call("CreateRun", run({ run_id: "r" }));
    api.setTime(1_001);
    api.server.runs.setRunState("r", RuntimeState.RUNNING);
    api.server.runs.setRunState("r", RuntimeState.RUNNING);
    api.setTime(1_002);
    api.server.runs.finishRun("r", RuntimeState.SUCCEEDED);
    const ended = await api.call("GetRun", { run_id: "r" });
    expect(ended).toMatchObject({ state: "SUCCEEDED", finished_at: "1970-01-01T00:16:42Z" });
    expect(historyOf(ended)).toEqual([`PENDING ${T1000}`, "RUNNING 1970-01-01T00:16:41Z", "SUCCEEDED 1970-01-01T00:16:42Z"]);
    for (const entry of ended["state_history"] as JsonObject[]) expect(entry).not.toHaveProperty("error");
  });

  test.for([
    { state: "PENDING", terminate: "OK", retry: "ABORTED" },
    { state: "RUNNING", terminate: "OK", retry: "ABORTED" },
    { state: "PAUSED", terminate: "OK", retry: "ABORTED" },
    { state: "CANCELING", terminate: "INVALID_ARGUMENT", retry: "ABORTED" },
    { state: "SUCCEEDED", terminate: "INVALID_ARGUMENT", retry: "ABORTED" },
    { state: "SKIPPED", terminate: "INVALID_ARGUMENT", retry: "ABORTED" },
    { state: "FAILED", terminate: "INVALID_ARGUMENT", retry: "OK" },
    { state: "CANCELED", terminate: "INVALID_ARGUMENT", retry: "OK" },
  ])("$state: TerminateRun $terminate, RetryRun $retry; archive, unarchive and delete always", async (row, { expect }) => {
    const { state, terminate, retry } = row;
    const told: string[] = [];
    const engine = {
      terminationRequested: () => told.push("terminate"),
      runRetried: () => told.push("retry"),
      runDeleted: () => told.push("delete"),
    };
    const start = async () => {
      const api = await startWay(by, { engine });
      await inState(api, state);
      expect(await api.call("GetRun", { run_id: "r" })).toMatchObject({ state });
      return api;
    };
    const first = await start();
    expect((await first.send("TerminateRun", { run_id: "r" })).code).toBe(terminate);
    const asked = await first.call("GetRun", { run_id: "r" });
    expect(asked["state"]).toBe(terminate === "OK" ? "CANCELING" : state);
    if (terminate === "OK") expect(historyOf(asked).at(-1)).toMatch(/^CANCELING /);

    const second = await start();
    expect((await second.send("RetryRun", { run_id: "r" })).code).toBe(retry);
    const retried = await second.call("GetRun", { run_id: "r" });
    expect(retried["state"]).toBe(retry === "OK" ? "PENDING" : state);
    if (retry === "OK") {
      expect(retried["finished_at"]).toBe("1970-01-01T00:00:00Z");
      expect(historyOf(retried).map((entry) => entry.split(" ")[0])).toEqual(["PENDING", state, "PENDING"]);
    }

    const third = await start();
    for (const [method, storage] of [
      ["ArchiveRun", "ARCHIVED"],
      ["ArchiveRun", "ARCHIVED"],
      ["UnarchiveRun", "AVAILABLE"],
      ["UnarchiveRun", "AVAILABLE"],
    ] as const) {
      expect(await third.call(method, { run_id: "r" })).toEqual({});
      expect(await third.call("GetRun", { run_id: "r" })).toMatchObject({ storage_state: storage, state });
    }
    expect(await third.call("DeleteRun", { run_id: "r" })).toEqual({});
    expect((await third.send("GetRun", { run_id: "r" })).code).toBe("NOT_FOUND");
    expect(told).toEqual([...(terminate === "OK" ? ["terminate"] : []), ...(retry === "OK" ? ["retry"] : []), "delete"]);
  });

  test("API-14: a run that is terminated is CANCELING, whatever its engine still reports, and ends FAILED", async ({
    expect,
  }) => {
    const api = await startWay(by);
    await inState(api, "RUNNING");
    const task = { name: "t", type: "RUNTIME", scope_path: "root.t", state: "RUNNING" };
    const taskId = textAt(await api.call("CreateTask", { run_id: "r", task }), "task_id");
    await api.call("TerminateRun", { run_id: "r" });
    api.server.runs.setRunState("r", RuntimeState.RUNNING);
    expect(await api.call("GetRun", { run_id: "r" })).toMatchObject({ state: "CANCELING" });
    expect(await api.call("GetTask", { run_id: "r", task_id: taskId })).toMatchObject({ state: "RUNNING" });
    api.server.runs.finishRun("r", RuntimeState.FAILED, "stopped by a user");
    expect(await api.call("GetRun", { run_id: "r" })).toMatchObject({ state: "FAILED" });
    expect(await api.call("GetTask", { run_id: "r", task_id: taskId })).toMatchObject({
      state: "FAILED",
      status_metadata: { message: "stopped by a user" },
    });
  });

  test("unarchiving needs an experiment that is there and is not archived", async ({ expect }) => {
    const { call, send } = await startWay(by);
    const experimentId = textAt(await call("CreateExperiment", { experiment: { display_name: "e" } }), "experiment_id");
    await call("CreateRun", run({ run_id: "r", experiment_id: experimentId }));
    await call("ArchiveExperiment", { experiment_id: experimentId });
    expect((await send("UnarchiveRun", { run_id: "r" })).code).toBe("FAILED_PRECONDITION");
    await call("UnarchiveExperiment", { experiment_id: experimentId });
    expect(await call("GetRun", { run_id: "r" })).toMatchObject({ storage_state: "ARCHIVED" });
    await call("UnarchiveRun", { run_id: "r" });
    await call("ArchiveRun", { run_id: "r" });
    await call("DeleteExperiment", { experiment_id: experimentId });
    expect((await send("UnarchiveRun", { run_id: "r" })).code).toBe("NOT_FOUND");
  });

  test.for(["GetRun", "ArchiveRun", "UnarchiveRun", "TerminateRun", "RetryRun", "DeleteRun"])(
    "%s of an unknown run is not found",
    async (method, { expect }) => {
      const api = await startWay(by);
      expect(await api.send(method, { run_id: "4711" })).toMatchObject({
        code: "NOT_FOUND",
        detail: { code: 5, message: "Run 4711 not found" },
      });
      if (by.transport === "grpc") expect((await api.send(method, {})).code).toBe("INVALID_ARGUMENT");
    },
  );

  test("deleting takes tasks and links along, finds no cached task any more, and leaves artifacts", async ({ expect }) => {
    const { call, send } = await startWay(by);
    for (const runId of ["r", "s"]) await call("CreateRun", run({ run_id: runId }));
    const task = { name: "t", type: "RUNTIME", scope_path: "root.t", state: "SUCCEEDED", cache_fingerprint: "f" };
    const taskId = textAt(await call("CreateTask", { run_id: "r", task }), "task_id");
    const reader = textAt(await call("CreateTask", { run_id: "s", task: { ...task, cache_fingerprint: "" } }), "task_id");
    const made = await call("CreateArtifact", {
      ...{ run_id: "r", task_id: taskId, producer_key: "m" },
      artifact: { name: "m", type: "Model" },
    });
    const artifactId = textAt(made, "artifact_id");
    const link = { artifact_id: artifactId, task_id: reader, run_id: "s", type: "TASK_OUTPUT_INPUT", key: "x", producer: {} };
    await call("CreateArtifactTask", { artifact_task: link });
    expect(await call("FindCachedTask", { cache_fingerprint: "f" })).toMatchObject({ task: { task_id: taskId } });
    await call("DeleteRun", { run_id: "r" });
    expect(await call("FindCachedTask", { cache_fingerprint: "f" })).toEqual({});
    expect((await send("GetTask", { run_id: "r", task_id: taskId })).code).toBe("NOT_FOUND");
    expect(await call("GetArtifact", { artifact_id: artifactId })).toMatchObject({ name: "m" });
    const { artifact_tasks: links } = await call("ListArtifactTasks", { artifact_ids: [artifactId] });
    expect(links).toMatchObject([{ task_id: reader }]);
  });

  test("MSG-5: experiment_id beside the run id is read by nobody", async ({ expect }) => {
    const { call } = await startWay(by);
    await call("CreateRun", { experiment_id: "nope", ...run({ run_id: "r" }) });
    const request = { run_id: "r", experiment_id: "nope" };
    for (const method of ["GetRun", "ArchiveRun", "UnarchiveRun", "TerminateRun", "DeleteRun"]) await call(method, request);
    expect(await call("ListRuns")).toEqual({});
  });
});
