import { describe, test } from "vitest";
import { Experiment_StorageState as StorageState } from "../../../../src/gen/kubeflow/pipelines/backend/api/v2beta1/experiment_pb.js";
import { Run_StorageState as RunStorageState } from "../../../../src/gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";
import { connectRawClient, startFakeApiServer } from "../../../fakes/api-server.ts";
import { rejectionOf } from "../../../fakes/rejection.ts";

const SPEC = { pipelineInfo: { name: "hello" }, schemaVersion: "2.1.0", root: { dag: {} } };
const source = { case: "pipelineSpec", value: SPEC } as const;

async function setUp() {
  let seconds = 1_000;
  const server = await startFakeApiServer({ now: () => new Date(seconds * 1000) });
  const api = connectRawClient(server.address);
  const create = async (displayName: string) => await api.createExperiment({ experiment: { displayName } });
  return { server, api, create, tick: (by = 1) => (seconds += by) };
}

// docs/spec/pipelines-and-python-client.md#experiments
describe("CreateExperiment", () => {
  test("stores an available one without runs", async ({ expect }) => {
    const { api } = await setUp();
    const made = await api.createExperiment({
      experiment: { experimentId: "ignored", displayName: "e", description: "d", namespace: "ignored" },
    });
    expect(made).toMatchObject({
      displayName: "e",
      description: "d",
      namespace: "",
      storageState: StorageState.AVAILABLE,
      createdAt: { seconds: 1000n },
      lastRunCreatedAt: { seconds: 0n },
    });
    expect(made.experimentId).toMatch(/^[0-9a-f-]{36}$/);
    expect(await api.getExperiment({ experimentId: made.experimentId })).toEqual(made);
  });

  test.for([
    { name: "no experiment", experiment: undefined, message: /Experiment is required/ },
    { name: "API-12: no display name", experiment: {}, message: /no display name/ },
    { name: "API-12: a long display name", experiment: { displayName: "x".repeat(129) }, message: /129 characters, at most 128/ },
    { name: "a NUL in the name", experiment: { displayName: "a\0b" }, message: /NUL/ },
    {
      name: "a description without end",
      experiment: { displayName: "e", description: "d".repeat(65_536) },
      message: /more than 65535 bytes/,
    },
  ])("refuses $name", async ({ experiment, message }, { expect }) => {
    const { api } = await setUp();
    const rejection = await rejectionOf(api.createExperiment(experiment === undefined ? {} : { experiment }));
    expect(rejection.code).toBe("INVALID_ARGUMENT");
    expect(rejection.message).toMatch(message);
    expect((await api.listExperiments({})).totalSize).toBe(1);
  });

  test("takes a name once; 128 characters of any kind are possible", async ({ expect }) => {
    const { api, create } = await setUp();
    await create("😀".repeat(128));
    await create("e");
    expect((await rejectionOf(create("e"))).code).toBe("ALREADY_EXISTS");
    expect((await rejectionOf(create("Default"))).code).toBe("ALREADY_EXISTS");
    expect((await api.listExperiments({})).totalSize).toBe(3);
  });
});

describe("ListExperiments", () => {
  test("pages, sorts and filters, archived ones included", async ({ expect }) => {
    const { api, create, tick } = await setUp();
    for (const name of ["a", "b", "c"]) {
      tick();
      await create(name);
    }
    const [, a] = (await api.listExperiments({})).experiments;
    await api.archiveExperiment({ experimentId: a?.experimentId ?? "" });
    const first = await api.listExperiments({ pageSize: 2, sortBy: "display_name desc" });
    expect(first.experiments.map((one) => one.displayName)).toEqual(["c", "b"]);
    expect(first.totalSize).toBe(4);
    const second = await api.listExperiments({ pageSize: 2, pageToken: first.nextPageToken });
    expect(second.experiments.map((one) => one.displayName)).toEqual(["a", "Default"]);
    expect(second.nextPageToken).toBe("");
    const filter = JSON.stringify({ predicates: [{ operation: 1, key: "display_name", stringValue: "a" }] });
    expect((await api.listExperiments({ filter })).experiments).toMatchObject([{ storageState: StorageState.ARCHIVED }]);
    for (const sortBy of ["name", "id", "last_run_created_at", "storage_state", "description", "namespace", "created_at"]) {
      expect((await api.listExperiments({ sortBy })).totalSize).toBe(4);
    }
    expect((await rejectionOf(api.listExperiments({ sortBy: "foo" }))).code).toBe("INVALID_ARGUMENT");
  });

  test("shows when the last run was made", async ({ expect }) => {
    const { api, create, tick } = await setUp();
    const { experimentId } = await create("e");
    tick(5);
    await api.createRun({ run: { displayName: "r", experimentId, pipelineSource: source } });
    expect((await api.getExperiment({ experimentId })).lastRunCreatedAt).toMatchObject({ seconds: 1005n });
  });
});

