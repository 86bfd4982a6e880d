import { Metadata } from "@grpc/grpc-js";
import { describe, test } from "vitest";
import { createTokenAuthorizer, MIN_USER_TOKEN_LENGTH } from "../../../src/apiserver/calls/token-authorizer.ts";
import { TaskType } from "../../../src/core/kfp-types.ts";
import { connectRawClient, startFakeApiServer } from "../../fakes/api-server.ts";
import { rejectionOf } from "../../fakes/rejection.ts";

const USER = "u".repeat(MIN_USER_TOKEN_LENGTH);
const authorizer = createTokenAuthorizer(USER);
const RUN_TOKEN = authorizer.tokenOfRun("r-1");
const SPEC = { pipelineInfo: { name: "p" }, schemaVersion: "2.1.0", root: { dag: {} } };

function bearer(token: string, boundRunId?: string): Metadata {
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${token}`);
  if (boundRunId !== undefined) metadata.set("x-kfp-bound-run-id", boundRunId);
  return metadata;
}

describe("createTokenAuthorizer()", () => {
  test("refuses a short user token", ({ expect }) => {
    expect(() => createTokenAuthorizer("short")).toThrow("at least 32 characters");
  });

  test.for([
    { name: "the user's token for anything", authorization: `Bearer ${USER}`, access: {} },
    { name: "the scheme in lower case", authorization: `bearer ${USER}`, access: {} },
    { name: "a run's token for its run", authorization: `Bearer ${RUN_TOKEN}`, access: { runIds: ["r-1"] } },
    { name: "a run's token for its run twice", authorization: `Bearer ${RUN_TOKEN}`, access: { runIds: ["r-1", "r-1"] } },
    { name: "no token", authorization: undefined, access: {}, status: "UNAUTHENTICATED" },
    { name: "an empty header", authorization: "", access: {}, status: "UNAUTHENTICATED" },
    { name: "another scheme", authorization: `Basic ${USER}`, access: {}, status: "UNAUTHENTICATED" },
    { name: "a wrong token", authorization: `Bearer ${"v".repeat(32)}`, access: {}, status: "UNAUTHENTICATED" },
    { name: "a prefix of the token", authorization: `Bearer ${USER.slice(1)}`, access: {}, status: "UNAUTHENTICATED" },
    {
      name: "a run's token of another server",
      authorization: `Bearer ${createTokenAuthorizer("w".repeat(32)).tokenOfRun("r-1")}`,
      access: { runIds: ["r-1"] },
      status: "UNAUTHENTICATED",
    },
    {
      name: "a run's token with another id put in",
      authorization: `Bearer ${RUN_TOKEN.replace(/\.[^.]+\./, `.${Buffer.from("r-2").toString("base64url")}.`)}`,
      access: { runIds: ["r-2"] },
      status: "UNAUTHENTICATED",
    },
    {
      name: "a run's token for another run",
      authorization: `Bearer ${RUN_TOKEN}`,
      access: { runIds: ["r-2"] },
      status: "PERMISSION_DENIED",
    },
    {
      name: "a run's token for its run and another",
      authorization: `Bearer ${RUN_TOKEN}`,
      access: { runIds: ["r-1", "r-2"] },
      status: "PERMISSION_DENIED",
    },
    { name: "a run's token for anything else", authorization: `Bearer ${RUN_TOKEN}`, access: {}, status: "PERMISSION_DENIED" },
  ])("$name: $status", ({ authorization, access, status }, { expect }) => {
    const authorize = () => authorizer.authorize(authorization, { operation: "GetRun", ...access });
    if (status === undefined) expect(authorize).not.toThrow();
    else expect(authorize).toThrow(expect.objectContaining({ status }));
  });

  test("no message quotes a token", ({ expect }) => {
    for (const [authorization, runIds] of [
      [`Bearer ${"v".repeat(32)}`, ["r"]],
      [`Bearer ${RUN_TOKEN}`, ["r"]],
    ] as const) {
      try {
        authorizer.authorize(authorization, { operation: "GetRun", runIds });
        expect.unreachable();
      } catch (error) {
        expect((error as Error).message).not.toContain(authorization.slice(7));
      }
    }
  });
});

// docs/spec/api-server.md#calls-that-accept-run-scoped-tokens
describe("a server with tokens", () => {
  async function start() {
    const { address } = await startFakeApiServer({ authorizer });
    const api = connectRawClient(address);
    const user = bearer(USER);
    for (const runId of ["r-1", "r-2"]) {
      const run = { runId, displayName: runId, pipelineSource: { case: "pipelineSpec", value: SPEC } } as const;
      await api.createRun({ run }, user);
    }
    const task = (runId: string) =>
      api.createTask({ runId, task: { runId, name: "root", type: TaskType.ROOT, scopePath: "root" } }, user);
    return { api, own: await task("r-1"), foreign: await task("r-2") };
  }

  test("lets a run's token make the calls of its run", async ({ expect }) => {
    const { api, own } = await start();
    const { taskId } = own;
    const token = bearer(RUN_TOKEN);
    const artifact = { name: "a", type: 1, uri: "s3://b/k" };
    expect((await api.getRun({ runId: "r-1" }, token)).runId).toBe("r-1");
    const child = { name: "t", type: TaskType.RUNTIME, scopePath: "root.t", parentTaskId: taskId };
    const made = await api.createTask({ runId: "r-1", task: child }, token);
    await api.updateTask({ runId: "r-1", taskId: made.taskId, task: { displayName: "T" } }, token);
    await api.updateTasksBulk({ runId: "r-1", tasks: { [made.taskId]: { displayName: "T" } } }, token);
    expect((await api.getTask({ runId: "r-1", taskId }, token)).name).toBe("root");
    expect((await api.listTasks({ runId: "r-1" }, token)).totalSize).toBe(2);
    const stored = await api.createArtifact({ runId: "r-1", taskId, producerKey: "a", artifact }, token);
    await api.createArtifactsBulk({ artifacts: [{ runId: "r-1", taskId, producerKey: "b", artifact }] }, token);
    const link = { runId: "r-1", taskId, artifactId: stored.artifactId, type: 1, key: "in", producer: { taskName: "root" } };
    await api.createArtifactTask({ artifactTask: link }, token);
    await api.createArtifactTasksBulk({ artifactTasks: [link] }, token);
    expect((await api.listArtifactTasks({ runIds: ["r-1"] }, token)).totalSize).toBe(3);
    expect((await api.listArtifactTasks({ taskIds: [taskId] }, token)).totalSize).toBe(3);
    expect((await api.findCachedTask({ cacheFingerprint: "f" }, bearer(RUN_TOKEN, "r-1"))).task).toBeUndefined();
  });

  test("refuses it everything else", async ({ expect }) => {
    const { api, own, foreign } = await start();
    const token = bearer(RUN_TOKEN);
    const calls = [
      api.getRun({ runId: "r-2" }, token),
      api.listRuns({}, token),
      api.terminateRun({ runId: "r-1" }, token),
      api.deleteRun({ runId: "r-1" }, token),
      api.getTask({ runId: "r-2", taskId: own.taskId }, token),
      api.listTasks({ runId: "r-2" }, token),
      api.updateTask({ runId: "r-2", taskId: foreign.taskId, task: { displayName: "x" } }, token),
      api.listArtifactTasks({ artifactIds: ["a"] }, token),
      api.listArtifactTasks({ runIds: ["r-1"], taskIds: [foreign.taskId] }, token),
      api.listArtifactTasks({ taskIds: ["unknown"] }, token),
      api.listArtifactTasks({}, token),
      api.listArtifacts({}, token),
      api.getArtifact({ artifactId: "a" }, token),
      api.findCachedTask({ cacheFingerprint: "f" }, token),
      api.findCachedTask({ cacheFingerprint: "f" }, bearer(RUN_TOKEN, "r-2")),
    ];
    for (const call of calls) expect(await rejectionOf(call)).toMatchObject({ code: "PERMISSION_DENIED" });
  });

  test("API-26: decides without looking at a run", async ({ expect }) => {
    const server = await startFakeApiServer({ authorizer });
    // Whoever looked would say INTERNAL now.
    server.store.close();
    const call = connectRawClient(server.address).getRun({ runId: "r-2" }, bearer(RUN_TOKEN));
    expect(await rejectionOf(call)).toMatchObject({ code: "PERMISSION_DENIED" });
  });

  test("refuses who has none, and a task of another run", async ({ expect }) => {
    const { api, foreign } = await start();
    expect(await rejectionOf(api.listRuns({}))).toMatchObject({ code: "UNAUTHENTICATED" });
    const call = api.getTask({ runId: "r-1", taskId: foreign.taskId }, bearer(RUN_TOKEN));
    expect((await rejectionOf(call)).code).toMatch(/INVALID_ARGUMENT|NOT_FOUND/);
  });
});
