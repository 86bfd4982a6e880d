/**
 * Tasks and the look-up of cached ones, rule by rule, over both transports and both packages.
 *
 * docs/spec/api-server.md#tasks, docs/spec/cache-and-fingerprint.md#lookup-on-the-server
 */
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { startWay, WAYS, type ApiWay, type Way } from "../../support/api-ways.ts";
import { SMALL_SPEC, textAt } from "../../support/list-cases.ts";

const T1000 = "1970-01-01T00:16:40Z";

interface World extends ApiWay {
  /** Creates a task in run `r`. */
  add(this: void, change?: JsonObject, runId?: string): Promise<JsonObject>;
  update(this: void, taskId: string, task: JsonObject): Promise<JsonObject>;
  get(this: void, taskId: string): Promise<JsonObject>;
}

/** Runs `r` and `s`. */
async function start(by: Way): Promise<World> {
  const api = await startWay(by);
  for (const runId of ["r", "s"]) {
    await api.call("CreateRun", { run: { run_id: runId, display_name: runId, pipeline_spec: SMALL_SPEC } });
  }
  return {
    ...api,
    add: async (change = {}, runId = "r") =>
      await api.call("CreateTask", {
        run_id: runId,
        task: { name: "t", scope_path: "root.t", type: "RUNTIME", state: "RUNNING", ...change },
      }),
    update: async (taskId, task) => await api.call("UpdateTask", { run_id: "r", task_id: taskId, task }),
    get: async (taskId) => await api.call("GetTask", { run_id: "r", task_id: taskId }),
  };
}

const idOf = (task: JsonObject) => textAt(task, "task_id");
const history = (task: JsonObject) => ((task["state_history"] ?? []) as JsonObject[]).map((entry) => entry["state"]);

// docs/spec/api-server.md#stored-fields, #reply-shape
describe.for(WAYS)("what CreateTask stores, over $name", (by) => {
  test("is what the request says, but for what the server decides", async ({ expect }) => {
    const { add, get } = await start(by);
    const made = await add({
      task_id: "mine",
      run_id: "r",
      display_name: "T",
      parent_task_id: "",
      create_time: "1970-01-01T00:00:05.9Z",
      end_time: "1970-01-01T00:00:06.9Z",
      cache_fingerprint: "f",
      pods: [{ name: "p", uid: "u", type: "EXECUTOR" }],
      status_metadata: { message: "m", custom_properties: { k: { a: [1, null] } } },
      type_attributes: { iteration_index: "0", iteration_count: "0", download_to_workspace: false },
      child_tasks: [{ task_id: "x", name: "y" }],
      inputs: {
        parameters: [
          { parameter_key: "a", type: "COMPONENT_INPUT", value: null, producer: { task_name: "ROOT", iteration: "0" } },
        ],
        artifacts: [{ artifact_key: "x", type: "COMPONENT_INPUT" }],
      },
      outputs: { parameters: [{ parameter_key: "b", type: "OUTPUT", value: "" }], artifacts: [{ artifact_key: "y" }] },
    });
    expect(made).toEqual({
      task_id: idOf(made),
      run_id: "r",
      name: "t",
      display_name: "T",
      scope_path: "root.t",
      type: "RUNTIME",
      state: "RUNNING",
      create_time: "1970-01-01T00:00:05Z",
      end_time: "1970-01-01T00:00:06Z",
      cache_fingerprint: "f",
      pods: [{ name: "p", uid: "u", type: "EXECUTOR" }],
      status_metadata: { message: "m", custom_properties: { k: { a: [1, null] } } },
      type_attributes: { iteration_index: "0", iteration_count: "0", download_to_workspace: false },
      state_history: [{ update_time: T1000, state: "RUNNING" }],
      inputs: {
        parameters: [
          { parameter_key: "a", type: "COMPONENT_INPUT", value: null, producer: { task_name: "ROOT", iteration: "0" } },
        ],
      },
      outputs: { parameters: [{ parameter_key: "b", type: "OUTPUT", value: "" }] },
    });
    expect(idOf(made)).toMatch(/^[0-9a-f-]{36}$/);
    expect(await get(idOf(made))).toEqual(made);
  });

  test("has the server's time and nothing else where the request says nothing", async ({ expect }) => {
    const { call } = await start(by);
    const made = await call("CreateTask", { run_id: "r", task: {} });
    expect(made).toEqual({ task_id: idOf(made), run_id: "r", create_time: T1000, inputs: {}, outputs: {} });
  });

  test("takes any state, type and length of a name, and whatever the spec says of the path", async ({ expect }) => {
    const { add } = await start(by);
    const long = "n".repeat(300);
    for (const state of ["SUCCEEDED", "FAILED", "SKIPPED", "CACHED"]) {
      const made = await add({
        name: `${long}${state}`,
        display_name: long,
        scope_path: "anywhere",
        type: "EXIT_HANDLER",
        state,
      });
      expect(made).toMatchObject({ name: `${long}${state}`, display_name: long, type: "EXIT_HANDLER", state });
    }
  });

  test("is answered without artifacts and children, also for a row that exists", async ({ expect }) => {
    const { add, call, get } = await start(by);
    const parent = await add({ type: "DAG" });
    await add({ name: "child", parent_task_id: idOf(parent) });
    const artifact = { name: "m", type: "Model" };
    await call("CreateArtifact", { run_id: "r", task_id: idOf(parent), producer_key: "m", artifact });
    expect(await add({ type: "DAG" })).toEqual(parent);
    expect(await get(idOf(parent))).toMatchObject({ child_tasks: [{ name: "child" }], outputs: { artifacts: [{}] } });
  });
});

