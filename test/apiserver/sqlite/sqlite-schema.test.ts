import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, onTestFinished, test } from "vitest";
import { IoType, RunView, RuntimeState, TaskState } from "../../../src/core/kfp-types.ts";
import { Run_StorageState as StorageState } from "../../../src/gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";
import { connectRawClient, startFakeApiServer } from "../../fakes/api-server.ts";

async function databaseOf(fixture: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "kfp-schema-"));
  onTestFinished(async () => {
    await rm(folder, { recursive: true, force: true });
  });
  const database = join(folder, "state.db");
  const db = new DatabaseSync(database, { enableForeignKeyConstraints: false });
  db.exec(readFileSync(new URL(`../../fixtures/databases/${fixture}`, import.meta.url), "utf8"));
  db.close();
  return database;
}

function schemaOf(database: string): unknown[] {
  const db = new DatabaseSync(database, { readOnly: true });
  const rows = db.prepare("SELECT type, name, tbl_name FROM sqlite_schema ORDER BY type, name").all();
  const version = db.prepare("PRAGMA user_version").all();
  db.close();
  return [...rows, ...version];
}

// A file for every schema version that was released; a file is never changed.
describe.for(["schema-2.sql", "schema-3.sql"])("a database written with %s", (fixture) => {
  test("keeps its runs, tasks, artifacts and links, and is sound", async ({ expect }) => {
    const server = await startFakeApiServer({ database: await databaseOf(fixture) });
    const api = connectRawClient(server.address);
    expect(server.store.checkIntegrity()).toEqual([]);
    const { runs } = await api.listRuns({ sortBy: "run_id" });
    expect(runs).toMatchObject([
      { runId: "run-1", state: RuntimeState.PENDING, storageState: StorageState.AVAILABLE, taskCount: 2 },
      { runId: "run-2", state: RuntimeState.FAILED, storageState: StorageState.AVAILABLE, taskCount: 2 },
    ]);
    const full = await api.getRun({ runId: "run-1", view: RunView.FULL });
    expect(Object.fromEntries(full.tasks.map(({ name, state }) => [name, state]))).toEqual({
      root: TaskState.RUNNING,
      step: TaskState.SUCCEEDED,
    });
    const step = full.tasks.find(({ name }) => name === "step");
    expect(step?.outputs?.artifacts).toMatchObject([{ artifactKey: "model", artifacts: [{ uri: "file:///m/run-1" }] }]);
    expect((await api.findCachedTask({ cacheFingerprint: "f-run-1" })).task?.taskId).toBe(step?.taskId);
  });

  test("adds to the parameters of a task of before, and keeps their order", async ({ expect }) => {
    const server = await startFakeApiServer({ database: await databaseOf(fixture) });
    const api = connectRawClient(server.address);
    const read = async () => {
      const { tasks } = await api.getRun({ runId: "run-1", view: RunView.FULL });
      return tasks.find(({ name }) => name === "root")!;
    };
    const root = await read();
    const before = root.outputs?.parameters ?? [];
    const added = { parameterKey: "made", type: IoType.ITERATOR_OUTPUT, producer: { taskName: "loop", iteration: 2n } };
    await api.updateTask({
      ...{ runId: "run-1", taskId: root.taskId },
      task: { runId: "run-1", taskId: root.taskId, outputs: { parameters: [added] } },
    });
    const { outputs, inputs } = await read();
    expect(outputs?.parameters.slice(0, -1)).toEqual(before);
    expect(outputs?.parameters.at(-1)).toMatchObject(added);
    expect(inputs).toEqual(root.inputs);
  });

  test("has the tables of a new one", async ({ expect }) => {
    const database = await databaseOf(fixture);
    const upgraded = await startFakeApiServer({ database });
    await upgraded.close();
    const fresh = join(database, "..", "fresh.db");
    const made = await startFakeApiServer({ database: fresh });
    await made.close();
    expect(schemaOf(database)).toEqual(schemaOf(fresh));
  });

  test("takes everything that a new one takes", async ({ expect }) => {
    const server = await startFakeApiServer({ database: await databaseOf(fixture) });
    const api = connectRawClient(server.address);
    const [experiment] = (await api.listExperiments({})).experiments;
    expect(experiment?.displayName).toBe("Default");
    await api.retryRun({ runId: "run-2" });
    await api.archiveRun({ runId: "run-1" });
    await api.createPipeline({ pipeline: { name: "p" } });
    await api.createExperiment({ experiment: { displayName: "e" } });
    await api.deleteRun({ runId: "run-1" });
    expect((await api.listRuns({})).totalSize).toBe(1);
    expect(server.store.checkIntegrity()).toEqual([]);
  });
});
