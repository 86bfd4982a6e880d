/**
 * CreateTask, rule by rule, over both transports and both packages.
 */
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { WAYS } from "../../../support/api-ways.ts";
import { startTaskWorld, T1000, taskIdOf } from "../../../support/task-world.ts";

// docs/spec/api-server.md#stored-fields, #reply-shape
describe.for(WAYS)("what CreateTask stores, over $name", (by) => {
  test("is what the request says, but for what the server decides", async ({ expect }) => {
    const { add, get } = await startTaskWorld(by);
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
      task_id: taskIdOf(made),
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
    expect(taskIdOf(made)).toMatch(/^[0-9a-f-]{36}$/);
    expect(await get(taskIdOf(made))).toEqual(made);
  });

  test("has the server's time and nothing else where the request says nothing", async ({ expect }) => {
    const { call } = await startTaskWorld(by);
    const made = await call("CreateTask", { run_id: "r", task: {} });
    expect(made).toEqual({ task_id: taskIdOf(made), run_id: "r", create_time: T1000, inputs: {}, outputs: {} });
  });

  test("takes any state, type and length of a name, and whatever the spec says of the path", async ({ expect }) => {
    const { add } = await startTaskWorld(by);
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
    const { add, call, get } = await startTaskWorld(by);
    const parent = await add({ type: "DAG" });
    await add({ name: "child", parent_task_id: taskIdOf(parent) });
    const artifact = { name: "m", type: "Model" };
    await call("CreateArtifact", { run_id: "r", task_id: taskIdOf(parent), producer_key: "m", artifact });
    expect(await add({ type: "DAG" })).toEqual(parent);
    expect(await get(taskIdOf(parent))).toMatchObject({ child_tasks: [{ name: "child" }], outputs: { artifacts: [{}] } });
  });
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
    const { add, get } = await startTaskWorld(by);
    const first = await add();
    const second = await add(change);
    expect(taskIdOf(second) === taskIdOf(first)).toBe(same);
    if (same) expect(second).toEqual(first);
    expect(await get(taskIdOf(first))).toEqual(first);
    // What has no whole identity makes a new row each time; what has one, the same.
    const isWhole = ["scope_path", "name"].every((key) => change[key] !== "") && change["type"] !== "TASK_TYPE_UNSPECIFIED";
    expect(taskIdOf(await add(change)) === taskIdOf(second)).toBe(isWhole);
  });

  test("S2 holds the run and the parent", async ({ expect }) => {
    const { add } = await startTaskWorld(by);
    const parent = taskIdOf(await add({ name: "p", type: "DAG" }));
    const ids = [taskIdOf(await add()), taskIdOf(await add({}, "s")), taskIdOf(await add({ parent_task_id: parent }))];
    expect(new Set(ids).size).toBe(3);
    expect(taskIdOf(await add({ parent_task_id: parent }))).toBe(ids[2]);
  });

  test("S1 of many creates at once is one row", async ({ expect }) => {
    const { add, call } = await startTaskWorld(by);
    const made = await Promise.all(Array.from({ length: 20 }, async () => taskIdOf(await add())));
    expect(new Set(made).size).toBe(1);
    expect((await call("ListTasks", { run_id: "r" }))["total_size"]).toBe(1);
  });

  test("API-3: a failure that CreateTask reports of a row that exists is lost, which is why clients update", async ({
    expect,
  }) => {
    const { add, update } = await startTaskWorld(by);
    const first = await add();
    expect(await add({ state: "FAILED", status_metadata: { message: "boom" } })).toMatchObject({ state: "RUNNING" });
    expect(await update(taskIdOf(first), { state: "FAILED", status_metadata: { message: "boom" } })).toMatchObject({
      state: "FAILED",
      status_metadata: { message: "boom" },
    });
  });
});
