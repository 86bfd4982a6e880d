import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { ArtifactType, IoType, PipelineTaskSchema, TaskState, TaskType, type PipelineTask } from "../../../src/core/kfp-types.ts";
import { jsonToValue } from "../../../src/core/values/value.ts";
import { buildRunResult, taskPlaces } from "../../../src/local/results/run-result.ts";

const row = (init: MessageInitShape<typeof PipelineTaskSchema>): PipelineTask =>
  create(PipelineTaskSchema, { state: TaskState.SUCCEEDED, type: TaskType.RUNTIME, ...init });
const at = (index: number) => ({ typeAttributes: { iterationIndex: BigInt(index) } });

const rows = [
  row({ taskId: "i1", name: "inner", scopePath: "root.outer.inner", parentTaskId: "o", type: TaskType.LOOP, ...at(1) }),
  row({ taskId: "d", name: "dag", scopePath: "root.outer.inner.dag", parentTaskId: "i1", type: TaskType.DAG, ...at(2) }),
  row({ taskId: "s", name: "step", scopePath: "root.outer.inner.dag.step", parentTaskId: "d", ...at(2) }),
  row({ taskId: "o", name: "outer", scopePath: "root.outer", parentTaskId: "r", type: TaskType.LOOP }),
  row({ taskId: "i0", name: "inner", scopePath: "root.outer.inner", parentTaskId: "o", type: TaskType.LOOP, ...at(0) }),
  row({ taskId: "a", name: "a", scopePath: "root.a", parentTaskId: "r" }),
  row({ taskId: "r", name: "ROOT", scopePath: "root", type: TaskType.ROOT }),
];

describe("taskPlaces()", () => {
  test("counts every loop around a task once", ({ expect }) => {
    const places = taskPlaces(rows);
    expect(places.get("s")).toEqual({ scopePath: "root.outer.inner.dag.step", iterations: [1, 2] });
    expect(places.get("i1")?.iterations).toEqual([1]);
    expect(places.get("o")?.iterations).toEqual([]);
  });
});

describe("buildRunResult()", () => {
  const build = (tasks: readonly PipelineTask[]) =>
    buildRunResult({
      runId: "run",
      state: "FAILED",
      durationMs: 12.6,
      tasks,
      failures: () => ({ error: "engine", lastLines: [] }),
      notRun: [],
      displayNames: new Map([["root.a", "First"]]),
    });

  test("lists a task before those below it, siblings by name and iteration", ({ expect }) => {
    const { tasks, durationMs } = build(rows);
    expect(tasks.map(({ taskId }) => taskId)).toEqual(["r", "a", "o", "i0", "i1", "d", "s"]);
    expect(tasks[6]).toMatchObject({ iterationIndex: 2, parentTaskId: "d", type: "RUNTIME", state: "SUCCEEDED" });
    expect(tasks[0]).not.toHaveProperty("parentTaskId");
    expect(durationMs).toBe(13);
  });

  test("groups values by key, several of one key in the order of their iterations", ({ expect }) => {
    const parameter = (iteration: bigint, value: string) => ({
      parameterKey: "p",
      value: jsonToValue(value),
      type: IoType.ITERATOR_OUTPUT,
      producer: { taskName: "t", iteration },
    });
    const artifact = (name: string, uri: string) => ({
      artifactKey: "x",
      artifacts: [{ name, type: ArtifactType.Dataset, uri }],
    });
    const metrics = ["b", "a"].map((name) => ({ name, type: ArtifactType.Metric, numberValue: 0.5 }));
    const outputs = {
      parameters: [parameter(10n, "k"), parameter(2n, "c"), { parameterKey: "only", value: jsonToValue([1]) }],
      artifacts: [artifact("log", "/a/log-10"), artifact("log", "/b/log-2"), { artifactKey: "m", artifacts: metrics }],
    };
    const { outputs: result } = build([row({ taskId: "r", type: TaskType.ROOT, outputs })]);
    expect(result.parameters).toEqual({ only: [1], p: ["c", "k"] });
    expect(result.artifacts["x"]?.map(({ uri }) => uri)).toEqual(["/b/log-2", "/a/log-10"]);
    expect(result.artifacts["m"]).toEqual([
      { name: "a", type: "Metric", uri: "", metadata: {}, numberValue: 0.5 },
      { name: "b", type: "Metric", uri: "", metadata: {}, numberValue: 0.5 },
    ]);
  });

  test("names a task as the pipeline does, where that differs", ({ expect }) => {
    const { tasks } = build(rows);
    expect(tasks.map(({ displayName }) => displayName)).toEqual([undefined, "First", ...Array.from({ length: 5 })]);
    expect(tasks[0]).not.toHaveProperty("displayName");
  });

  test.for<{ name: string; type: TaskType; entry: IoType; value: unknown; side: "inputs" | "outputs" }>([
    {
      name: "what a loop of one iteration gives",
      type: TaskType.LOOP,
      entry: IoType.ITERATOR_OUTPUT,
      value: ["x"],
      side: "outputs",
    },
    { name: "what a pipeline takes from it", type: TaskType.ROOT, entry: IoType.ITERATOR_OUTPUT, value: ["x"], side: "outputs" },
    { name: "what a step in a loop gives", type: TaskType.RUNTIME, entry: IoType.ITERATOR_OUTPUT, value: "x", side: "outputs" },
    { name: "the items of a loop of one", type: TaskType.LOOP, entry: IoType.ITERATOR_INPUT_RAW, value: ["x"], side: "inputs" },
    { name: "the item of a step in a loop", type: TaskType.RUNTIME, entry: IoType.ITERATOR_INPUT, value: "x", side: "inputs" },
    { name: "another input of a loop", type: TaskType.LOOP, entry: IoType.COMPONENT_INPUT, value: "x", side: "inputs" },
  ])("a single value, $name: $value", ({ type, entry, value, side }, { expect }) => {
    const values = { parameters: [{ parameterKey: "p", value: jsonToValue("x"), type: entry }] };
    expect(build([row({ taskId: "r", type, [side]: values })]).tasks[0]?.[side].parameters).toEqual({ p: value });
  });

  test.for([
    { name: "the row's own message first", message: "exit status 3", error: "exit status 3" },
    { name: "else the engine's", message: "", error: "engine" },
  ])("says why a task failed: $name", ({ message, error }, { expect }) => {
    const failed = row({ taskId: "r", state: TaskState.FAILED, statusMetadata: { message } });
    expect(build([failed]).tasks[0]).toMatchObject({ state: "FAILED", error });
    expect(build(rows).tasks[0]).not.toHaveProperty("error");
  });
});
