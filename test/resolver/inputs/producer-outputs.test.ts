import { describe, expect, test } from "vitest";
import type { PipelineTask } from "../../../src/core/kfp-types.ts";
import { IoType, TaskState, TaskType, artifact, parameter, row, showArtifact, showParameter } from "../rows.ts";
import { artifactsOf, parametersOf, readerOf, resolve } from "../resolving.ts";

const { SUCCEEDED, FAILED, RUNNING, SKIPPED } = TaskState;
const { DAG, LOOP } = TaskType;
const { OUTPUT, ITERATOR_OUTPUT } = IoType;

/** Output `x` of a DAG, parameter or artifact as the kind says, from output `x` of its only task. */
function feeding(child: string, component: string): object {
  return {
    dag: {
      tasks: { [child]: { componentRef: { name: component } } },
      outputs: {
        parameters: { x: { valueFromParameter: { producerSubtask: child, outputParameterKey: "x" } } },
        artifacts: { m: { artifactSelectors: [{ producerSubtask: child, outputArtifactKey: "m" }] } },
      },
    },
    outputDefinitions: { parameters: { x: { parameterType: "STRING" } }, artifacts: { m: {} } },
  };
}

const components = {
  prep: feeding("sub", "sub"),
  sub: feeding("a", "leaf"),
  loops: feeding("for-loop-1", "loop"),
  loop: feeding("a", "leaf"),
  outer: feeding("inner", "loop"),
};
const task = { inputs: { parameters: { n: { taskOutputParameter: { producerTask: "prep", outputParameterKey: "x" } } } } };
const artifactTask = { inputs: { artifacts: { n: { taskOutputArtifact: { producerTask: "prep", outputArtifactKey: "m" } } } } };
const given = (component: string, rows: (root: PipelineTask) => PipelineTask[]): object => ({
  task,
  components,
  tasks: { prep: { componentRef: { name: component } } },
  rows,
});
const X = (value: string): ReturnType<typeof parameter> => parameter("x", value, OUTPUT, "a");

