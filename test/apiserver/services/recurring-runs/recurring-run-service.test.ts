import { describe, test } from "vitest";
import {
  RecurringRun_Mode as Mode,
  RecurringRun_Status as Status,
} from "../../../../src/gen/kubeflow/pipelines/backend/api/v2beta1/recurring_run_pb.js";
import { connectRawClient, startFakeApiServer } from "../../../fakes/api-server.ts";
import { rejectionOf } from "../../../fakes/rejection.ts";

const SPEC = {
  pipelineInfo: { name: "hello" },
  schemaVersion: "2.1.0",
  root: { inputDefinitions: { parameters: { n: { parameterType: "NUMBER_INTEGER", isOptional: true } } }, dag: {} },
};
const cron = (expression: string) => ({ trigger: { case: "cronSchedule", value: { cron: expression } } }) as const;
const init = (change: object = {}) => ({
  displayName: "nightly",
  maxConcurrency: 1n,
  mode: Mode.ENABLE,
  trigger: cron("0 0 2 * * *"),
  pipelineSource: { case: "pipelineSpec", value: SPEC } as const,
  ...change,
});

async function setUp() {
  let seconds = 1_000;
  const changed: string[] = [];
  const warnings: string[] = [];
  const server = await startFakeApiServer({
    now: () => new Date(seconds * 1000),
    engine: {
      recurringRunChanged: (id) => changed.push(id),
      recurringRunWarning: (_, warning) => warnings.push(warning),
    },
  });
  const api = connectRawClient(server.address);
  const add = async (change: object = {}) => await api.createRecurringRun({ recurringRun: init(change) });
  return { server, api, add, changed, warnings, tick: (by = 1) => (seconds += by) };
}

