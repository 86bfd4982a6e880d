/** Requests nobody should send are refused by name; none of them is an error of the server's own. */
import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { ScalarType } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, test } from "vitest";
import { TaskState, TaskType } from "../../src/core/kfp-types.ts";
import { ArtifactService } from "../../src/gen/kubeflow/pipelines/backend/api/v2beta1/artifact_pb.js";
import { RunService } from "../../src/gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";
import { connectRawClient, startFakeApiServer } from "../fakes/api-server.ts";
import { rejectionOf } from "../fakes/rejection.ts";

const pipelineSpec = {
  pipelineInfo: { name: "p" },
  schemaVersion: "2.1.0",
  root: { dag: { tasks: {} } },
};

async function setUp() {
  const internal: string[] = [];
  const server = await startFakeApiServer({
    onInternalError: (method, error) => internal.push(`${method}: ${error instanceof Error ? error.message : String(error)}`),
  });
  const api = connectRawClient(server.address);
  const { runId } = await api.createRun({
    run: { displayName: "r", pipelineSource: { case: "pipelineSpec", value: pipelineSpec } },
  });
  const add = (name: string, parentTaskId?: string) =>
    api.createTask({
      runId,
      task: {
        name,
        scopePath: name,
        type: TaskType.DAG,
        state: TaskState.RUNNING,
        ...(parentTaskId === undefined ? {} : { parentTaskId }),
      },
    });
  return { api, runId, add, internal };
}

describe("enums", () => {
  test.for([
    {
      what: "state",
      task: { state: 99 },
      message: /task\.state has the value 99, which is none of /,
    },
    { what: "type", task: { type: -1 }, message: /task\.type has the value -1/ },
    { what: "pod type", task: { pods: [{ name: "p", type: 7 }] }, message: /task\.pods\[0\]\.type has the value 7/ },
    { what: "history", task: { stateHistory: [{ state: 40 }] }, message: /task\.state_history\[0\]\.state has the value 40/ },
    {
      what: "type of a parameter",
      task: { inputs: { parameters: [{ parameterKey: "a" }, { parameterKey: "b", type: 1000 }] } },
      message: /task\.inputs\.parameters\[1\]\.type has the value 1000/,
    },
  ])("CreateTask and UpdateTask refuse an unknown $what", async ({ task, message }, { expect }) => {
    const { api, runId, add } = await setUp();
    const { taskId } = await add("t");
    for (const call of [
      api.createTask({ runId, task: { name: "u", scopePath: "u", ...task } }),
      api.updateTask({ runId, taskId, task }),
    ]) {
      const rejection = await rejectionOf(call);
      expect(rejection).toMatchObject({ code: "INVALID_ARGUMENT" });
      expect(rejection.message).toMatch(message);
    }
    const bulk = await rejectionOf(api.updateTasksBulk({ runId, tasks: { [taskId]: task } }));
    expect(bulk).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect((await api.getTask({ runId, taskId })).state).toBe(TaskState.RUNNING);
  });

  test("so do reads", async ({ expect }) => {
    const { api, runId } = await setUp();
    expect(await rejectionOf(api.getRun({ runId, view: 9 as never }))).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(await rejectionOf(api.listRuns({ view: 9 as never }))).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(await rejectionOf(api.listArtifactTasks({ runIds: [runId], type: 99 as never }))).toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });
});

describe("times", () => {
  test.for([
    { endTime: { seconds: 2n ** 63n - 1n } },
    { endTime: { seconds: -(2n ** 63n) } },
    { createTime: { seconds: 0n, nanos: -1 } },
    { stateHistory: [{ state: TaskState.RUNNING, updateTime: { seconds: 253_402_300_800n } }] },
  ])("outside the years 1 to 9999 are refused: %o", async (task, { expect }) => {
    const { api, runId, add } = await setUp();
    const { taskId } = await add("t");
    const rejection = await rejectionOf(api.updateTask({ runId, taskId, task }));
    expect(rejection).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(rejection.message).toContain("is not a time");
  });
});

describe("parents", () => {
  test("a task is not its own parent, nor below itself", async ({ expect }) => {
    const { api, runId, add } = await setUp();
    const top = await add("top");
    const middle = await add("middle", top.taskId);
    const bottom = await add("bottom", middle.taskId);
    for (const parentTaskId of [top.taskId, middle.taskId, bottom.taskId]) {
      const rejection = await rejectionOf(api.updateTask({ runId, taskId: top.taskId, task: { parentTaskId } }));
      expect(rejection).toMatchObject({ code: "INVALID_ARGUMENT" });
      expect(rejection.message).toContain(`Task ${top.taskId} cannot be below itself`);
    }
    expect((await api.updateTask({ runId, taskId: bottom.taskId, task: { parentTaskId: top.taskId } })).parentTaskId).toBe(
      top.taskId,
    );
  });

  test("two updates of one bulk call make no circle either", async ({ expect }) => {
    const { api, runId, add } = await setUp();
    const [left, right] = [await add("left"), await add("right")];
    const tasks = { [left.taskId]: { parentTaskId: right.taskId }, [right.taskId]: { parentTaskId: left.taskId } };
    expect(await rejectionOf(api.updateTasksBulk({ runId, tasks }))).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect((await api.getTask({ runId, taskId: left.taskId })).parentTaskId).toBeUndefined();
  });
});