describe("resolveInputs() after a run retry", () => {
  const rows = (state: TaskState) => (root: PipelineTask) => {
    const prep = row("prep", { parent: root, id: "prep", type: DAG, state: SUCCEEDED });
    const sub = row("sub", { parent: prep, id: "sub", type: DAG, state: SUCCEEDED });
    return [
      prep,
      sub,
      row("a", { parent: sub, id: "a", state, outputs: [X("v")], outputArtifacts: [artifact("m", "A1", OUTPUT, "a")] }),
    ];
  };

  test("takes an output that its DAG lost from the preserved task that made it", async () => {
    const { parameters, republish } = await resolve(given("prep", rows(SUCCEEDED)));
    expect(parameters.map(showParameter)).toEqual(['n="v" TASK_OUTPUT_INPUT sub']);
    expect([...republish.taskUpdates].map(([id, entries]) => `${id} ${entries.map(showParameter).join()}`)).toEqual([
      'sub x="v" OUTPUT a',
      'prep x="v" OUTPUT sub',
    ]);
    expect(republish.links.map(({ taskId }) => taskId)).toEqual(["sub", "prep"]);
  });

  test("takes artifacts as well", async () => {
    const { artifacts } = await resolve({ ...given("prep", rows(SUCCEEDED)), task: artifactTask });
    expect(artifacts.map(showArtifact)).toEqual(["n=[A1] TASK_OUTPUT_INPUT sub"]);
    expect(artifacts[0]?.artifacts[0]?.uri).toBe("s3://bucket/A1");
  });

  test("never takes what a failed task left", async () => {
    await expect(resolve(given("prep", rows(FAILED)))).rejects.toThrow(/producer "prep" has no output "x"/);
  });

  test("has nothing to republish when everything is there", async () => {
    const whole = (root: PipelineTask): PipelineTask[] => [
      row("prep", { parent: root, id: "prep", type: DAG, state: SUCCEEDED, outputs: [parameter("x", "v", OUTPUT, "sub")] }),
    ];
    const { parameters, republish } = await resolve(given("prep", whole));
    expect(parameters.map(showParameter)).toEqual(['n="v" TASK_OUTPUT_INPUT sub']);
    expect(republish.isEmpty).toBe(true);
  });

  const loop = (stored: number[], made: number[]) => (root: PipelineTask) => {
    const entries = stored.map((i) => parameter("x", `v${i}`, ITERATOR_OUTPUT, `a#${i}`));
    const prep = row("prep", { parent: root, id: "prep", type: LOOP, count: 3, state: SUCCEEDED, outputs: entries });
    return [prep, ...made.map((i) => row("a", { parent: prep, index: i, state: SUCCEEDED, outputs: [X(`v${i}`)] }))];
  };

  test("completes a loop of which only the repeated iteration published", async () => {
    expect(await parametersOf(given("loop", loop([1], [0, 1, 2])))).toEqual(['n=["v0","v1","v2"] COLLECTED_INPUTS prep']);
    const { republish } = await resolve(given("loop", loop([1], [0, 1, 2])));
    expect(republish.taskUpdates.get("prep")).toHaveLength(2);
  });

  test("leaves a shorter list alone when some iterations made nothing", async () => {
    const { parameters, republish } = await resolve(given("loop", loop([0, 2], [0, 2])));
    expect(parameters.map(showParameter)).toEqual(['n=["v0","v2"] COLLECTED_INPUTS prep']);
    expect(republish.isEmpty).toBe(true);
  });

  test("trusts entries that another launcher stamped in its own way", async () => {
    const odd = (root: PipelineTask): PipelineTask[] => {
      const entries = ["v0", "v1"].map((value) => parameter("x", value, ITERATOR_OUTPUT, "a"));
      const prep = row("prep", { parent: root, id: "prep", type: LOOP, count: 2, state: SUCCEEDED, outputs: entries });
      return [prep, ...[0, 1].map((i) => row("a", { parent: prep, index: i, state: SUCCEEDED, outputs: [X(`v${i}`)] }))];
    };
    expect(await parametersOf(given("loop", odd))).toEqual(['n=["v0","v1"] COLLECTED_INPUTS prep']);
  });

  test("completes the inner lists of nested loops", async () => {
    const nested = (root: PipelineTask): PipelineTask[] => {
      const outputs = [parameter("x", ["01"], ITERATOR_OUTPUT, "inner#0")];
      const prep = row("prep", { parent: root, id: "prep", type: LOOP, count: 1, state: SUCCEEDED, outputs });
      const entry = parameter("x", "01", ITERATOR_OUTPUT, "a#1");
      const inner = row("inner", { parent: prep, id: "i", type: LOOP, count: 2, index: 0, state: SUCCEEDED, outputs: [entry] });
      return [prep, inner, ...[0, 1].map((j) => row("a", { parent: inner, index: j, state: SUCCEEDED, outputs: [X(`0${j}`)] }))];
    };
    expect(await parametersOf(given("outer", nested))).toEqual(['n=[["00","01"]] COLLECTED_INPUTS prep']);
  });

  test("reads children of a partial index only where something is missing", async () => {
    const all = loop([1], [0, 1, 2])(row("root", { id: "root" }));
    const reader = readerOf([row("root", { id: "root" }), ...all]);
    expect(await parametersOf({ ...given("loop", () => all), lean: ["prep"], reader })).toEqual([
      'n=["v0","v1","v2"] COLLECTED_INPUTS prep',
    ]);
    expect(reader.calls).toEqual(["children prep"]);

    const whole = loop([0, 1, 2], [0, 1, 2])(row("root", { id: "root" }));
    const idle = readerOf(whole);
    expect(await parametersOf({ ...given("loop", () => whole), lean: ["prep"], reader: idle })).toHaveLength(1);
    expect(idle.calls).toEqual([]);
  });

  test("reads below a collection of a DAG only when its row was reset", async () => {
    const history = [RUNNING, FAILED, RUNNING].map((state) => ({ $typeName: "x", state }));
    const make = (isReset: boolean): PipelineTask[] => {
      const root = row("root", { id: "root" });
      const outputs = [parameter("x", "v1", ITERATOR_OUTPUT, "for-loop-1#1")];
      const extra = isReset ? { stateHistory: history as never } : {};
      const prep = row("prep", { parent: root, id: "prep", type: DAG, state: SUCCEEDED, outputs, extra });
      const entries = [parameter("x", "v1", ITERATOR_OUTPUT, "a#1")];
      const inner = row("for-loop-1", { parent: prep, id: "l", type: LOOP, count: 2, state: SUCCEEDED, outputs: entries });
      return [prep, inner, ...[0, 1].map((j) => row("a", { parent: inner, index: j, state: SUCCEEDED, outputs: [X(`v${j}`)] }))];
    };
    const reader = readerOf(make(true));
    expect(await parametersOf({ ...given("loops", () => make(true)), lean: ["prep"], reader })).toEqual([
      'n=["v0","v1"] COLLECTED_INPUTS prep',
    ]);
    expect(reader.calls).toEqual(["children prep", "children l"]);
    const idle = readerOf(make(false));
    expect(await parametersOf({ ...given("loops", () => make(false)), lean: ["prep"], reader: idle })).toEqual([
      'n=["v1"] COLLECTED_INPUTS prep',
    ]);
    expect(idle.calls).toEqual([]);
  });
});

describe("resolveInputs() of a loop without iterations inside a DAG (DRV-25)", () => {
  const rows = (count: number) => (root: PipelineTask) => {
    const prep = row("prep", { parent: root, id: "prep", type: DAG, state: SUCCEEDED });
    return [prep, row("for-loop-1", { parent: prep, id: "l", type: LOOP, count, state: SKIPPED })];
  };

  test("is an empty list", async () => {
    expect(await parametersOf(given("loops", rows(0)))).toEqual(["n=[] COLLECTED_INPUTS prep"]);
    expect(await artifactsOf({ ...given("loops", rows(0)), task: artifactTask })).toEqual(["n=[] COLLECTED_INPUTS prep"]);
    const reader = readerOf(rows(0)(row("root", { id: "root" })));
    expect(await parametersOf({ ...given("loops", rows(0)), lean: ["prep"], reader })).toEqual(["n=[] COLLECTED_INPUTS prep"]);
  });

  test("is an error when the loop was skipped for another reason", async () => {
    await expect(resolve(given("loops", rows(2)))).rejects.toThrow(/producer "prep" has no output "x"/);
  });
});
