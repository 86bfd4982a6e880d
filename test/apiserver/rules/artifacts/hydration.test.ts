/**
 * What tasks show of artifacts, rule by rule, over both transports and both packages.
 */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { WAYS } from "../../../support/api-ways.ts";
import { artifactIdOf, startArtifactWorld, type ArtifactWorld } from "../../../support/artifact-world.ts";

const asText = (value: JsonValue | undefined) => (typeof value === "string" ? value : JSON.stringify(value ?? ""));

// docs/spec/api-server.md#hydration
describe.for(WAYS)("artifacts inside tasks, over $name", (by) => {
  interface Linked {
    readonly key: string;
    readonly type: string;
    readonly producer?: JsonObject;
    /** Name of the artifact, which is a metric when it begins with M. */
    readonly artifact: string;
  }

  /** `key type producer[iteration]: artifacts`, artifacts of one entry by id. */
  async function shown(
    links: readonly Linked[],
  ): Promise<{ inputs: string[]; outputs: string[]; world: ArtifactWorld; taskId: string }> {
    const world = await startArtifactWorld(by);
    const { call, addTask } = world;
    const [source, taskId] = [await addTask("source"), await addTask("T")];
    const made = new Map<string, string>();
    for (const name of [...new Set(links.map((link) => link.artifact))].toSorted()) {
      const artifact = name.startsWith("M") ? { name, type: "Metric", number_value: 1 } : { name, type: "Model" };
      const request = { run_id: "r", task_id: source, producer_key: name, artifact };
      made.set(name, artifactIdOf(await call("CreateArtifact", request)));
    }
    for (const { key, type, producer = { task_name: "p" }, artifact } of links) {
      const link = { artifact_id: made.get(artifact) ?? "", run_id: "r", task_id: taskId, key, type, producer };
      await call("CreateArtifactTask", { artifact_task: link });
    }
    const task = await call("GetTask", { run_id: "r", task_id: taskId });
    const side = (name: string) =>
      (((task[name] as JsonObject)["artifacts"] ?? []) as JsonObject[]).map((entry) => {
        const { task_name: producer, iteration } = (entry["producer"] ?? {}) as JsonObject;
        const artifacts = entry["artifacts"] as JsonObject[];
        // Ids are random, so a row is told by its names, which must come by id.
        const ids = artifacts.map(artifactIdOf);
        const sorted = JSON.stringify(ids) === JSON.stringify(ids.toSorted()) ? "" : " (not by id)";
        const names = artifacts.map((one) => asText(one["name"])).toSorted();
        const at = iteration === undefined ? "" : `[${asText(iteration)}]`;
        return `${asText(entry["artifact_key"])} ${asText(entry["type"])} ${asText(producer ?? "-")}${at}: ${names.join(" ")}${sorted}`;
      });
    return { inputs: side("inputs"), outputs: side("outputs"), world, taskId };
  }

  test("S10, S12 go to their side, sorted by key; several metrics of a key are one entry, others one each", async ({
    expect,
  }) => {
    const train = { task_name: "train" };
    const prep = { task_name: "prep" };
    const { inputs, outputs } = await shown([
      { key: "model", type: "OUTPUT", producer: train, artifact: "A1" },
      { key: "m", type: "OUTPUT", producer: train, artifact: "M2" },
      { key: "m", type: "OUTPUT", producer: train, artifact: "M1" },
      { key: "ds", type: "TASK_OUTPUT_INPUT", producer: prep, artifact: "D1" },
      { key: "ds", type: "TASK_OUTPUT_INPUT", producer: prep, artifact: "D2" },
    ]);
    expect(inputs.toSorted()).toEqual(["ds TASK_OUTPUT_INPUT prep: D1", "ds TASK_OUTPUT_INPUT prep: D2"]);
    expect(outputs).toEqual(["m OUTPUT train: M1 M2", "model OUTPUT train: A1"]);
  });

  test("are grouped and sorted by key, type, producer, no iteration, iteration", async ({ expect }) => {
    const at = (iteration: string) => ({ task_name: "p", iteration });
    const { inputs, outputs } = await shown([
      { key: "x", type: "ITERATOR_OUTPUT", producer: at("10"), artifact: "M1" },
      { key: "x", type: "ITERATOR_OUTPUT", producer: at("2"), artifact: "M2" },
      { key: "x", type: "ITERATOR_OUTPUT", producer: at("0"), artifact: "M3" },
      { key: "x", type: "ITERATOR_OUTPUT", artifact: "M4" },
      { key: "x", type: "OUTPUT", artifact: "M5" },
      { key: "x", type: "ITERATOR_OUTPUT", producer: { task_name: "o" }, artifact: "M6" },
      { key: "a", type: "OUTPUT", artifact: "M7" },
      { key: "x", type: "ITERATOR_OUTPUT", artifact: "M8" },
      { key: "y", type: "COMPONENT_INPUT", artifact: "B1" },
      { key: "y", type: "TASK_OUTPUT_INPUT", artifact: "B1" },
      { key: "y", type: "COMPONENT_INPUT", producer: {}, artifact: "B2" },
    ]);
    expect(outputs).toEqual([
      "a OUTPUT p: M7",
      "x ITERATOR_OUTPUT o: M6",
      "x ITERATOR_OUTPUT p: M4 M8",
      "x ITERATOR_OUTPUT p[0]: M3",
      "x ITERATOR_OUTPUT p[2]: M2",
      "x ITERATOR_OUTPUT p[10]: M1",
      "x OUTPUT p: M5",
    ]);
    expect(inputs).toEqual(["y TASK_OUTPUT_INPUT p: B1", "y COMPONENT_INPUT -: B2", "y COMPONENT_INPUT p: B1"]);
  });

  test("a metric beside another artifact under one key are two entries", async ({ expect }) => {
    const { outputs } = await shown([
      { key: "x", type: "OUTPUT", artifact: "M1" },
      { key: "x", type: "OUTPUT", artifact: "A1" },
    ]);
    expect(outputs.toSorted()).toEqual(["x OUTPUT p: A1", "x OUTPUT p: M1"]);
  });

  test("API-1: have all of the artifact, description and iteration included, wherever tasks are hydrated", async ({ expect }) => {
    const { call, add, taskId } = await startArtifactWorld(by);
    const sent = { name: "m", type: "Model", uri: "s3://b", description: "d", metadata: { a: 1 } };
    const artifact = await add(sent, { iteration_index: "4" });
    const entry = {
      ...{ artifact_key: "k", type: "ITERATOR_OUTPUT", producer: { task_name: "t", iteration: "4" } },
      artifacts: [artifact],
    };
    const hydrated = { task_id: taskId, outputs: { artifacts: [entry] } };
    const update = { state: "SUCCEEDED", cache_fingerprint: "f" };
    const ids = { run_id: "r", task_id: taskId };
    expect(await call("UpdateTask", { ...ids, task: update })).toMatchObject(hydrated);
    expect(await call("UpdateTasksBulk", { run_id: "r", tasks: { [taskId]: update } })).toMatchObject({
      tasks: { [taskId]: hydrated },
    });
    expect(await call("GetTask", ids)).toMatchObject(hydrated);
    expect(await call("FindCachedTask", { cache_fingerprint: "f" })).toMatchObject({ task: hydrated });
    const filter = JSON.stringify({ predicates: [{ operation: "EQUALS", key: "task_id", string_value: taskId }] });
    expect(await call("ListTasks", { run_id: "r", filter })).toMatchObject({ tasks: [hydrated] });
    const full = await call("GetRun", { run_id: "r", view: "FULL" });
    expect(full["tasks"]).toContainEqual(await call("GetTask", ids));
    const listed = await call("ListRuns", { view: "FULL" });
    expect((listed["runs"] as JsonObject[])[0]?.["tasks"] as JsonObject[]).toContainEqual(await call("GetTask", ids));
    const again = { name: "t", type: "RUNTIME", scope_path: "root.t" };
    expect(await call("CreateTask", { run_id: "r", task: again })).toMatchObject({ task_id: taskId, outputs: {} });
  });
});