// docs/spec/api-server.md#createtask, #updatetask, #gettask-and-listtasks: checks, and which comes first
describe.for(WAYS)("checks of task calls, over $name", (by) => {
  interface Ids {
    readonly task: string;
    readonly foreign: string;
  }
  const good = { name: "n", scope_path: "root.n", type: "RUNTIME" };

  /** `pathless`: the path of REST cannot say it. */
  const cases: readonly {
    readonly name: string;
    readonly method: string;
    readonly request: (ids: Ids) => JsonObject;
    readonly code: string;
    readonly says: RegExp;
    readonly pathless?: boolean;
  }[] = [
    ...[
      {
        name: "no run id, before no task",
        request: () => ({}),
        code: "INVALID_ARGUMENT",
        says: /Run ID is required/,
        pathless: true,
      },
      { name: "no task", request: () => ({ run_id: "r" }), code: "INVALID_ARGUMENT", says: /Task is required/ },
      {
        name: "another run in the body, before an unknown parent",
        request: () => ({ run_id: "r", task: { ...good, run_id: "s", parent_task_id: "nope" } }),
        code: "INVALID_ARGUMENT",
        says: /\bs\b.*\br\b/,
      },
      {
        name: "an unknown run, before an unknown parent",
        request: () => ({ run_id: "nope", task: { ...good, parent_task_id: "nope2" } }),
        code: "NOT_FOUND",
        says: /Run nope not found/,
      },
      {
        name: "an unknown parent",
        request: () => ({ run_id: "r", task: { ...good, parent_task_id: "nope" } }),
        code: "NOT_FOUND",
        says: /nope not found/,
      },
      {
        name: "a parent of another run",
        request: ({ foreign }: Ids) => ({ run_id: "r", task: { ...good, parent_task_id: foreign } }),
        code: "INVALID_ARGUMENT",
        says: /does not belong to run r/,
      },
    ].map((row) => ({ method: "CreateTask", ...row })),
    ...[
      {
        name: "no run id",
        request: () => ({ task_id: "x", task: {} }),
        code: "INVALID_ARGUMENT",
        says: /Run ID/,
        pathless: true,
      },
      {
        name: "no task id",
        request: () => ({ run_id: "r", task: {} }),
        code: "INVALID_ARGUMENT",
        says: /Task ID/,
        pathless: true,
      },
      {
        name: "no task, before an unknown one",
        request: () => ({ run_id: "r", task_id: "nope" }),
        code: "INVALID_ARGUMENT",
        says: /Task is required/,
      },
      {
        name: "another id in the body",
        request: () => ({ run_id: "r", task_id: "nope", task: { task_id: "x" } }),
        code: "INVALID_ARGUMENT",
        says: /\bx\b.*nope/,
      },
      {
        name: "another run in the body",
        request: () => ({ run_id: "r", task_id: "nope", task: { run_id: "x" } }),
        code: "INVALID_ARGUMENT",
        says: /\bx\b/,
      },
      {
        name: "an unknown task",
        request: () => ({ run_id: "r", task_id: "nope", task: { parent_task_id: "nope2" } }),
        code: "NOT_FOUND",
        says: /Task nope not found/,
      },
      {
        name: "a task of another run, before an unknown parent",
        request: ({ foreign }: Ids) => ({ run_id: "r", task_id: foreign, task: { parent_task_id: "nope" } }),
        code: "INVALID_ARGUMENT",
        says: /does not belong to run r/,
      },
      {
        name: "an unknown parent",
        request: ({ task }: Ids) => ({ run_id: "r", task_id: task, task: { parent_task_id: "nope" } }),
        code: "NOT_FOUND",
        says: /nope not found/,
      },
      {
        name: "a parent of another run",
        request: ({ task, foreign }: Ids) => ({ run_id: "r", task_id: task, task: { parent_task_id: foreign } }),
        code: "INVALID_ARGUMENT",
        says: /does not belong to run r/,
      },
    ].map((row) => ({ method: "UpdateTask", ...row })),
    ...[
      { name: "no entries", request: () => ({ run_id: "r" }), code: "INVALID_ARGUMENT", says: /At least one/ },
      { name: "no run id", request: () => ({ tasks: { x: {} } }), code: "INVALID_ARGUMENT", says: /Run ID/, pathless: true },
      {
        name: "an empty key, before unknown tasks",
        request: () => ({ run_id: "r", tasks: { "": {}, nope: {} } }),
        code: "INVALID_ARGUMENT",
        says: /Task ID/,
      },
      {
        name: "another id in a body, before unknown tasks",
        request: () => ({ run_id: "r", tasks: { a: {}, b: { task_id: "c" } } }),
        code: "INVALID_ARGUMENT",
        says: /\bc\b/,
      },
      {
        name: "another run in a body, before unknown tasks",
        request: () => ({ run_id: "r", tasks: { a: {}, b: { run_id: "s" } } }),
        code: "INVALID_ARGUMENT",
        says: /\bs\b/,
      },
      {
        name: "an unknown task, before one of another run",
        request: ({ task, foreign }: Ids) => ({ run_id: "r", tasks: { [task]: { state: "FAILED" }, [foreign]: {}, zzzz: {} } }),
        code: "NOT_FOUND",
        says: /Task zzzz not found/,
      },
      {
        name: "a task of another run",
        request: ({ task, foreign }: Ids) => ({ run_id: "r", tasks: { [task]: { state: "FAILED" }, [foreign]: {} } }),
        code: "INVALID_ARGUMENT",
        says: /does not belong to run r/,
      },
      {
        name: "a parent of another run",
        request: ({ task, foreign }: Ids) => ({ run_id: "r", tasks: { [task]: { state: "FAILED", parent_task_id: foreign } } }),
        code: "INVALID_ARGUMENT",
        says: /does not belong to run r/,
      },
    ].map((row) => ({ method: "UpdateTasksBulk", ...row })),
    ...[
      { name: "no run id", request: () => ({ task_id: "x" }), code: "INVALID_ARGUMENT", says: /Run ID/, pathless: true },
      { name: "no task id", request: () => ({ run_id: "r" }), code: "INVALID_ARGUMENT", says: /Task ID/, pathless: true },
      {
        name: "an unknown task",
        request: () => ({ run_id: "r", task_id: "nope" }),
        code: "NOT_FOUND",
        says: /Task nope not found/,
      },
      {
        name: "a task of another run",
        request: ({ foreign }: Ids) => ({ run_id: "r", task_id: foreign }),
        code: "INVALID_ARGUMENT",
        says: /does not belong to run r/,
      },
    ].map((row) => ({ method: "GetTask", ...row })),
    ...[
      {
        name: "no run id, also with a parent",
        request: ({ task }: Ids) => ({ parent_id: task }),
        code: "INVALID_ARGUMENT",
        says: /Run ID/,
        pathless: true,
      },
      {
        name: "an unknown parent",
        request: () => ({ run_id: "r", parent_id: "nope" }),
        code: "NOT_FOUND",
        says: /Task nope not found/,
      },
      {
        name: "a parent of another run",
        request: ({ foreign }: Ids) => ({ run_id: "r", parent_id: foreign }),
        code: "INVALID_ARGUMENT",
        says: /does not belong to run r/,
      },
      { name: "an unknown run", request: () => ({ run_id: "nope" }), code: "NOT_FOUND", says: /Run nope not found/ },
    ].map((row) => ({ method: "ListTasks", ...row })),
    ...[
      { name: "no fingerprint", request: () => ({ namespace: "n" }), code: "INVALID_ARGUMENT", says: /fingerprint/ },
      // The answer to a miss is a message without a task.
      { name: "nothing else", request: () => ({ cache_fingerprint: "none" }), code: "OK", says: /^$/ },
    ].map((row) => ({ method: "FindCachedTask", ...row })),
  ];

  test.for(cases.filter(({ pathless = false }) => !pathless || by.transport === "grpc"))(
    "S30, S31, S32, S33 $method refuses $name",
    async ({ method, request, code, says }, { expect }) => {
      const { add, send, get, internal } = await start(by);
      const [task, foreign] = [idOf(await add()), idOf(await add({}, "s"))];
      const outcome = await send(method, request({ task, foreign }));
      expect([outcome.code, outcome.message]).toEqual([code, expect.stringMatching(says)]);
      // Nothing was written.
      expect(await get(task)).toMatchObject({ state: "RUNNING" });
      expect(await get(task)).not.toHaveProperty("parent_task_id");
      const { tasks } = (await send("ListTasks", { run_id: "r" })).reply;
      expect(tasks).toHaveLength(1);
      expect(internal).toEqual([]);
    },
  );
});

