/** Calls to the server of this process: as over a connection. */
import { describe, onTestFinished, test } from "vitest";
import { connectKfpApi } from "../../src/apiclient/kfp-api-grpc.ts";
import { startApiServer, type ApiServerOptions } from "../../src/apiserver/server.ts";
import { IoType, TaskState, TaskType } from "../../src/core/kfp-types.ts";
import { jsonToValue } from "../../src/core/values/value.ts";
import { nodeFileSystem } from "../../src/node/node-file-system.ts";
import { systemClock } from "../../src/node/system-clock.ts";
import { CallStats } from "../fakes/call-stats.ts";
import { RecordingLogger } from "../fakes/recording-logger.ts";

async function setUp(options: Partial<ApiServerOptions> = {}) {
  const stats = new CallStats();
  const server = await startApiServer({
    database: ":memory:",
    interceptor: {
      received: (method, bytes) => stats.countRequest(method, bytes),
      sent: (method, bytes) => stats.countResponse(method, bytes),
      failed: (method) => stats.countFailure(method),
    },
    ...options,
  });
  const { host, port } = server;
  const settings = {
    ...{ host, port, tls: undefined, reconnect: undefined, proxy: undefined },
    ...{ forcedPackage: undefined, forcedLayout: undefined },
  };
  const deps = { clock: systemClock, logger: new RecordingLogger(), fileSystem: nodeFileSystem };
  const connect = (local: boolean) =>
    connectKfpApi({ ...deps, ...(local ? { local: server.local } : {}) }, { settings: { ...settings, retryTimeoutMs: 0 } });
  const [local, remote] = await Promise.all([connect(true), connect(false)]);
  onTestFinished(async () => {
    local.close();
    remote.close();
    await server.close();
  });
  const { run } = server.runs.createRun({ displayName: "r", runtimeConfig: { parameters: { items: jsonToValue([1, 2]) } } });
  const made = await local.createTask(run.runId, {
    ...{ name: "loop", scopePath: "root.loop", type: TaskType.LOOP, state: TaskState.RUNNING },
    outputs: { parameters: [{ parameterKey: "made", type: IoType.OUTPUT, value: jsonToValue("x") }] },
  });
  return { server, stats, local, remote, runId: run.runId, taskId: made.taskId };
}

describe("calls to the server of this process", () => {
  test.for(["merged", "branch"] as const)("answer as those over a connection, layout %s", async (runLayout, { expect }) => {
    const { stats, local, remote, runId, taskId } = await setUp({ runLayout });
    for (const call of [
      async (api: typeof local) => await api.getRun(runId, "DEFAULT"),
      async (api: typeof local) => await api.getRun(runId, "FULL"),
      async (api: typeof local) => await api.getTask(runId, taskId),
      async (api: typeof local) => await api.getTask(runId, taskId, {}),
      async (api: typeof local) => await api.listTasks(runId, { pageSize: 1 }),
      async (api: typeof local) => await api.updateTasks(runId, new Map([[taskId, { taskId, runId, name: "n" }]])),
    ]) {
      const before = stats.snapshot();
      const answer = await call(local);
      const between = stats.snapshot();
      expect(await call(remote)).toEqual(answer);
      const after = stats.snapshot();
      for (const [method, { calls, requestBytes, responseBytes }] of Object.entries(after)) {
        const grown = (from: typeof before, to: typeof before) => ({
          calls: (to[method]?.calls ?? 0) - (from[method]?.calls ?? 0),
          requestBytes: (to[method]?.requestBytes ?? 0) - (from[method]?.requestBytes ?? 0),
          responseBytes: (to[method]?.responseBytes ?? 0) - (from[method]?.responseBytes ?? 0),
        });
        expect(grown(before, between)).toEqual(grown(between, after));
        expect(calls + requestBytes + responseBytes).toBeGreaterThan(0);
      }
    }
  });

  test("fail as those over a connection", async ({ expect }) => {
    const { local, remote, runId } = await setUp();
    const failure = async (call: Promise<unknown>) => {
      const error = (await call.then(
        () => undefined,
        (reason: unknown) => reason,
      )) as { readonly message: string; readonly code: string; readonly details: unknown } | undefined;
      return error && { message: error.message, code: error.code, details: error.details };
    };
    const expected = await failure(remote.getTask(runId, "4711"));
    expect(expected).toMatchObject({ code: "API_REJECTED", details: { status: "NOT_FOUND" } });
    expect(await failure(local.getTask(runId, "4711"))).toEqual(expected);
  });

  test("share nothing with the server", async ({ expect }) => {
    const { local, runId, taskId } = await setUp();
    const update = { taskId, runId, statusMetadata: { message: "before" } };
    const answer = await local.updateTask(runId, taskId, update);
    update.statusMetadata.message = "after";
    answer.statusMetadata!.message = "after";
    expect((await local.getTask(runId, taskId)).statusMetadata?.message).toBe("before");
  });

  test("end when the connection or the server is closed, and when their time is over", async ({ expect }) => {
    const never = { around: () => new Promise(() => undefined) };
    const { server, local, runId, taskId } = await setUp();
    await server.close();
    await expect(local.getTask(runId, taskId)).rejects.toMatchObject({ code: "API_UNAVAILABLE" });
    local.close();
    await expect(local.getTask(runId, taskId)).rejects.toMatchObject({ details: { status: "CANCELLED" } });
    const silent = await startApiServer({ database: ":memory:", interceptor: never });
    const { host, port } = silent;
    const settings = {
      ...{ host, port, tls: undefined, reconnect: undefined, proxy: undefined, retryTimeoutMs: 0 },
      ...{ forcedPackage: undefined, forcedLayout: undefined },
    };
    const api = await connectKfpApi(
      { clock: systemClock, logger: new RecordingLogger(), fileSystem: nodeFileSystem, local: silent.local },
      { settings },
    );
    const waiting = api.getTask("r", "t");
    api.capDeadlines(20);
    await expect(waiting).rejects.toMatchObject({ details: { status: "DEADLINE_EXCEEDED" } });
    await silent.close();
  });
});
