/**
 * What is answered about tasks, and the look-up of cached ones, over both transports and both packages.
 */
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { WAYS } from "../../../support/api-ways.ts";
import { startTaskWorld, taskIdOf } from "../../../support/task-world.ts";

// docs/spec/api-server.md#updatetasksbulk, #gettask-and-listtasks, #reply-shape
describe.for(WAYS)("answers about tasks, over $name", (by) => {
  test("of UpdateTasksBulk are the tasks by id, hydrated, with children; API-8: all or none", async ({ expect }) => {
    const { add, call, send, get } = await startTaskWorld(by);
    const parent = taskIdOf(await add({ name: "p", type: "DAG" }));
    const child = taskIdOf(await add({ name: "c", parent_task_id: parent }));
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
    const { add, get, call } = await startTaskWorld(by);
    const parent = taskIdOf(await add({ name: "p", type: "DAG" }));
    const at = (seconds: number) => ({ create_time: new Date(seconds * 1000).toISOString() });
    const late = taskIdOf(await add({ name: "late", parent_task_id: parent, ...at(30) }));
    const early = taskIdOf(await add({ name: "early", parent_task_id: parent, ...at(10) }));
    const twins = [
      taskIdOf(await add({ name: "twin", parent_task_id: parent, ...at(20), type_attributes: { iteration_index: "0" } })),
      taskIdOf(await add({ name: "twin", parent_task_id: parent, ...at(20), type_attributes: { iteration_index: "1" } })),
    ].toSorted();
    await add({ name: "grandchild", parent_task_id: early });
    const order = [early, ...twins, late];
    const { child_tasks: children } = await get(parent);
    expect((children as JsonObject[]).map((child) => child["task_id"])).toEqual(order);
    const listed = await call("ListTasks", { run_id: "r", parent_id: parent });
    expect([(listed["tasks"] as JsonObject[]).map(taskIdOf), listed["total_size"]]).toEqual([order, 4]);
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
    const { add, call } = await startTaskWorld(by);
    const task = await add({ cache_fingerprint: "f", state });
    expect(await call("FindCachedTask", { cache_fingerprint: "f", namespace: "any" })).toEqual(found ? { task } : {});
  });

  test("takes the newest by create time, then the largest id, of any run, archived ones and the caller's own", async ({
    expect,
  }) => {
    const { add, call } = await startTaskWorld(by);
    const hit = { cache_fingerprint: "f", state: "SUCCEEDED" };
    const at = (seconds: number) => ({ create_time: new Date(seconds * 1000).toISOString() });
    const found = async () => ((await call("FindCachedTask", { cache_fingerprint: "f" }))["task"] as JsonObject)["task_id"];
    const old = await add({ ...hit, name: "old", ...at(1) });
    expect(await found()).toBe(taskIdOf(old));
    const twins = [await add({ ...hit, name: "a", ...at(2) }, "s"), await add({ ...hit, name: "b", ...at(2) })]
      .map(taskIdOf)
      .toSorted();
    expect(await found()).toBe(twins[1]);
    await call("ArchiveRun", { run_id: "r" });
    await call("ArchiveRun", { run_id: "s" });
    expect(await found()).toBe(twins[1]);
    // Type, name and pipeline do not matter.
    const newest = await add({ ...hit, name: "c", type: "DAG", ...at(3) });
    await add({ ...hit, cache_fingerprint: "f2", name: "d", ...at(9) });
    expect(await found()).toBe(taskIdOf(newest));
  });

  test("answers with artifacts, without children", async ({ expect }) => {
    const { add, call } = await startTaskWorld(by);
    const taskId = taskIdOf(await add({ cache_fingerprint: "f", state: "SUCCEEDED", type: "DAG" }));
    await add({ name: "child", parent_task_id: taskId });
    await call("CreateArtifact", { run_id: "r", task_id: taskId, producer_key: "m", artifact: { name: "m", type: "Model" } });
    const { task } = await call("FindCachedTask", { cache_fingerprint: "f" });
    expect(task).toMatchObject({ task_id: taskId, outputs: { artifacts: [{ artifact_key: "m", artifacts: [{ name: "m" }] }] } });
    expect(task).not.toHaveProperty("child_tasks");
  });
});