// docs/spec/api-server.md#logical-identity
describe.for(WAYS)("the identity of a task, over $name", (by) => {
  test.for<{ name: string; change: JsonObject; same: boolean }>([
    {
      name: "state, pods, inputs, names for people, times",
      change: {
        ...{ state: "FAILED", pods: [{ name: "p" }], display_name: "other", end_time: T1000, cache_fingerprint: "g" },
        ...{ create_time: "1970-01-01T00:00:01Z", status_metadata: { message: "boom" } },
        inputs: { parameters: [{ parameter_key: "a", value: 1 }] },
      },
      same: true,
    },
    { name: "an iteration count", change: { type_attributes: { iteration_count: "3" } }, same: true },
    { name: "an empty parent", change: { parent_task_id: "" }, same: true },
    { name: "iteration 0", change: { type_attributes: { iteration_index: "0" } }, same: false },
    { name: "another name", change: { name: "u" }, same: false },
    { name: "another type", change: { type: "DAG" }, same: false },
    { name: "another path", change: { scope_path: "root.x.t" }, same: false },
    { name: "no path", change: { scope_path: "" }, same: false },
    { name: "no name", change: { name: "" }, same: false },
    { name: "no type", change: { type: "TASK_TYPE_UNSPECIFIED" }, same: false },
  ])("$name: same row $same", async ({ change, same }, { expect }) => {
    const { add, get } = await start(by);
    const first = await add();
    const second = await add(change);
    expect(idOf(second) === idOf(first)).toBe(same);
    if (same) expect(second).toEqual(first);
    expect(await get(idOf(first))).toEqual(first);
    // What has no whole identity makes a new row each time; what has one, the same.
    const isWhole = ["scope_path", "name"].every((key) => change[key] !== "") && change["type"] !== "TASK_TYPE_UNSPECIFIED";
    expect(idOf(await add(change)) === idOf(second)).toBe(isWhole);
  });

  test("S2 holds the run and the parent", async ({ expect }) => {
    const { add } = await start(by);
    const parent = idOf(await add({ name: "p", type: "DAG" }));
    const ids = [idOf(await add()), idOf(await add({}, "s")), idOf(await add({ parent_task_id: parent }))];
    expect(new Set(ids).size).toBe(3);
    expect(idOf(await add({ parent_task_id: parent }))).toBe(ids[2]);
  });

  test("S1 of many creates at once is one row", async ({ expect }) => {
    const { add, call } = await start(by);
    const made = await Promise.all(Array.from({ length: 20 }, async () => idOf(await add())));
    expect(new Set(made).size).toBe(1);
    expect((await call("ListTasks", { run_id: "r" }))["total_size"]).toBe(1);
  });

  test("API-3: a failure that CreateTask reports of a row that exists is lost, which is why clients update", async ({
    expect,
  }) => {
    const { add, update } = await start(by);
    const first = await add();
    expect(await add({ state: "FAILED", status_metadata: { message: "boom" } })).toMatchObject({ state: "RUNNING" });
    expect(await update(idOf(first), { state: "FAILED", status_metadata: { message: "boom" } })).toMatchObject({
      state: "FAILED",
      status_metadata: { message: "boom" },
    });
  });
});