describe("sizes of filters", () => {
  const filterOf = (count: number) =>
    JSON.stringify({
      predicates: [
        {
          key: "name",
          operation: "IN",
          stringValues: { values: Array.from({ length: count }, (_, index) => `t${String(index)}`) },
        },
      ],
    });

  test("10,000 values work, one more is refused with the limit", async ({ expect }) => {
    const { api, runId, add } = await setUp();
    await add("t9999");
    expect((await api.listTasks({ runId, filter: filterOf(10_000) })).totalSize).toBe(1);
    const rejection = await rejectionOf(api.listTasks({ runId, filter: filterOf(10_001) }));
    expect(rejection).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(rejection.message).toContain("The filter has 10001 values, at most 10000 are possible");
    for (const call of [
      api.listTasks({ runId, filter: filterOf(50_000) }),
      api.listRuns({ filter: filterOf(50_000) }),
      api.listArtifacts({ filter: filterOf(50_000) }),
    ]) {
      expect(await rejectionOf(call)).toMatchObject({ code: "INVALID_ARGUMENT" });
    }
  });

  test("so is the 101st predicate", async ({ expect }) => {
    const { api, runId } = await setUp();
    const predicates = Array.from({ length: 101 }, () => ({ key: "name", operation: "EQUALS", stringValue: "x" }));
    const rejection = await rejectionOf(api.listTasks({ runId, filter: JSON.stringify({ predicates }) }));
    expect(rejection).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(rejection.message).toContain("at most 100");
  });

  test("numbers in a list of values compare as numbers, texts as texts", async ({ expect }) => {
    const { api, runId, add } = await setUp();
    await add("1");
    await add("two");
    const list = async (predicate: object) =>
      (await api.listTasks({ runId, filter: JSON.stringify({ predicates: [predicate] }) })).totalSize;
    expect(await list({ key: "status", operation: "IN", intValues: { values: [1, 4] } })).toBe(2);
    expect(await list({ key: "status", operation: "IN", longValues: { values: ["1", "9223372036854775807"] } })).toBe(2);
    expect(await list({ key: "name", operation: "IN", stringValues: { values: ["1", 'it\'s "two"'] } })).toBe(1);
  });
});

/** Values at the ends of each type, and some in between. */
function scalarOf(type: ScalarType, ids: readonly string[]): fc.Arbitrary<unknown> {
  switch (type) {
    case ScalarType.STRING:
      return fc.oneof(fc.constantFrom("", "x", "\u0000", "\ud7ff\u{10ffff}", "{", "a".repeat(5000), ...ids), fc.string());
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.BYTES:
      return fc.constantFrom(new Uint8Array(), new Uint8Array([255]));
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return fc.constantFrom(0, -0, 1.5, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY);
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return fc.constantFrom(0n, 1n, -1n, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n));
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return fc.constantFrom(0n, 1n, 2n ** 64n - 1n);
    default:
      return fc.constantFrom(0, 1, 2 ** 31 - 1);
  }
}

/** Any message of a type, to a depth; JSON-like values are small. */
function messageOf(schema: DescMessage, ids: readonly string[], depth: number): fc.Arbitrary<Record<string, unknown>> {
  if (schema.typeName === "google.protobuf.Struct") return fc.constantFrom({}, { a: 1 }, pipelineSpec);
  if (schema.typeName === "google.protobuf.Value") {
    return fc.constantFrom({}, { kind: { case: "numberValue", value: 1e308 } }, { kind: { case: "nullValue", value: 0 } });
  }
  const single = (field: DescField): fc.Arbitrary<unknown> => {
    if (field.enum !== undefined) return fc.constantFrom(...field.enum.values.map(({ number }) => number), 99);
    if (field.message !== undefined) return messageOf(field.message, ids, depth - 1);
    return scalarOf(field.scalar ?? ScalarType.INT32, ids);
  };
  const members: Record<string, fc.Arbitrary<unknown>> = {};
  for (const field of schema.fields) {
    if (field.oneof !== undefined || (depth === 0 && field.message !== undefined)) continue;
    if (field.fieldKind === "list") members[field.localName] = fc.array(single(field), { maxLength: 3 });
    else if (field.fieldKind === "map")
      members[field.localName] = fc.dictionary(fc.constantFrom("a", ...ids), single(field), { maxKeys: 2 });
    else members[field.localName] = fc.option(single(field), { nil: undefined });
  }
  for (const { localName, fields } of schema.oneofs) {
    const cases = fields
      .filter((field) => depth > 0 || field.message === undefined)
      .map((field) => single(field).map((value) => ({ case: field.localName, value })));
    members[localName] = fc.option(fc.oneof(...cases), { nil: undefined });
  }
  return fc
    .record(members)
    .map((record) => Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)));
}

describe("requests of any content", () => {
  const methods = [RunService, ArtifactService].flatMap((service) =>
    service.methods.filter(({ localName }) => !/archive|retry|Experiment/i.test(localName)),
  );

  test.for(methods.map(({ localName, input }) => ({ localName, input })))(
    "$localName is never INTERNAL",
    async ({ localName, input }, { expect }) => {
      const { api, runId, add, internal } = await setUp();
      const parent = await add("parent");
      const child = await add("child", parent.taskId);
      const ids = [runId, parent.taskId, child.taskId];
      const call = api[localName as "getTask"] as (request: object) => Promise<unknown>;
      await fc.assert(
        fc.asyncProperty(messageOf(input, ids, 4), async (request) => {
          // A request that a client cannot even encode says nothing about the server.
          await call({ runId, taskId: child.taskId, ...request }).catch(() => undefined);
          expect(internal).toEqual([]);
        }),
        { numRuns: 150 },
      );
    },
  );
});
