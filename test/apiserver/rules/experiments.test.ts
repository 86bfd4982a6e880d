/**
 * Experiments and schedules, rule by rule, over both transports and both packages.
 *
 * docs/spec/pipelines-and-python-client.md#experiments, #recurring-run-service
 */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { startWay, WAYS, type ApiWay } from "../../support/api-ways.ts";
import { SMALL_SPEC, textAt } from "../../support/list-cases.ts";

const T1000 = "1970-01-01T00:16:40Z";
const EPOCH = "1970-01-01T00:00:00Z";

const idOf = (experiment: JsonObject) => textAt(experiment, "experiment_id");

// docs/spec/pipelines-and-python-client.md#experiments
describe.for(WAYS)("experiments over $name", (by) => {
  test("begin with Default, which stays", async ({ expect }) => {
    const { call, send } = await startWay(by);
    const { experiments, total_size: total } = await call("ListExperiments", { namespace: "any" });
    expect(total).toBe(1);
    const [standard = {}] = experiments as JsonObject[];
    expect(standard).toEqual({
      ...{ experiment_id: idOf(standard), display_name: "Default", description: standard["description"], created_at: T1000 },
      ...{ storage_state: "AVAILABLE", last_run_created_at: EPOCH },
    });
    expect(standard["description"]).toMatch(/./);
    expect(await send("DeleteExperiment", { experiment_id: idOf(standard) })).toMatchObject({ code: "ABORTED" });
    const run = await call("CreateRun", { run: { display_name: "r", pipeline_spec: SMALL_SPEC } });
    expect(run["experiment_id"]).toBe(idOf(standard));
  });

  test("are made available, without runs, under a name that is free", async ({ expect }) => {
    const { call, send } = await startWay(by);
    const sent = { experiment_id: "mine", created_at: "2030-01-01T00:00:00Z", storage_state: "ARCHIVED", namespace: "any" };
    const made = await call("CreateExperiment", { experiment: { ...sent, display_name: "e", description: "d" } });
    expect(made).toEqual({
      ...{ experiment_id: idOf(made), display_name: "e", description: "d", created_at: T1000 },
      ...{ storage_state: "AVAILABLE", last_run_created_at: EPOCH },
    });
    expect(await call("GetExperiment", { experiment_id: idOf(made) })).toEqual(made);
    for (const name of ["e", "Default"]) {
      expect((await send("CreateExperiment", { experiment: { display_name: name } })).code).toBe("ALREADY_EXISTS");
    }
    expect(await call("CreateExperiment", { experiment: { display_name: "E" } })).toMatchObject({ display_name: "E" });
    const refused = await send("CreateExperiment", { experiment: { description: "d" } });
    expect([refused.code, refused.message]).toEqual(["INVALID_ARGUMENT", expect.stringMatching(/display name/)]);
  });

  test("API-28: are not found where they are not", async ({ expect }) => {
    const { send, call } = await startWay(by);
    const { experiment_id: deleted } = await call("CreateExperiment", { experiment: { display_name: "e" } });
    await call("DeleteExperiment", { experiment_id: deleted as string });
    for (const method of ["GetExperiment", "ArchiveExperiment", "UnarchiveExperiment", "DeleteExperiment"]) {
      for (const id of ["nope", deleted as string]) {
        expect(await send(method, { experiment_id: id }), method).toMatchObject({
          code: "NOT_FOUND",
          detail: { message: `Experiment ${id} not found` },
        });
      }
      if (by.transport === "grpc") expect((await send(method)).code).toBe("INVALID_ARGUMENT");
    }
  });

  test("are archived with their runs and without their schedules, and come back alone", async ({ expect }) => {
    const { call } = await startWay(by);
    const experimentId = idOf(await call("CreateExperiment", { experiment: { display_name: "e" } }));
    const run = (id: string, change: JsonObject = {}) => ({
      run: { run_id: id, display_name: id, pipeline_spec: SMALL_SPEC, ...change },
    });
    await call("CreateRun", run("inside", { experiment_id: experimentId }));
    await call("CreateRun", run("outside"));
    const recurring = {
      display_name: "s",
      mode: "ENABLE",
      max_concurrency: "1",
      pipeline_spec: SMALL_SPEC,
      experiment_id: experimentId,
    };
    const { recurring_run_id: schedule } = await call("CreateRecurringRun", { recurring_run: recurring });
    const shown = async () => [
      (await call("GetExperiment", { experiment_id: experimentId }))["storage_state"],
      (await call("GetRun", { run_id: "inside" }))["storage_state"],
      (await call("GetRun", { run_id: "outside" }))["storage_state"],
      (await call("GetRecurringRun", { recurring_run_id: schedule as string }))["status"],
    ];
    expect(await shown()).toEqual(["AVAILABLE", "AVAILABLE", "AVAILABLE", "ENABLED"]);
    for (let times = 0; times < 2; times += 1) {
      expect(await call("ArchiveExperiment", { experiment_id: experimentId })).toEqual({});
      expect(await shown()).toEqual(["ARCHIVED", "ARCHIVED", "AVAILABLE", "DISABLED"]);
    }
    expect((await call("ListExperiments"))["total_size"]).toBe(2);
    for (let times = 0; times < 2; times += 1) {
      expect(await call("UnarchiveExperiment", { experiment_id: experimentId })).toEqual({});
      expect(await shown()).toEqual(["AVAILABLE", "ARCHIVED", "AVAILABLE", "DISABLED"]);
    }
  });

  test("API-34: are deleted without their runs, disable their schedules, and free their name", async ({ expect }) => {
    const { call } = await startWay(by);
    const experimentId = idOf(await call("CreateExperiment", { experiment: { display_name: "e" } }));
    const run = { run_id: "r", display_name: "r", pipeline_spec: SMALL_SPEC, experiment_id: experimentId };
    await call("CreateRun", { run });
    const recurring = {
      display_name: "s",
      mode: "ENABLE",
      max_concurrency: "1",
      pipeline_spec: SMALL_SPEC,
      experiment_id: experimentId,
    };
    const { recurring_run_id: schedule } = await call("CreateRecurringRun", { recurring_run: recurring });
    expect(await call("DeleteExperiment", { experiment_id: experimentId })).toEqual({});
    expect(await call("GetRun", { run_id: "r" })).toMatchObject({ experiment_id: experimentId, storage_state: "AVAILABLE" });
    expect(await call("GetRecurringRun", { recurring_run_id: schedule as string })).toMatchObject({ status: "DISABLED" });
    const again = await call("CreateExperiment", { experiment: { display_name: "e" } });
    expect(idOf(again)).not.toBe(experimentId);
    const { experiments } = await call("ListExperiments", { sort_by: "name" });
    expect((experiments as JsonObject[]).map(idOf)).not.toContain(experimentId);
  });
});