// docs/spec/api-server.md#updatetask, #state-history
describe.for(WAYS)("UpdateTask over $name", (by) => {
  const STORED: JsonObject = {
    display_name: "D",
    cache_fingerprint: "f",
    create_time: "1970-01-01T00:00:05Z",
    end_time: "1970-01-01T00:00:06Z",
    pods: [{ name: "a" }, { name: "b" }],
    status_metadata: { message: "m", custom_properties: { k: "v" } },
    type_attributes: { iteration_index: "1", iteration_count: "2" },
    inputs: { parameters: [{ parameter_key: "a", value: 1 }] },
    outputs: { parameters: [{ parameter_key: "o", value: 1 }] },
  };

  test.for<{ name: string; update: JsonObject; changes: JsonObject }>([
    { name: "nothing", update: {}, changes: {} },
    {
      name: "empty texts, zero numbers, empty lists, a time of zero",
      update: {
        ...{ name: "", display_name: "", cache_fingerprint: "", state: 0, type: 0, pods: [] },
        ...{ end_time: "1970-01-01T00:00:00Z", inputs: {}, outputs: { parameters: [] } },
      },
      changes: {},
    },
    {
      name: "what is the server's own",
      update: {
        ...{
          create_time: "2030-01-01T00:00:00Z",
          scope_path: "x",
          state_history: [{ state: "FAILED" }],
          task_id: "",
          run_id: "r",
        },
        ...{ child_tasks: [{ task_id: "x" }], inputs: { artifacts: [{ artifact_key: "x" }] }, outputs: { artifacts: [{}] } },
      },
      changes: {},
    },
    {
      name: "texts",
      update: { name: "n", display_name: "E", cache_fingerprint: "g" },
      changes: { name: "n", display_name: "E", cache_fingerprint: "g" },
    },
    { name: "a type", update: { type: "DAG" }, changes: { type: "DAG" } },
    { name: "the same state", update: { state: "RUNNING" }, changes: {} },
    { name: "an end", update: { end_time: "1970-01-01T00:00:09.9Z" }, changes: { end_time: "1970-01-01T00:00:09Z" } },
    { name: "pods", update: { pods: [{ name: "c" }] }, changes: { pods: [{ name: "c" }] } },
    {
      name: "status metadata as a whole",
      update: { status_metadata: { message: "n" } },
      changes: { status_metadata: { message: "n" } },
    },
    { name: "empty status metadata, which clears", update: { status_metadata: {} }, changes: { status_metadata: {} } },
    {
      name: "type attributes as a whole",
      update: { type_attributes: { download_to_workspace: true } },
      changes: { type_attributes: { download_to_workspace: true } },
    },
    { name: "empty type attributes", update: { type_attributes: {} }, changes: { type_attributes: {} } },
    {
      name: "parameters, which are merged",
      update: {
        inputs: { parameters: [{ parameter_key: "b", value: 2 }] },
        outputs: { parameters: [{ parameter_key: "o", value: 9 }] },
      },
      changes: {
        inputs: {
          parameters: [
            { parameter_key: "a", value: 1 },
            { parameter_key: "b", value: 2 },
          ],
        },
        outputs: { parameters: [{ parameter_key: "o", value: 9 }] },
      },
    },
  ])("takes $name", async ({ update: change, changes }, { expect }) => {
    const { add, update, get, call } = await start(by);
    const stored = await add(STORED);
    const answer = await update(idOf(stored), change);
    expect(answer).toEqual({ ...stored, ...changes });
    expect(await get(idOf(stored))).toEqual(answer);
    // Bulk updates mean the same.
    const other = await add({ ...STORED, name: "u" });
    const { tasks } = await call("UpdateTasksBulk", { run_id: "r", tasks: { [idOf(other)]: change } });
    expect(tasks).toEqual({ [idOf(other)]: { ...other, ...changes } });
  });

  test("keeps the parent when it is absent, takes it away when it is empty, sets it when it is an id", async ({ expect }) => {
    const { add, update } = await start(by);
    const [p, q] = [idOf(await add({ name: "p", type: "DAG" })), idOf(await add({ name: "q", type: "DAG" }))];
    const child = idOf(await add({ name: "c", parent_task_id: p }));
    expect(await update(child, { display_name: "x" })).toMatchObject({ parent_task_id: p });
    expect(await update(child, { parent_task_id: q })).toMatchObject({ parent_task_id: q });
    expect(await update(child, { parent_task_id: "" })).not.toHaveProperty("parent_task_id");
  });

  test("S3 takes every step from any state to any other, and notes it", async ({ expect }) => {
    const { add, update, setTime } = await start(by);
    const states = ["RUNNING", "SUCCEEDED", "SKIPPED", "FAILED", "CACHED"];
    for (const from of states) {
      for (const to of states) {
        setTime(1_000);
        const { task_id: taskId } = await add({ name: `${from}-${to}`, state: from });
        setTime(1_500);
        const answer = await update(taskId as string, { state: to });
        expect(answer["state"]).toBe(to);
        expect(answer["state_history"]).toEqual([
          { update_time: T1000, state: from },
          ...(from === to ? [] : [{ update_time: "1970-01-01T00:25:00Z", state: to }]),
        ]);
      }
    }
  });

  test("starts a history with what the create request brought, and never repeats its last entry", async ({ expect }) => {
    const { add } = await start(by);
    const brought = { state_history: [{ state: "FAILED", update_time: "1970-01-01T00:00:01.5Z" }] };
    expect((await add({ name: "a", state: "RUNNING", ...brought }))["state_history"]).toEqual([
      { state: "FAILED", update_time: "1970-01-01T00:00:01Z" },
      { state: "RUNNING", update_time: T1000 },
    ]);
    expect(history(await add({ name: "b", state: "FAILED", ...brought }))).toEqual(["FAILED"]);
    expect(history(await add({ name: "c", state: "RUNTIME_STATE_UNSPECIFIED" }))).toEqual([]);
  });

  test("API-6: of a task that runs again takes the end away", async ({ expect }) => {
    const { add, update } = await start(by);
    const { task_id: taskId } = await add({ state: "FAILED", end_time: T1000 });
    expect(await update(taskId as string, { state: "RUNNING" })).not.toHaveProperty("end_time");
  });

  test("API-31: of a task that failed takes the fingerprint away, and another state does not bring it back", async ({
    expect,
  }) => {
    const { add, update, call } = await start(by);
    const { task_id: taskId } = await add({ cache_fingerprint: "f" });
    expect(await update(taskId as string, { state: "FAILED" })).not.toHaveProperty("cache_fingerprint");
    await update(taskId as string, { state: "SUCCEEDED" });
    expect(await call("FindCachedTask", { cache_fingerprint: "f" })).toEqual({});
  });
});