describe("ArchiveExperiment and UnarchiveExperiment", () => {
  test("archive the runs in it as well, and give back the experiment alone", async ({ expect }) => {
    const { api, create } = await setUp();
    const { experimentId } = await create("e");
    const mine = await api.createRun({ run: { displayName: "mine", experimentId, pipelineSource: source } });
    const other = await api.createRun({ run: { displayName: "other", pipelineSource: source } });
    const states = async () =>
      await Promise.all([mine, other].map(async ({ runId }) => (await api.getRun({ runId })).storageState));
    for (const again of [1, 2]) {
      await api.archiveExperiment({ experimentId });
      expect(await states(), String(again)).toEqual([RunStorageState.ARCHIVED, RunStorageState.AVAILABLE]);
    }
    const listed = await api.listRuns({ experimentId });
    expect(listed.runs.map((run) => run.storageState)).toEqual([RunStorageState.ARCHIVED]);
    await api.unarchiveExperiment({ experimentId });
    expect((await api.getExperiment({ experimentId })).storageState).toBe(StorageState.AVAILABLE);
    expect(await states()).toEqual([RunStorageState.ARCHIVED, RunStorageState.AVAILABLE]);
    await api.unarchiveRun({ runId: mine.runId });
    expect(await states()).toEqual([RunStorageState.AVAILABLE, RunStorageState.AVAILABLE]);
  });

  test("an archived one takes runs", async ({ expect }) => {
    const { api, create } = await setUp();
    const { experimentId } = await create("e");
    await api.archiveExperiment({ experimentId });
    const run = await api.createRun({ run: { displayName: "r", experimentId, pipelineSource: source } });
    expect(run.storageState).toBe(RunStorageState.AVAILABLE);
  });

  test.for(["getExperiment", "archiveExperiment", "unarchiveExperiment", "deleteExperiment"] as const)(
    "API-28: %s refuses unknown and empty ids",
    async (name, { expect }) => {
      const { api } = await setUp();
      expect((await rejectionOf(api[name]({ experimentId: "nope" }))).code).toBe("NOT_FOUND");
      expect((await rejectionOf(api[name]({}))).code).toBe("INVALID_ARGUMENT");
    },
  );
});

describe("DeleteExperiment", () => {
  test("leaves its runs, frees its name, and is not seen again", async ({ expect }) => {
    const { server, api, create } = await setUp();
    const { experimentId } = await create("e");
    const { runId } = await api.createRun({ run: { displayName: "r", experimentId, pipelineSource: source } });
    await api.deleteExperiment({ experimentId });
    expect((await api.getRun({ runId })).experimentId).toBe(experimentId);
    expect((await rejectionOf(api.getExperiment({ experimentId }))).code).toBe("NOT_FOUND");
    expect((await rejectionOf(api.listRuns({ experimentId }))).code).toBe("NOT_FOUND");
    expect((await rejectionOf(api.deleteExperiment({ experimentId }))).code).toBe("NOT_FOUND");
    expect((await api.listExperiments({})).totalSize).toBe(1);
    expect((await api.listRuns({})).totalSize).toBe(1);
    expect((await create("e")).experimentId).not.toBe(experimentId);
    expect(server.store.checkIntegrity()).toEqual([]);
  });

  test("refuses the default experiment", async ({ expect }) => {
    const { api } = await setUp();
    const [experiment] = (await api.listExperiments({})).experiments;
    expect(experiment?.displayName).toBe("Default");
    const rejection = await rejectionOf(api.deleteExperiment({ experimentId: experiment?.experimentId ?? "" }));
    expect(rejection.code).toBe("ABORTED");
  });
});

test("MSG-2: HealthzService and AuthService answer for one user", async ({ expect }) => {
  const { api } = await setUp();
  expect(await api.getHealthz({})).toMatchObject({ multiUser: false, pipelineStore: "database" });
  expect((await api.authorize({})).$typeName).toBe("google.protobuf.Empty");
});
