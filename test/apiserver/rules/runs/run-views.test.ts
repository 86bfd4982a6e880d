/**
 * What reading runs shows, over both transports, both packages and both layouts of `Run`.
 */
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { RUN_WAYS, startWay } from "../../../support/api-ways.ts";
import { SMALL_SPEC, textAt } from "../../../support/list-cases.ts";

const run = (change: JsonObject = {}): JsonObject => ({ run: { display_name: "r", pipeline_spec: SMALL_SPEC, ...change } });

// docs/spec/api-server.md#getrun-and-listruns, #test-derived-cases
describe.for(RUN_WAYS)("views of a run over $name", (by) => {
  test("S35, S36 DEFAULT has the count, FULL the tasks, hydrated, by create time and id, with children", async ({ expect }) => {
    const api = await startWay(by);
    const { call } = api;
    await call("CreateRun", run({ run_id: "r" }));
    const add = async (task: JsonObject) => textAt(await call("CreateTask", { run_id: "r", task }), "task_id");
    const late = await add({ name: "late", type: "RUNTIME", scope_path: "root.late", create_time: "1970-01-01T01:00:00Z" });
    const parent = await add({ name: "ROOT", type: "ROOT", scope_path: "root" });
    const child = await add({ name: "fit", type: "RUNTIME", scope_path: "root.fit", parent_task_id: parent });
    const artifact = { name: "m", type: "Model", description: "d" };
    await call("CreateArtifact", { run_id: "r", task_id: child, producer_key: "m", iteration_index: "0", artifact });

    for (const view of [{}, { view: "DEFAULT" }]) {
      const plain = await call("GetRun", { run_id: "r", ...view });
      expect(plain).toMatchObject({ task_count: 3, pipeline_spec: SMALL_SPEC });
      expect(plain).not.toHaveProperty("tasks");
      const { runs } = await call("ListRuns", view);
      expect(runs).toEqual([plain]);
    }
    const full = await call("GetRun", { run_id: "r", view: "FULL" });
    expect(full).toMatchObject({ task_count: 3, pipeline_spec: SMALL_SPEC });
    const tasks = full["tasks"] as JsonObject[];
    expect(tasks.map((task) => task["task_id"])).toEqual([...[parent, child].toSorted(), late]);
    for (const task of tasks) {
      expect(task).toMatchObject({ inputs: {}, outputs: {} });
      expect(task["child_tasks"]).toEqual(task["task_id"] === parent ? [{ task_id: child, name: "fit" }] : undefined);
    }
    const { outputs } = tasks.find((task) => task["task_id"] === child) ?? {};
    const [made] = (outputs as JsonObject)["artifacts"] as JsonObject[];
    expect(made).toMatchObject({
      artifact_key: "m",
      type: "ITERATOR_OUTPUT",
      producer: { task_name: "fit", iteration: "0" },
      artifacts: [{ name: "m", description: "d", type: "Model" }],
    });
    const listed = await call("ListRuns", { view: "FULL" });
    expect(listed["runs"]).toEqual([full]);
  });

  test("are of one experiment where one is named, which must exist, archived runs included", async ({ expect }) => {
    const { call, send } = await startWay(by);
    const experimentId = textAt(await call("CreateExperiment", { experiment: { display_name: "e" } }), "experiment_id");
    await call("CreateRun", run({ run_id: "a" }));
    await call("CreateRun", run({ run_id: "b", experiment_id: experimentId }));
    await call("ArchiveRun", { run_id: "b" });
    const idsOf = async (request: JsonObject) =>
      (((await call("ListRuns", request))["runs"] ?? []) as JsonObject[]).map((one) => one["run_id"]);
    expect(await idsOf({})).toEqual(["a", "b"]);
    expect(await idsOf({ namespace: "any" })).toEqual(["a", "b"]);
    expect(await idsOf({ experiment_id: experimentId, namespace: "any" })).toEqual(["b"]);
    const filter = '{"predicates":[{"operation":"EQUALS","key":"storage_state","string_value":"AVAILABLE"}]}';
    expect(await idsOf({ filter })).toEqual(["a"]);
    expect((await send("ListRuns", { experiment_id: "nope" })).code).toBe("NOT_FOUND");
  });
});
