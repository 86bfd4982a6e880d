import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import { connectKfpApi, type KfpApiConnection } from "../../../src/apiclient/kfp-api-grpc.ts";
import { startApiServer, type ApiServer } from "../../../src/apiserver/server.ts";
import { TaskState } from "../../../src/core/kfp-types.ts";
import { createInProcessExecutor } from "../../../src/local/executors/in-process-executor.ts";
import { createLocalVolumeClaims } from "../../../src/local/objects/volume-claims.ts";
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
  const executor = createInProcessExecutor({
    ...{ api: slow, clock: systemClock, files: nodeFileSystem, randomUuid: randomUUID, logLevel: 1 },
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
  const stop = new AbortController();
  const driving = executor.drive({
    place: { scopePath: "root", iterations: [] },
    signal: stop.signal,
    options: {
      ...{ type: "ROOT_DAG", pipelineName: "p", runId: run.runId, runName: "r", runDisplayName: "stopped" },
      ...{ namespace: "local", runtimeConfig: "{}", pod: { name: "pod", uid: "uid" } },
      ...{ conditionPath: "/unused", parentTaskIdPath: "/unused", iterationCountPath: "/unused" },
    },
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