// docs/spec/api-server.md#parameter-merge
describe.for(WAYS)("parameters of an update, over $name", (by) => {
  const entry = (type: string, key: string, value: number, producer?: JsonObject): JsonObject => ({
    ...{ type, parameter_key: key, value },
    ...(producer === undefined ? {} : { producer }),
  });
  const P = { task_name: "a" };
  const at = (iteration: string) => ({ ...P, iteration });

  test.for<{ name: string; stored: JsonObject[]; sent: JsonObject[]; merged: JsonObject[] }>([
    {
      name: "S5 one key, another value",
      stored: [entry("OUTPUT", "acc", 1, { task_name: "train" })],
      sent: [entry("OUTPUT", "acc", 2, { task_name: "train" })],
      merged: [entry("OUTPUT", "acc", 2, { task_name: "train" })],
    },
    {
      name: "another producer",
      stored: [entry("OUTPUT", "acc", 1, { task_name: "train" })],
      sent: [entry("OUTPUT", "acc", 1, { task_name: "eval" })],
      merged: [entry("OUTPUT", "acc", 1, { task_name: "train" }), entry("OUTPUT", "acc", 1, { task_name: "eval" })],
    },
    {
      name: "a producer where there was none",
      stored: [entry("OUTPUT", "acc", 1)],
      sent: [entry("OUTPUT", "acc", 1, P)],
      merged: [entry("OUTPUT", "acc", 1), entry("OUTPUT", "acc", 1, P)],
    },
    {
      name: "S6 another iteration",
      stored: [entry("ITERATOR_OUTPUT", "x", 1, at("0"))],
      sent: [entry("ITERATOR_OUTPUT", "x", 1, at("1"))],
      merged: [entry("ITERATOR_OUTPUT", "x", 1, at("0")), entry("ITERATOR_OUTPUT", "x", 1, at("1"))],
    },
    {
      name: "the same iteration, another value",
      stored: [entry("ITERATOR_OUTPUT", "x", 1, at("0"))],
      sent: [entry("ITERATOR_OUTPUT", "x", 9, at("0"))],
      merged: [entry("ITERATOR_OUTPUT", "x", 9, at("0"))],
    },
    ...["ITERATOR_OUTPUT", "ITERATOR_INPUT", "ITERATOR_INPUT_RAW", "COLLECTED_INPUTS"].flatMap((type) => [
      {
        name: `${type} without iteration, another value`,
        stored: [entry(type, "x", 1, P)],
        sent: [entry(type, "x", 2, P)],
        merged: [entry(type, "x", 1, P), entry(type, "x", 2, P)],
      },
      {
        name: `${type} without iteration, the same value`,
        stored: [entry(type, "x", 1, P)],
        sent: [entry(type, "x", 1, P)],
        merged: [entry(type, "x", 1, P)],
      },
      {
        name: `${type} without producer, another value`,
        stored: [entry(type, "x", 1)],
        sent: [entry(type, "x", 2)],
        merged: [entry(type, "x", 1), entry(type, "x", 2)],
      },
    ]),
    ...["COMPONENT_DEFAULT_INPUT", "TASK_OUTPUT_INPUT", "COMPONENT_INPUT", "RUNTIME_VALUE_INPUT", "OUTPUT", "ONE_OF_OUTPUT"].map(
      (type) => ({
        name: `${type} without iteration, another value`,
        stored: [entry(type, "x", 1, P)],
        sent: [entry(type, "x", 2, P)],
        merged: [entry(type, "x", 2, P)],
      }),
    ),
    {
      name: "another type",
      stored: [entry("COMPONENT_INPUT", "n", 1, P)],
      sent: [entry("TASK_OUTPUT_INPUT", "n", 1, P)],
      merged: [entry("COMPONENT_INPUT", "n", 1, P), entry("TASK_OUTPUT_INPUT", "n", 1, P)],
    },
    {
      name: "one key twice in the request",
      stored: [entry("OUTPUT", "a", 0)],
      sent: [entry("OUTPUT", "b", 1), entry("OUTPUT", "b", 2)],
      merged: [entry("OUTPUT", "a", 0), entry("OUTPUT", "b", 2)],
    },
    { name: "an empty list", stored: [entry("OUTPUT", "a", 0)], sent: [], merged: [entry("OUTPUT", "a", 0)] },
    {
      name: "API-7: a stable order: stored ones keep their place",
      stored: [entry("OUTPUT", "c", 1), entry("OUTPUT", "a", 1), entry("OUTPUT", "b", 1)],
      sent: [entry("OUTPUT", "z", 1), entry("OUTPUT", "a", 2), entry("OUTPUT", "0", 1)],
      merged: [
        entry("OUTPUT", "c", 1),
        entry("OUTPUT", "a", 2),
        entry("OUTPUT", "b", 1),
        entry("OUTPUT", "z", 1),
        entry("OUTPUT", "0", 1),
      ],
    },
    {
      name: "API-7: keys that would be one text when they were joined with dashes",
      stored: [entry("OUTPUT", "a-b", 1, { task_name: "c" })],
      sent: [entry("OUTPUT", "a", 1, { task_name: "b-c" })],
      merged: [entry("OUTPUT", "a-b", 1, { task_name: "c" }), entry("OUTPUT", "a", 1, { task_name: "b-c" })],
    },
  ])("$name", async ({ stored, sent, merged }, { expect }) => {
    const { add, update, call } = await start(by);
    const ids = [];
    for (const name of ["one", "two"]) {
      const task = await add({ name, inputs: { parameters: stored }, outputs: { parameters: stored } });
      ids.push(idOf(task));
    }
    const change = { inputs: { parameters: sent }, outputs: { parameters: sent } };
    const wanted = { inputs: { parameters: merged }, outputs: { parameters: merged } };
    expect(await update(ids[0] as string, change)).toMatchObject(wanted);
    const { tasks } = await call("UpdateTasksBulk", { run_id: "r", tasks: { [ids[1] as string]: change } });
    expect(tasks).toMatchObject({ [ids[1] as string]: wanted });
  });

  test("S4 of many at once are all there, one by one and in bulk", async ({ expect }) => {
    const { add, update, call, get } = await start(by);
    const taskId = idOf(await add());
    const keys = Array.from({ length: 30 }, (_, index) => `k${index}`);
    await Promise.all(
      keys.map(async (key, index) => {
        const change = { outputs: { parameters: [entry("OUTPUT", key, index)] } };
        if (index % 2 === 0) await update(taskId, change);
        else await call("UpdateTasksBulk", { run_id: "r", tasks: { [taskId]: change } });
      }),
    );
    const { parameters } = (await get(taskId))["outputs"] as JsonObject;
    expect(((parameters ?? []) as JsonObject[]).map((one) => one["parameter_key"] as string).toSorted()).toEqual(keys.toSorted());
  });
});