// docs/spec/pipelines-and-python-client.md#recurring-run-service
describe("CreateRecurringRun", () => {
  test("stores an enabled schedule and answers all of it", async ({ expect }) => {
    const { server, api, add, changed, warnings } = await setUp();
    const runtimeConfig = { parameters: { n: { kind: { case: "numberValue", value: 3 } } }, pipelineRoot: "s3://b" } as const;
    const made = await add({ description: "d", noCatchup: true, maxConcurrency: 3n, runtimeConfig });
    expect(made).toMatchObject({
      displayName: "nightly",
      description: "d",
      status: Status.ENABLED,
      mode: Mode.ENABLE,
      maxConcurrency: 3n,
      noCatchup: true,
      namespace: "kubeflow",
      experimentId: server.store.experiments.defaultId(),
      serviceAccount: "pipeline-runner",
      createdAt: { seconds: 1000n },
      updatedAt: { seconds: 1000n },
      trigger: cron("0 0 2 * * *"),
      runtimeConfig,
      pipelineSource: { case: "pipelineSpec", value: SPEC },
    });
    expect(await api.getRecurringRun({ recurringRunId: made.recurringRunId })).toEqual(made);
    expect((await api.listRecurringRuns({})).recurringRuns).toEqual([made]);
    expect([changed, warnings]).toEqual([[made.recurringRunId], []]);
  });

  test.for([
    { mode: Mode.ENABLE, status: Status.ENABLED },
    { mode: Mode.DISABLE, status: Status.DISABLED },
    { mode: Mode.MODE_UNSPECIFIED, status: Status.DISABLED },
  ])("mode $mode gives status $status", async ({ mode, status }, { expect }) => {
    const { add } = await setUp();
    expect((await add({ mode })).status).toBe(status);
  });

  test.for([
    { name: "API-12: no display name", change: { displayName: "" }, code: "INVALID_ARGUMENT", message: /display name/ },
    { name: "API-12: a long name", change: { displayName: "x".repeat(129) }, code: "INVALID_ARGUMENT", message: /129/ },
    { name: "max_concurrency 0", change: { maxConcurrency: 0n }, code: "INVALID_ARGUMENT", message: /1 to 10, it is 0/ },
    { name: "max_concurrency 11", change: { maxConcurrency: 11n }, code: "INVALID_ARGUMENT", message: /1 to 10, it is 11/ },
    { name: "a bad cron", change: { trigger: cron("0 0 * *") }, code: "INVALID_ARGUMENT", message: /unsupported cron format: 4/ },
    {
      name: "API-35: a day that never comes",
      change: { trigger: cron("0 0 0 31 2 *") },
      code: "INVALID_ARGUMENT",
      message: /no such/,
    },
    { name: "an unknown experiment", change: { experimentId: "nope" }, code: "NOT_FOUND", message: /Experiment nope/ },
    { name: "no pipeline", change: { pipelineSource: undefined }, code: "INVALID_ARGUMENT", message: /There is no pipeline/ },
    {
      name: "the deprecated version id",
      change: { pipelineSource: { case: "pipelineVersionId", value: "v" } },
      code: "INVALID_ARGUMENT",
      message: /pipeline_version_id is not read/,
    },
    {
      name: "API-12: an unusable spec",
      change: { pipelineSource: { case: "pipelineSpec", value: { root: 1 } } },
      code: "INVALID_ARGUMENT",
      message: /Cannot read the pipeline spec/,
    },
    {
      name: "an unknown version",
      change: { pipelineSource: { case: "pipelineVersionReference", value: { pipelineVersionId: "v" } } },
      code: "NOT_FOUND",
      message: /version v not found/,
    },
    {
      name: "a parameter that does not fit",
      change: { runtimeConfig: { parameters: { n: { kind: { case: "boolValue", value: true } } } } },
      code: "INVALID_ARGUMENT",
      message: /"n" .* whole number/,
    },
  ])("refuses $name", async ({ change, code, message }, { expect }) => {
    const { api, add, changed } = await setUp();
    const rejection = await rejectionOf(add(change));
    expect(rejection.code).toBe(code);
    expect(rejection.message).toMatch(message);
    expect((await api.listRecurringRuns({})).totalSize).toBe(0);
    expect(changed).toEqual([]);
  });

  test("takes five fields with a warning", async ({ expect }) => {
    const { add, warnings } = await setUp();
    await add({ trigger: cron("0 5 * * *") });
    expect(warnings).toEqual([expect.stringContaining('"0 5 * * *" has five fields')]);
  });

  test("of a version keeps its spec; of a pipeline alone it names no version", async ({ expect }) => {
    const { server, api, add } = await setUp();
    const upload = { name: "p", displayName: "", description: "", tags: {}, text: JSON.stringify(SPEC) };
    const { pipelineId } = await server.pipelines.uploadPipeline(upload);
    const [version] = (await api.listPipelineVersions({ pipelineId })).pipelineVersions;
    const { pipelineVersionId = "" } = version ?? {};
    const reference = (value: object) => ({ pipelineSource: { case: "pipelineVersionReference", value } });
    const fixed = await add(reference({ pipelineVersionId }));
    expect(fixed.pipelineSource.value).toMatchObject({ pipelineId, pipelineVersionId });
    const newest = await add(reference({ pipelineId }));
    expect(newest.pipelineSource.value).toMatchObject({ pipelineId, pipelineVersionId: "" });
    await api.deletePipeline({ pipelineId, cascade: true });
    expect(await api.getRecurringRun({ recurringRunId: fixed.recurringRunId })).toEqual(fixed);
    expect(server.store.recurringRuns.find(fixed.recurringRunId)?.pipelineSpec).toBeDefined();
    expect(server.store.recurringRuns.find(newest.recurringRunId)?.pipelineSpec).toBeUndefined();
  });
});