const schedule = (change: JsonObject = {}): JsonObject => ({
  recurring_run: {
    ...{ display_name: "Nightly", mode: "ENABLE", max_concurrency: 1, pipeline_spec: SMALL_SPEC },
    ...{ trigger: { cron_schedule: { cron: "0 0 2 * * *" } } },
    ...change,
  },
});

const cron = (expression: string) => ({ trigger: { cron_schedule: { cron: expression } } });

// docs/spec/pipelines-and-python-client.md#recurring-run-service, #triggers
describe.for(WAYS)("schedules over $name", (by) => {
  test("are answered with all they hold, 64-bit numbers as texts", async ({ expect }) => {
    const { call } = await startWay(by);
    const { experiments } = await call("ListExperiments");
    const bounds = { start_time: "2025-01-02T00:00:00Z", end_time: "2026-01-02T00:00:00Z" };
    const sent = {
      ...{ description: "d", no_catchup: true, max_concurrency: "10", runtime_config: { pipeline_root: "s3://b" } },
      trigger: { cron_schedule: { cron: "0 0 2 * * *", ...bounds } },
    };
    const made = await call(
      "CreateRecurringRun",
      schedule({ ...sent, recurring_run_id: "mine", created_at: "2030-01-01T00:00:00Z" }),
    );
    const id = textAt(made, "recurring_run_id");
    expect(made).toEqual({
      ...sent,
      ...{ recurring_run_id: id, display_name: "Nightly", mode: "ENABLE", status: "ENABLED", namespace: "kubeflow" },
      ...{ experiment_id: idOf((experiments as JsonObject[])[0] ?? {}), service_account: "pipeline-runner" },
      ...{ created_at: T1000, updated_at: T1000, pipeline_spec: SMALL_SPEC },
    });
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(await call("GetRecurringRun", { recurring_run_id: id })).toEqual(made);
    expect(await call("ListRecurringRuns", { namespace: "any" })).toEqual({ recurringRuns: [made], total_size: 1 });
    const periodic = { trigger: { periodic_schedule: { interval_second: "90", ...bounds } } };
    expect(await call("CreateRecurringRun", schedule(periodic))).toMatchObject(periodic);
  });

  test.for<{ name: string; change: JsonObject; code: string; says?: RegExp }>([
    { name: "no display name", change: { display_name: "" }, code: "INVALID_ARGUMENT", says: /display name/ },
    { name: "max_concurrency 0", change: { max_concurrency: 0 }, code: "INVALID_ARGUMENT", says: /1 to 10/ },
    { name: "max_concurrency -1", change: { max_concurrency: "-1" }, code: "INVALID_ARGUMENT", says: /1 to 10/ },
    { name: "max_concurrency 11", change: { max_concurrency: "11" }, code: "INVALID_ARGUMENT", says: /1 to 10/ },
    { name: "max_concurrency 10", change: { max_concurrency: 10 }, code: "OK" },
    { name: "an unknown experiment", change: { experiment_id: "nope" }, code: "NOT_FOUND", says: /Experiment nope/ },
    { name: "a namespace that is not the experiment's", change: { namespace: "other" }, code: "INVALID_ARGUMENT", says: /other/ },
    { name: "the namespace that replies show", change: { namespace: "kubeflow" }, code: "OK" },
    { name: "no pipeline", change: { pipeline_spec: null }, code: "INVALID_ARGUMENT", says: /There is no pipeline/ },
    { name: "an unusable spec", change: { pipeline_spec: { root: 1 } }, code: "INVALID_ARGUMENT", says: /root/ },
    {
      name: "a parameter that is not declared",
      change: { runtime_config: { parameters: { x: 1 } } },
      code: "INVALID_ARGUMENT",
      says: /"x"/,
    },
    {
      name: "an unknown version",
      change: { pipeline_spec: null, pipeline_version_reference: { pipeline_version_id: "v" } },
      code: "NOT_FOUND",
      says: /v not found/,
    },
    {
      name: "an unknown pipeline",
      change: { pipeline_spec: null, pipeline_version_reference: { pipeline_id: "p" } },
      code: "NOT_FOUND",
      says: /p not found/,
    },
    { name: "no trigger, which means once", change: { trigger: null }, code: "OK" },
    { name: "an empty trigger, which means once", change: { trigger: {} }, code: "OK" },
    {
      name: "an interval of 0",
      change: { trigger: { periodic_schedule: { interval_second: 0 } } },
      code: "INVALID_ARGUMENT",
      says: /interval_second/,
    },
    { name: "an interval of 1", change: { trigger: { periodic_schedule: { interval_second: 1 } } }, code: "OK" },
    ...[
      ...["0 */10 * * * *", "0 0 9 ? * 1-5", "30 0 0 1 1 *", "@every 90s", "@every 1h30m", "0 5 * * *", "0 0 0 * jan SUN"],
      ...[
        "@every 0s",
        "@yearly",
        "@annually",
        "@monthly",
        "@weekly",
        "@daily",
        "@midnight",
        "@hourly",
        "0,30 10-20/5 */2 1,15 * *",
        "5/20 * * * * 0-6",
      ],
    ].map((expression) => ({ name: `the cron "${expression}"`, change: cron(expression), code: "OK" })),
    ...[
      ...[
        "",
        "0 0 * *",
        "* * * * * * *",
        "0 0 0 * * 7",
        "60 * * * * *",
        "0 60 * * * *",
        "0 0 24 * * *",
        "0 0 0 0 * *",
        "0 0 0 32 * *",
      ],
      ...[
        "0 0 0 * 0 *",
        "0 0 0 * 13 *",
        "0 0 0 L * *",
        "0 0 0 15W * *",
        "0 0 0 * * 5#2",
        "CRON_TZ=UTC 0 0 0 * * *",
        "TZ=UTC 0 0 0 * * *",
      ],
      ...["@never", "@every x", "a b c d e f", "0 0 0 30 2 *", "5-1 * * * * *", "*/0 * * * * *", "0 0 0 * * MONDAY"],
    ].map((expression) => ({
      ...{ name: `the cron "${expression}"`, change: cron(expression), code: "INVALID_ARGUMENT", says: /trigger cannot be used/ },
    })),
  ])("$name: $code", async ({ change, code, says }, { expect }) => {
    const { send, call, internal } = await startWay(by);
    const { recurring_run: given } = schedule(change);
    // A member that is null is one that is absent.
    const sent: JsonObject = Object.fromEntries(Object.entries(given as JsonObject).filter(([, value]) => value !== null));
    const outcome = await send("CreateRecurringRun", { recurring_run: sent });
    expect([outcome.code, outcome.message]).toEqual([code, expect.stringMatching(says ?? /^$/)]);
    expect((await call("ListRecurringRuns"))["total_size"] ?? 0).toBe(code === "OK" ? 1 : 0);
    expect(internal).toEqual([]);
  });

  test.for<{ mode: JsonValue; status: string }>([
    { mode: "ENABLE", status: "ENABLED" },
    { mode: "DISABLE", status: "DISABLED" },
    { mode: "MODE_UNSPECIFIED", status: "DISABLED" },
  ])("mode $mode is status $status", async ({ mode, status }, { expect }) => {
    const { call } = await startWay(by);
    expect(await call("CreateRecurringRun", schedule({ mode }))).toMatchObject({ status });
  });

  test("are enabled and disabled as often as one likes, which moves updated_at, and deleted without their runs", async ({
    expect,
  }) => {
    const { call, send, setTime } = await startWay(by);
    const id = textAt(await call("CreateRecurringRun", schedule()), "recurring_run_id");
    const request = { recurring_run_id: id };
    let seconds = 1_000;
    for (const [method, status] of [
      ["DisableRecurringRun", "DISABLED"],
      ["DisableRecurringRun", "DISABLED"],
      ["EnableRecurringRun", "ENABLED"],
      ["EnableRecurringRun", "ENABLED"],
    ] as const) {
      setTime((seconds += 10));
      expect(await call(method, request)).toEqual({});
      const updatedAt = new Date(seconds * 1000).toISOString().replace(".000", "");
      expect(await call("GetRecurringRun", request)).toMatchObject({ status, updated_at: updatedAt, created_at: T1000 });
    }
    const run = { run_id: "r", display_name: "r", pipeline_spec: SMALL_SPEC, recurring_run_id: id };
    await call("CreateRun", { run });
    expect(await call("DeleteRecurringRun", { ...request, propagation_policy: "FOREGROUND" })).toEqual({});
    expect(await call("GetRun", { run_id: "r" })).toMatchObject({ recurring_run_id: id });
    for (const method of ["GetRecurringRun", "EnableRecurringRun", "DisableRecurringRun", "DeleteRecurringRun"]) {
      expect((await send(method, request)).code, method).toBe("NOT_FOUND");
    }
  });

  test("are listed by experiment, which must exist", async ({ expect }) => {
    const { call, send } = await startWay(by);
    const experimentId = idOf(await call("CreateExperiment", { experiment: { display_name: "e" } }));
    const inside = await call("CreateRecurringRun", schedule({ experiment_id: experimentId }));
    await call("CreateRecurringRun", schedule());
    expect(await call("ListRecurringRuns", { experiment_id: experimentId })).toEqual({ recurringRuns: [inside], total_size: 1 });
    expect((await send("ListRecurringRuns", { experiment_id: "nope" })).code).toBe("NOT_FOUND");
  });

  test("of a pipeline alone are held against the newest version, and name none", async ({ expect }) => {
    const api: ApiWay = await startWay(by);
    const { call, send, server } = api;
    const pipelineId = textAt(await call("CreatePipeline", { pipeline: { name: "p" } }), "pipeline_id");
    const upload = async (name: string, parameters: JsonObject) => {
      const spec = { ...SMALL_SPEC, root: { inputDefinitions: { parameters }, dag: {} } };
      const sent = { name, displayName: "", description: "", tags: {}, text: JSON.stringify(spec) };
      return (await server.pipelines.uploadVersion(pipelineId, sent)).decode().pipelineVersionId;
    };
    const needsA = await upload("v1", { a: { parameterType: "STRING" } });
    await upload("v2", { b: { parameterType: "STRING" } });
    const of = (reference: JsonObject, parameters: JsonObject) => {
      const { pipeline_spec: _, ...rest } = schedule()["recurring_run"] as JsonObject;
      return { recurring_run: { ...rest, pipeline_version_reference: reference, runtime_config: { parameters } } };
    };
    const newest = { pipeline_id: pipelineId };
    expect((await send("CreateRecurringRun", of(newest, { a: "x" }))).code).toBe("INVALID_ARGUMENT");
    expect(await call("CreateRecurringRun", of(newest, { b: "x" }))).toMatchObject({ pipeline_version_reference: newest });
    const fixed = { pipeline_id: pipelineId, pipeline_version_id: needsA };
    expect(await call("CreateRecurringRun", of({ pipeline_version_id: needsA }, { a: "x" }))).toMatchObject({
      pipeline_version_reference: fixed,
    });
  });
});
