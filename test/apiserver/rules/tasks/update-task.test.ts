/**
 * UpdateTask, rule by rule, over both transports and both packages.
 */
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { WAYS } from "../../../support/api-ways.ts";
import { startTaskWorld, T1000, taskIdOf } from "../../../support/task-world.ts";

const history = (task: JsonObject) => ((task["state_history"] ?? []) as JsonObject[]).map((entry) => entry["state"]);

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
    const { add, update, get, call } = await startTaskWorld(by);
    // The parameters of tasks with others below them are kept in another way.
    for (const type of ["RUNTIME", "LOOP"]) {
      const stored = await add({ ...STORED, type });
      const answer = await update(taskIdOf(stored), change);
      expect(answer).toEqual({ ...stored, ...changes });
      expect(await get(taskIdOf(stored))).toEqual(answer);
      // Bulk updates mean the same.
      const other = await add({ ...STORED, type, name: "u" });
      const { tasks } = await call("UpdateTasksBulk", { run_id: "r", tasks: { [taskIdOf(other)]: change } });
      expect(tasks).toEqual({ [taskIdOf(other)]: { ...other, ...changes } });
    }
  });

  test("keeps the parent when it is absent, takes it away when it is empty, sets it when it is an id", async ({ expect }) => {
    const { add, update } = await startTaskWorld(by);
    const [p, q] = [taskIdOf(await add({ name: "p", type: "DAG" })), taskIdOf(await add({ name: "q", type: "DAG" }))];
    const child = taskIdOf(await add({ name: "c", parent_task_id: p }));
    expect(await update(child, { display_name: "x" })).toMatchObject({ parent_task_id: p });
    expect(await update(child, { parent_task_id: q })).toMatchObject({ parent_task_id: q });
    expect(await update(child, { parent_task_id: "" })).not.toHaveProperty("parent_task_id");
  });

  test("S3 takes every step from any state to any other, and notes it", async ({ expect }) => {
    const { add, update, setTime } = await startTaskWorld(by);
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
    const { add } = await startTaskWorld(by);
    const brought = { state_history: [{ state: "FAILED", update_time: "1970-01-01T00:00:01.5Z" }] };
    expect((await add({ name: "a", state: "RUNNING", ...brought }))["state_history"]).toEqual([
      { state: "FAILED", update_time: "1970-01-01T00:00:01Z" },
      { state: "RUNNING", update_time: T1000 },
    ]);
    expect(history(await add({ name: "b", state: "FAILED", ...brought }))).toEqual(["FAILED"]);
    expect(history(await add({ name: "c", state: "RUNTIME_STATE_UNSPECIFIED" }))).toEqual([]);
  });

  test("API-6: of a task that runs again takes the end away", async ({ expect }) => {
    const { add, update } = await startTaskWorld(by);
    const { task_id: taskId } = await add({ state: "FAILED", end_time: T1000 });
    expect(await update(taskId as string, { state: "RUNNING" })).not.toHaveProperty("end_time");
  });

  test("API-31: of a task that failed takes the fingerprint away, and another state does not bring it back", async ({
    expect,
  }) => {
    const { add, update, call } = await startTaskWorld(by);
    const { task_id: taskId } = await add({ cache_fingerprint: "f" });
    expect(await update(taskId as string, { state: "FAILED" })).not.toHaveProperty("cache_fingerprint");
    await update(taskId as string, { state: "SUCCEEDED" });
    expect(await call("FindCachedTask", { cache_fingerprint: "f" })).toEqual({});
  });
});