// docs/spec/api-server.md#updatetasksbulk, #gettask-and-listtasks, #reply-shape
describe.for(WAYS)("answers about tasks, over $name", (by) => {
  test("of UpdateTasksBulk are the tasks by id, hydrated, with children; API-8: all or none", async ({ expect }) => {
    const { add, call, send, get } = await start(by);
    const parent = idOf(await add({ name: "p", type: "DAG" }));
    const child = idOf(await add({ name: "c", parent_task_id: parent }));
    const artifact = { name: "m", type: "Model" };
    await call("CreateArtifact", { run_id: "r", task_id: child, producer_key: "m", artifact });
    const { tasks } = await call("UpdateTasksBulk", {
      run_id: "r",
      tasks: { [parent]: { state: "FAILED", task_id: parent }, [child]: { state: "SUCCEEDED", run_id: "r" } },
    });
    expect(tasks).toEqual({ [parent]: await get(parent), [child]: await get(child) });
    expect((tasks as JsonObject)[parent]).toMatchObject({ state: "FAILED", child_tasks: [{ task_id: child, name: "c" }] });
    expect((tasks as JsonObject)[child]).toMatchObject({ outputs: { artifacts: [{ artifact_key: "m" }] } });
    const [first, last] = [parent, child].toSorted() as [string, string];
    const failing = { [first]: { display_name: "changed" }, [last]: { parent_task_id: "nope" } };
    const outcome = await send("UpdateTasksBulk", { run_id: "r", tasks: failing });
    expect([outcome.code, outcome.message]).toEqual(["NOT_FOUND", expect.stringContaining(last)]);
    expect(await get(first)).not.toHaveProperty("display_name");
  });

  test("S34 have the direct children by create time and id, of the run alone", async ({ expect }) => {
    const { add, get, call } = await start(by);
    const parent = idOf(await add({ name: "p", type: "DAG" }));
    const at = (seconds: number) => ({ create_time: new Date(seconds * 1000).toISOString() });
    const late = idOf(await add({ name: "late", parent_task_id: parent, ...at(30) }));
    const early = idOf(await add({ name: "early", parent_task_id: parent, ...at(10) }));
    const twins = [
      idOf(await add({ name: "twin", parent_task_id: parent, ...at(20), type_attributes: { iteration_index: "0" } })),
      idOf(await add({ name: "twin", parent_task_id: parent, ...at(20), type_attributes: { iteration_index: "1" } })),
    ].toSorted();
    await add({ name: "grandchild", parent_task_id: early });
    const order = [early, ...twins, late];
    const { child_tasks: children } = await get(parent);
    expect((children as JsonObject[]).map((child) => child["task_id"])).toEqual(order);
    const listed = await call("ListTasks", { run_id: "r", parent_id: parent });
    expect([(listed["tasks"] as JsonObject[]).map(idOf), listed["total_size"]]).toEqual([order, 4]);
    expect((listed["tasks"] as JsonObject[])[0]).toMatchObject({ child_tasks: [{ name: "grandchild" }] });
    expect((await call("ListTasks", { run_id: "r", parent_id: "" }))["total_size"]).toBe(6);
    const full = await call("GetRun", { run_id: "r", view: "FULL" });
    expect(full["tasks"]).toContainEqual(await get(parent));
  });
});