describe("the life of a schedule", () => {
  test("enable and disable, twice each, move updated_at and tell the engine", async ({ expect }) => {
    const { api, add, changed, tick } = await setUp();
    const { recurringRunId } = await add();
    let updated = 1_000n;
    for (const { call, status } of [
      { call: "disableRecurringRun", status: Status.DISABLED },
      { call: "disableRecurringRun", status: Status.DISABLED },
      { call: "enableRecurringRun", status: Status.ENABLED },
      { call: "enableRecurringRun", status: Status.ENABLED },
    ] as const) {
      tick();
      updated += 1n;
      await api[call]({ recurringRunId });
      expect(await api.getRecurringRun({ recurringRunId })).toMatchObject({ status, updatedAt: { seconds: updated } });
    }
    expect(changed).toEqual([1, 2, 3, 4, 5].map(() => recurringRunId));
  });

  test("delete leaves the runs of it", async ({ expect }) => {
    const { api, add } = await setUp();
    const { recurringRunId } = await add();
    const source = { case: "pipelineSpec", value: SPEC } as const;
    const { runId } = await api.createRun({ run: { displayName: "r", recurringRunId, pipelineSource: source } });
    await api.deleteRecurringRun({ recurringRunId });
    expect((await api.getRun({ runId })).recurringRunId).toBe(recurringRunId);
    expect((await rejectionOf(api.getRecurringRun({ recurringRunId }))).code).toBe("NOT_FOUND");
    const again = api.createRun({ run: { displayName: "r", recurringRunId, pipelineSource: source } });
    expect((await rejectionOf(again)).code).toBe("NOT_FOUND");
  });

  test.for(["getRecurringRun", "enableRecurringRun", "disableRecurringRun", "deleteRecurringRun"] as const)(
    "%s refuses unknown and empty ids",
    async (name, { expect }) => {
      const { api } = await setUp();
      expect((await rejectionOf(api[name]({ recurringRunId: "nope" }))).code).toBe("NOT_FOUND");
      expect((await rejectionOf(api[name]({}))).code).toBe("INVALID_ARGUMENT");
    },
  );

  test.for(["archiveExperiment", "deleteExperiment"] as const)(
    "API-34: %s disables the schedules of the experiment, and no others",
    async (name, { expect }) => {
      const { api, add, changed } = await setUp();
      const { experimentId } = await api.createExperiment({ experiment: { displayName: "e" } });
      const inside = await add({ experimentId });
      const outside = await add();
      changed.length = 0;
      await api[name]({ experimentId });
      expect((await api.getRecurringRun({ recurringRunId: inside.recurringRunId })).status).toBe(Status.DISABLED);
      expect((await api.getRecurringRun({ recurringRunId: outside.recurringRunId })).status).toBe(Status.ENABLED);
      expect(changed).toEqual([inside.recurringRunId]);
    },
  );

  test("lists page, sort, filter, and are of an experiment where one is given", async ({ expect }) => {
    const { api, add } = await setUp();
    const { experimentId } = await api.createExperiment({ experiment: { displayName: "e" } });
    for (const displayName of ["a", "b", "c"]) await add({ displayName, ...(displayName === "b" ? { experimentId } : {}) });
    const first = await api.listRecurringRuns({ pageSize: 2, sortBy: "display_name desc" });
    expect(first.recurringRuns.map((one) => one.displayName)).toEqual(["c", "b"]);
    const second = await api.listRecurringRuns({ pageSize: 2, pageToken: first.nextPageToken });
    expect(second.recurringRuns.map((one) => one.displayName)).toEqual(["a"]);
    expect((await api.listRecurringRuns({ experimentId })).recurringRuns.map((one) => one.displayName)).toEqual(["b"]);
    expect((await rejectionOf(api.listRecurringRuns({ experimentId: "nope" }))).code).toBe("NOT_FOUND");
    const filter = JSON.stringify({ predicates: [{ operation: 9, key: "name", stringValue: "A" }] });
    expect((await api.listRecurringRuns({ filter })).totalSize).toBe(1);
    for (const sortBy of ["id", "recurring_run_id", "name", "created_at", "updated_at", "description"]) {
      expect((await api.listRecurringRuns({ sortBy })).totalSize).toBe(3);
    }
  });
});
