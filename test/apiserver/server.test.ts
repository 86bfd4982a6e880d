import { fromBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { Metadata } from "@grpc/grpc-js";
import { describe, test } from "vitest";
import { startApiServer } from "../../src/apiserver/server.ts";
import { RunView, TaskState, TaskType } from "../../src/core/kfp-types.ts";
import { convertEmbeddedRuns, detectRunLayout, toBranchLayout, toMergedLayout } from "../../src/wire/run-layout.ts";
import { StatusSchema } from "../../src/gen/google/rpc/status_pb.js";
import { startWatchedServer } from "../fakes/watched-server.ts";
import { connectRawClient, startFakeApiServer } from "../fakes/api-server.ts";
import { rejectionOf, serviceErrorOf } from "../fakes/rejection.ts";

const SPEC = { pipelineInfo: { name: "p" }, schemaVersion: "2.1.0", root: { dag: {} } };
const RUN = { runId: "r", displayName: "r", pipelineSource: { case: "pipelineSpec", value: SPEC } } as const;

// docs/spec/api-versions.md#names, #choosing-the-package
describe("packages", () => {
  test("both are served by the same handlers", async ({ expect }) => {
    const { address } = await startFakeApiServer();
    await connectRawClient(address, { package: "v2" }).createRun({ run: RUN });
    expect((await connectRawClient(address, { package: "v2beta1" }).getRun({ runId: "r" })).displayName).toBe("r");
  });

  test.for([
    { packages: ["v2beta1"] as const, other: "v2" as const },
    { packages: ["v2"] as const, other: "v2beta1" as const },
  ])("only $packages answers UNIMPLEMENTED under $other", async ({ packages, other }, { expect }) => {
    const { address } = await startFakeApiServer({ packages });
    expect(await rejectionOf(connectRawClient(address, { package: other }).getRun({ runId: "r" }))).toMatchObject({
      code: "UNIMPLEMENTED",
    });
    expect(await rejectionOf(connectRawClient(address, { package: packages[0] }).getRun({ runId: "r" }))).toMatchObject({
      code: "NOT_FOUND",
    });
  });
});

// docs/spec/api-versions.md#two-layouts-of-run
describe("layout of Run", () => {
  test.for(["merged", "branch"] as const)(
    "%s is what every answer has, and reads back to the same run",
    async (runLayout, { expect }) => {
      const server = await startFakeApiServer({ runLayout });
      const layouts: string[] = [];
      const plain = connectRawClient(server.address, {
        sent: (typeName, bytes) => (runLayout === "branch" ? convertEmbeddedRuns(typeName, bytes, toBranchLayout) : bytes),
        received: (typeName, bytes) =>
          convertEmbeddedRuns(typeName, bytes, (run) => {
            layouts.push(detectRunLayout(run));
            return toMergedLayout(run);
          }),
      });
      expect((await plain.createRun({ run: RUN })).runId).toBe("r");
      await plain.createTask({ runId: "r", task: { name: "root", type: TaskType.ROOT, scopePath: "root" } });
      const run = await plain.getRun({ runId: "r", view: RunView.FULL });
      expect(run).toMatchObject({ taskCount: 1, tasks: [{ name: "root" }], pipelineSource: RUN.pipelineSource });
      expect(await plain.listRuns({})).toMatchObject({ totalSize: 1, runs: [{ runId: "r", taskCount: 1 }] });
      expect(layouts).toEqual(["unknown", runLayout, runLayout]);
    },
  );
});

// docs/spec/json-and-rest.md#error-shapes
describe("errors", () => {
  test("carry the chain as message and the short text in their details", async ({ expect }) => {
    const { address } = await startFakeApiServer();
    const error = await serviceErrorOf(connectRawClient(address).getTask({ runId: "r", taskId: "4711" }));
    expect(error.details).toBe("Failed to get a task: Task 4711 not found");
    const [bytes] = error.metadata.get("grpc-status-details-bin");
    const status = fromBinary(StatusSchema, bytes as Buffer);
    expect(status).toMatchObject({ code: 5, message: error.details });
    const detail = status.details[0];
    expect(detail?.typeUrl).toBe("type.googleapis.com/google.rpc.Status");
    expect(detail === undefined ? undefined : anyUnpack(detail, StatusSchema)).toMatchObject({
      code: 5,
      message: "Task 4711 not found",
    });
  });

  test("of unknown kind are INTERNAL, without a stack, and told to the caller", async ({ expect }) => {
    const told: string[] = [];
    const server = await startFakeApiServer({ onInternalError: (method) => told.push(method) });
    server.store.close();
    const error = await serviceErrorOf(connectRawClient(server.address).getRun({ runId: "r" }));
    expect(error.code).toBe(13);
    expect(error.details).toMatch(/^Failed to get a run: .*Internal Server Error$/);
    expect(error.details).not.toMatch(/\n| at /);
    expect(told).toEqual(["GetRun"]);
  });

  test("with a long text reach the client", async ({ expect }) => {
    const { address } = await startFakeApiServer();
    const runId = "x".repeat(100_000);
    const rejection = await rejectionOf(connectRawClient(address).getRun({ runId }));
    expect(rejection.code).toBe("NOT_FOUND");
    expect(rejection.message.length).toBeLessThanOrEqual(2048);
  });
});

describe("the server", () => {
  test("accepts and ignores tokens and other metadata", async ({ expect }) => {
    const { address } = await startFakeApiServer();
    const metadata = new Metadata();
    metadata.set("authorization", "Bearer anything");
    metadata.set("x-kfp-bound-run-id", "r");
    expect((await connectRawClient(address).findCachedTask({ cacheFingerprint: "f" }, metadata)).task).toBeUndefined();
  });

  test("takes and gives messages far above the library's default of 4 MiB", async ({ expect }) => {
    const { address } = await startFakeApiServer();
    const api = connectRawClient(address);
    const value = { ...SPEC, padding: "x".repeat(9_000_000) };
    await api.createRun({ run: { ...RUN, pipelineSource: { case: "pipelineSpec", value } } });
    expect((await api.getRun({ runId: "r" })).pipelineSource).toEqual({ case: "pipelineSpec", value });
  });

  test("counts calls, failures and bytes by method", async ({ expect }) => {
    const server = await startFakeApiServer();
    const api = connectRawClient(server.address);
    await api.createRun({ run: RUN });
    await api.getRun({ runId: "r" });
    await rejectionOf(api.getRun({ runId: "nope" }));
    const stats = server.stats();
    expect(stats["GetRun"]).toMatchObject({ calls: 2, failures: 1, requestBytes: 3 + 6 });
    expect(stats["GetRun"]?.responseBytes).toBe(stats["CreateRun"]?.responseBytes);
    server.resetStats();
    expect(server.stats()).toEqual({});
  });

  test("says when its address is taken", async ({ expect }) => {
    const { port } = await startFakeApiServer();
    await expect(startApiServer({ database: ":memory:", port })).rejects.toThrow(`Cannot listen on 127.0.0.1:${port}`);
  });

  test("closes twice, and with a call that never ends", async ({ expect }) => {
    const server = await startWatchedServer({
      database: ":memory:",
      faults: [{ method: "GetRun", kind: "hold", until: new Promise(() => {}) }],
    });
    const pending = rejectionOf(connectRawClient(server.address).getRun({ runId: "r" }));
    // Another call's answer proves that the server has the held one.
    await connectRawClient(server.address).listRuns({});
    await Promise.all([server.close(), server.close()]);
    expect((await pending).code).toMatch(/UNAVAILABLE|CANCELLED/);
  });
});

describe("faults", () => {
  test("hit the method, after and for as many calls as told", async ({ expect }) => {
    const server = await startFakeApiServer({
      faults: [{ method: "ListRuns", kind: "status", code: "UNAVAILABLE", message: "not now", skip: 1, times: 2 }],
    });
    const api = connectRawClient(server.address);
    const codes: string[] = [];
    for (let index = 0; index < 4; index += 1) {
      codes.push(
        await api.listRuns({}).then(
          () => "OK",
          (error: { details: string }) => error.details,
        ),
      );
    }
    expect(codes).toEqual(["OK", "Failed to list runs: not now", "Failed to list runs: not now", "OK"]);
    expect(await rejectionOf(api.getRun({ runId: "r" }))).toMatchObject({ code: "NOT_FOUND" });
  });

  test("may keep the caller from hearing of a write that was made", async ({ expect }) => {
    const server = await startFakeApiServer();
    const api = connectRawClient(server.address);
    await api.createRun({ run: RUN });
    server.faults.add({ method: "CreateTask", kind: "drop-after-commit" });
    const task = { name: "t", type: TaskType.RUNTIME, scopePath: "root.t", state: TaskState.RUNNING };
    expect(await rejectionOf(api.createTask({ runId: "r", task }))).toMatchObject({ code: "UNAVAILABLE" });
    expect((await api.createTask({ runId: "r", task })).taskId).not.toBe("");
    expect((await api.listTasks({ runId: "r" })).totalSize).toBe(1);
  });

  test("may hold or delay a call of any method, and be cleared", async ({ expect }) => {
    const server = await startFakeApiServer();
    const api = connectRawClient(server.address);
    let open: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    server.faults.add({ method: "*", kind: "hold", until: gate });
    const order: string[] = [];
    const held = api.createRun({ run: RUN }).then(() => order.push("created"));
    await api.listRuns({}).then(() => order.push("listed"));
    open();
    await held;
    expect(order).toEqual(["listed", "created"]);
    server.faults.add({ method: "GetRun", kind: "delay", delayMs: 1 });
    expect((await api.getRun({ runId: "r" })).runId).toBe("r");
    server.faults.add({ method: "GetRun", kind: "status", code: "INTERNAL", times: Infinity });
    server.faults.clear();
    expect((await api.getRun({ runId: "r" })).runId).toBe("r");
  });
});