// docs/spec/api-server.md#tasks (5), docs/spec/cache-and-fingerprint.md#lookup-on-the-server
describe.for(WAYS)("FindCachedTask over $name", (by) => {
  test.for([
    { state: "SUCCEEDED", found: true },
    { state: "CACHED", found: false },
    { state: "FAILED", found: false },
    { state: "SKIPPED", found: false },
    { state: "RUNNING", found: false },
    { state: "RUNTIME_STATE_UNSPECIFIED", found: false },
  ])("a $state task is a match: $found", async ({ state, found }, { expect }) => {
    const { add, call } = await start(by);
    const task = await add({ cache_fingerprint: "f", state });
    expect(await call("FindCachedTask", { cache_fingerprint: "f", namespace: "any" })).toEqual(found ? { task } : {});
  });

  test("takes the newest by create time, then the largest id, of any run, archived ones and the caller's own", async ({
    expect,
  }) => {
    const { add, call } = await start(by);
    const hit = { cache_fingerprint: "f", state: "SUCCEEDED" };
    const at = (seconds: number) => ({ create_time: new Date(seconds * 1000).toISOString() });
    const found = async () => ((await call("FindCachedTask", { cache_fingerprint: "f" }))["task"] as JsonObject)["task_id"];
    const old = await add({ ...hit, name: "old", ...at(1) });
    expect(await found()).toBe(idOf(old));
    const twins = [await add({ ...hit, name: "a", ...at(2) }, "s"), await add({ ...hit, name: "b", ...at(2) })]
      .map(idOf)
      .toSorted();
    expect(await found()).toBe(twins[1]);
    await call("ArchiveRun", { run_id: "r" });
    await call("ArchiveRun", { run_id: "s" });
    expect(await found()).toBe(twins[1]);
    // Type, name and pipeline do not matter.
    const newest = await add({ ...hit, name: "c", type: "DAG", ...at(3) });
    await add({ ...hit, cache_fingerprint: "f2", name: "d", ...at(9) });
    expect(await found()).toBe(idOf(newest));
  });

  test("answers with artifacts, without children", async ({ expect }) => {
    const { add, call } = await start(by);
    const taskId = idOf(await add({ cache_fingerprint: "f", state: "SUCCEEDED", type: "DAG" }));
    await add({ name: "child", parent_task_id: taskId });
    await call("CreateArtifact", { run_id: "r", task_id: taskId, producer_key: "m", artifact: { name: "m", type: "Model" } });
    const { task } = await call("FindCachedTask", { cache_fingerprint: "f" });
    expect(task).toMatchObject({ task_id: taskId, outputs: { artifacts: [{ artifact_key: "m", artifacts: [{ name: "m" }] }] } });
    expect(task).not.toHaveProperty("child_tasks");
  });
});
