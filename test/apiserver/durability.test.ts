import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { describe, onTestFinished, test } from "vitest";
import { startApiServer } from "../../src/apiserver/server.ts";
import { openSqliteStore } from "../../src/apiserver/sqlite/sqlite-store.ts";
import { SqliteDatabase } from "../../src/apiserver/sqlite/sqlite-database.ts";
import { IoType, RunView, TaskType } from "../../src/core/kfp-types.ts";
import { connectRawClient, startFakeApiServer } from "../fakes/api-server.ts";
import { rejectionOf } from "../fakes/rejection.ts";

async function temporaryFile(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "kfp-api-server-"));
  onTestFinished(async () => {
    await rm(folder, { recursive: true, force: true });
  });
  return join(folder, "kfp.db");
}

async function spawnServer(database: string) {
  const script = fileURLToPath(new URL("../fixtures/bin/serve-api.ts", import.meta.url));
  const child = spawn(process.execPath, [script, database], { stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  const exited = once(child, "exit");
  const errors: string[] = [];
  child.stderr.on("data", (chunk) => errors.push(String(chunk)));
  const [address] = (await Promise.race([
    once(createInterface({ input: child.stdout }), "line"),
    exited.then(() => {
      throw new Error(`The server ended early: ${errors.join("")}`);
    }),
  ])) as [string];
  return { child, exited, address, stderr: () => errors.join("") };
}

describe("a database file", () => {
  test("holds every acknowledged write after kill -9, and stays sound", async ({ expect }) => {
    const database = await temporaryFile();
    const { child, exited, address, stderr } = await spawnServer(database);
    const runId = "the-run";
    const spec = { pipelineInfo: { name: "p" }, schemaVersion: "2.1.0", root: { dag: {} } };
    const setUpClient = connectRawClient(address);
    await setUpClient.createRun({ run: { runId, displayName: "r", pipelineSource: { case: "pipelineSpec", value: spec } } });
    const loop = await setUpClient.createTask({ runId, task: { name: "loop", type: TaskType.LOOP, scopePath: "root.loop" } });

    const createdTaskIds: string[] = [];
    const mergedIterations: bigint[] = [];
    let writes = 0;
    const write = async (worker: number) => {
      const api = connectRawClient(address);
      for (let index = 0; ; index += 1) {
        const iteration = BigInt(worker * 100_000 + index);
        const task = {
          name: "t",
          type: TaskType.RUNTIME,
          scopePath: "root.loop.t",
          typeAttributes: { iterationIndex: iteration },
        };
        createdTaskIds.push((await api.createTask({ runId, task })).taskId);
        const output = { parameterKey: "x", type: IoType.ITERATOR_OUTPUT, producer: { taskName: "t", iteration } };
        await api.updateTask({ runId, taskId: loop.taskId, task: { outputs: { parameters: [output] } } });
        mergedIterations.push(iteration);
        writes += 1;
        if (writes === 60) child.kill("SIGKILL");
      }
    };
    // Every worker goes on until its call fails.
    await Promise.all([1, 2, 3, 4].map(async (worker) => await rejectionOf(write(worker))));
    expect(await exited).toEqual([null, "SIGKILL"]);
    expect(stderr()).toBe("");

    const server = await startFakeApiServer({ database });
    expect(server.store.checkIntegrity()).toEqual([]);
    const run = await connectRawClient(server.address).getRun({ runId, view: RunView.FULL });
    const stored = new Set(run.tasks.map((task) => task.taskId));
    expect(createdTaskIds.filter((taskId) => !stored.has(taskId))).toEqual([]);
    const outputs = run.tasks.find((task) => task.taskId === loop.taskId)?.outputs?.parameters ?? [];
    const kept = new Set(outputs.map((parameter) => parameter.producer?.iteration));
    expect(mergedIterations.filter((iteration) => !kept.has(iteration))).toEqual([]);
  });

  test("is opened again with all it held, the default experiment included", async ({ expect }) => {
    const database = await temporaryFile();
    const first = await startApiServer({ database });
    const { run } = first.runs.createRun({ displayName: "r" });
    await first.close();
    const second = await startFakeApiServer({ database });
    expect(second.store.runs.find(run.runId)?.run).toEqual(run);
    expect(second.store.experiments.defaultId()).toBe(run.experimentId);
  });

  test("that another process writes to takes the writes of both", async ({ expect }) => {
    const database = await temporaryFile();
    const { address } = await spawnServer(database);
    const own = await startFakeApiServer({ database });
    const { runId } = own.runs.createRun({ displayName: "r" }).run;
    const theirs = connectRawClient(address);
    const clients = [theirs, connectRawClient(own.address)];
    const { taskId } = await theirs.createTask({ runId, task: { name: "t" } });
    await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const parameters = [{ parameterKey: `k${index}`, type: IoType.OUTPUT }];
        await clients[index % 2]?.updateTask({ runId, taskId, task: { outputs: { parameters } } });
      }),
    );
    const task = await theirs.getTask({ runId, taskId });
    expect(task.outputs?.parameters).toHaveLength(20);
  });

  test("that is none, lies nowhere, or is of a newer version is refused by name", async ({ expect }) => {
    const database = await temporaryFile();
    await writeFile(database, "no database at all, and long enough to be looked at as one");
    await expect(startApiServer({ database })).rejects.toThrow(`Cannot open the database ${database}: file is not a database`);
    await expect(startApiServer({ database: "/nonexistent/kfp.db" })).rejects.toThrow(/\/nonexistent\/kfp\.db: unable to open/);
    const newer = `${database}-newer`;
    const db = new SqliteDatabase(newer);
    db.script("PRAGMA user_version = 99");
    db.close();
    await expect(startApiServer({ database: newer })).rejects.toThrow(/schema version 99/);
  });

  test("that is damaged is reported", async ({ expect }) => {
    const database = await temporaryFile();
    const options = { database, nowSeconds: 1, defaultExperimentId: "e" };
    openSqliteStore(options).close();
    const db = new SqliteDatabase(database);
    db.script("PRAGMA foreign_keys = OFF; INSERT INTO links VALUES ('l', 'no-artifact', 'no-task', 'r', 9, 'k', NULL, NULL)");
    db.close();
    const store = openSqliteStore(options);
    const problems = store.checkIntegrity();
    store.close();
    expect(problems).toHaveLength(2);
    expect(problems.join()).toMatch(/links refers to a missing row of (tasks|artifacts)/);
  });
});
