import { randomUUID } from "node:crypto";
import type { JsonObject } from "@bufbuild/protobuf";
import { afterEach, beforeEach, expect, test } from "vitest";
import { connectKfpApi, type KfpApiConnection } from "../../../src/apiclient/kfp-api-grpc.ts";
import { startApiServer, type ApiServer } from "../../../src/apiserver/server.ts";
import { TaskState } from "../../../src/core/kfp-types.ts";
import type { ChildOptions, DagOptions, RootDagOptions } from "../../../src/driver/options.ts";
import { createInProcessExecutor } from "../../../src/local/executors/in-process-executor.ts";
import { createLocalVolumeClaims } from "../../../src/local/objects/volume-claims.ts";
import type { TaskExecutor } from "../../../src/local/engine/task-executor.ts";
import { nodeFileSystem } from "../../../src/node/node-file-system.ts";
import { createProcessRunner } from "../../../src/node/process-runner.ts";
import { systemClock } from "../../../src/node/system-clock.ts";
import type { KfpApi } from "../../../src/ports/kfp-api.ts";
import { RecordingLogger } from "../../fakes/recording-logger.ts";

let server: ApiServer;
let api: KfpApiConnection;
beforeEach(async () => {
  server = await startApiServer({ database: ":memory:" });
  const { host, port } = server;
  api = await connectKfpApi(
    { clock: systemClock, logger: new RecordingLogger(), fileSystem: nodeFileSystem },
    {
      settings: {
        ...{ host, port, tls: undefined, reconnect: undefined, proxy: undefined },
        ...{ forcedPackage: undefined, forcedLayout: undefined },
      },
    },
  );
});
afterEach(async () => {
  api.close();
  await server.close();
});

function executorOf(kfpApi: KfpApi): TaskExecutor {
  return createInProcessExecutor({
    ...{ api: kfpApi, clock: systemClock, files: nodeFileSystem, randomUuid: randomUUID, logLevel: 1 },
    claims: createLocalVolumeClaims("/nonexistent/volumes"),
    processRunner: createProcessRunner(),
    steps: {
      driverEnvironment: () => ({}),
      prepare: () => Promise.reject(new Error("no step")),
      importer: () => Promise.reject(new Error("no importer")),
    },
    createLogger: () => new RecordingLogger(),
    log: { write: () => undefined },
    countTasks: () => 0,
  });
}

function common(runId: string) {
  return {
    ...{ pipelineName: "p", runId, runName: "r", runDisplayName: "r", namespace: "local", pod: { name: "pod", uid: "uid" } },
    ...{ conditionPath: "/unused", parentTaskIdPath: "/unused", iterationCountPath: "/unused" },
  };
}

test("a driver that is told to stop while it waits for the server begins nothing new and leaves a FAILED task", async () => {
  const { run } = server.runs.createRun({
    displayName: "stopped",
    pipelineSource: {
      case: "pipelineSpec",
      value: { pipelineInfo: { name: "p" }, schemaVersion: "2.1.0", root: { dag: { tasks: {} } }, deploymentSpec: {} },
    },
  });
  const reached = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  const slow: KfpApi = {
    ...bound(api),
    async createTask(runId, task) {
      reached.resolve();
      await answered.promise;
      return await api.createTask(runId, task);
    },
  };
  const executor = executorOf(slow);
  const stop = new AbortController();
  const driving = executor.drive({
    place: { scopePath: "root", iterations: [] },
    signal: stop.signal,
    options: { ...common(run.runId), type: "ROOT_DAG", runtimeConfig: "{}" },
  });
  await reached.promise;
  stop.abort("SIGTERM");
  answered.resolve();
  await expect(driving).rejects.toMatchObject({
    code: "INTERRUPTED",
    message: expect.stringContaining("told to stop by SIGTERM") as string,
  });
  const { tasks } = await api.listTasks(run.runId);
  expect(tasks.map(({ state }) => TaskState[state])).toEqual(["FAILED"]);
});

test("what comes after a loop's driver knows how many iterations there will be, and reads the run as a large one", async () => {
  const dag = (key: string, component: string, more: JsonObject = {}): JsonObject => ({
    dag: { tasks: { [key]: { taskInfo: { name: key }, componentRef: { name: component }, ...more } } },
  });
  const items = { raw: JSON.stringify(Array.from({ length: 300 }, (_, index) => index)) };
  const spec = {
    ...{
      pipelineInfo: { name: "p" },
      schemaVersion: "2.1.0",
      deploymentSpec: { executors: { e: { container: { image: "i" } } } },
    },
    components: { body: dag("inner", "sub"), sub: dag("step", "step"), step: { executorLabel: "e" } },
    root: dag("loop", "body", { parameterIterator: { itemInput: "i", items } }),
  };
  const { run } = server.runs.createRun({ displayName: "loop", pipelineSource: { case: "pipelineSpec", value: spec } });
  const views: (string | undefined)[] = [];
  const executor = executorOf({
    ...bound(api),
    getRun: (runId, view) => {
      views.push(view);
      return api.getRun(runId, view);
    },
  });
  const drive = (options: Pick<RootDagOptions, "type" | "runtimeConfig"> | (Pick<DagOptions, "type"> & ChildOptions)) =>
    executor.drive({
      place: { scopePath: "root", iterations: [] },
      signal: new AbortController().signal,
      options: { ...common(run.runId), ...options },
    });
  const { taskId: parentTaskId } = await drive({ type: "ROOT_DAG", runtimeConfig: "{}" });
  const loop = await drive({ type: "DAG", taskName: "loop", parentTaskId });
  expect(loop.iterationCount).toBe(300);
  expect(views).toEqual(["FULL", "FULL"]);
  await drive({ type: "DAG", taskName: "inner", parentTaskId: loop.taskId, iterationIndex: 0 });
  expect(views).toEqual(["FULL", "FULL", "DEFAULT"]);
});

/** The methods of a class instance as members of an object. */
function bound(of: KfpApi): KfpApi {
  return {
    getRun: of.getRun.bind(of),
    getPipelineVersion: of.getPipelineVersion.bind(of),
    getTask: of.getTask.bind(of),
    listTasks: of.listTasks.bind(of),
    createTask: of.createTask.bind(of),
    updateTask: of.updateTask.bind(of),
    updateTasks: of.updateTasks.bind(of),
    findCachedTask: of.findCachedTask.bind(of),
    createArtifact: of.createArtifact.bind(of),
    createArtifacts: of.createArtifacts.bind(of),
    createArtifactTasks: of.createArtifactTasks.bind(of),
    listArtifactTasks: of.listArtifactTasks.bind(of),
  };
}
