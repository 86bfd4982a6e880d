import { describe, expect, test } from "vitest";
import { linkStateOn } from "../../../src/resolver/run/io-entries.ts";
import { needsRepublish, planRepublish } from "../../../src/resolver/outputs/republish.ts";
import { TaskIndex } from "../../../src/resolver/run/task-index.ts";
import { IoType, TaskState, TaskType, artifact, parameter, row, showParameter, specOf } from "../rows.ts";

const from = (producerSubtask: string): object => ({ valueFromParameter: { producerSubtask, outputParameterKey: "x" } });
const SUB = {
  dag: {
    tasks: { a: { componentRef: { name: "a" } }, b: { componentRef: { name: "a" } } },
    outputs: {
      parameters: { x: from("a") },
      artifacts: { m: { artifactSelectors: [{ producerSubtask: "a", outputArtifactKey: "m" }] } },
    },
  },
  outputDefinitions: { parameters: { x: {} }, artifacts: { m: {} } },
};
const spec = specOf({
  root: {
    dag: { tasks: { sub: { componentRef: { name: "sub" } } }, outputs: { parameters: { x: from("sub") } } },
    outputDefinitions: { parameters: { x: {} } },
  },
  components: { sub: SUB, a: { executorLabel: "a" } },
});

const X = parameter("x", 1, IoType.OUTPUT, "a");
const M = artifact("m", "A1", IoType.OUTPUT, "a");
const rootRow = (outputs = [parameter("x", 1, IoType.OUTPUT, "sub")]) => row("root", { id: "root", outputs });
const subRow = (outputs = [X], outputArtifacts = [M]) =>
  row("sub", { parent: rootRow(), id: "sub", type: TaskType.DAG, outputs, outputArtifacts });
const aRow = (state: TaskState) => row("a", { parent: subRow(), id: "a", state, outputs: [X], outputArtifacts: [M] });

describe("needsRepublish()", () => {
  test.for([
    { name: "nothing is missing", rows: [rootRow(), subRow()], needed: false },
    { name: "a parameter is missing", rows: [rootRow(), subRow([])], needed: true },
    { name: "an artifact is missing", rows: [rootRow(), subRow([X], [])], needed: true },
    { name: "only an ancestor's is missing", rows: [rootRow([]), subRow()], needed: true },
  ])("is $needed when $name", ({ rows, needed }) => {
    expect(needsRepublish(spec, rows[1]!, new TaskIndex(rows))).toBe(needed);
  });
});

describe("planRepublish()", () => {
  const plan = async (rows: ReturnType<typeof row>[]) => {
    const made = await planRepublish(spec, rows[1]!, new TaskIndex(rows));
    return [...made.taskUpdates].flatMap(([id, entries]) => entries.map((entry) => `${id} ${showParameter(entry)}`));
  };

  test.for([TaskState.SUCCEEDED, TaskState.CACHED, TaskState.SKIPPED])(
    "takes the outputs of a preserved child in state %i",
    async (state) => {
      expect(await plan([rootRow([]), subRow([], []), aRow(state)])).toEqual(["sub x=1 OUTPUT a", "root x=1 OUTPUT sub"]);
    },
  );

  test.for([TaskState.RUNNING, TaskState.FAILED])("leaves a child in state %i alone", async (state) => {
    expect(await plan([rootRow([]), subRow([], []), aRow(state)])).toEqual([]);
  });

  test("G3 does nothing when everything is there", async () => {
    expect(await plan([rootRow(), subRow(), aRow(TaskState.SUCCEEDED)])).toEqual([]);
  });

  test("G4 repairs a parameter beside links that are there, which are left out", async () => {
    const rows = [rootRow([]), subRow([]), aRow(TaskState.SUCCEEDED)];
    const tasks = new TaskIndex(rows);
    const made = await planRepublish(spec, rows[1]!, tasks);
    expect(made.taskUpdates.get("sub")?.map(showParameter)).toEqual(["x=1 OUTPUT a"]);
    expect(made.links.map((link) => linkStateOn(tasks.get(link.taskId ?? "") ?? rows[0]!, link))).toEqual(["present"]);
  });

  test("G5 repairs the root above a complete parent", async () => {
    expect(await plan([rootRow([]), subRow(), aRow(TaskState.SUCCEEDED)])).toEqual(["root x=1 OUTPUT sub"]);
  });

  test("keeps the iterations of a preserved loop", async () => {
    const loopSpec = specOf({
      root: {
        dag: { tasks: { loop: { componentRef: { name: "loop" } } }, outputs: { parameters: { x: from("loop") } } },
        outputDefinitions: { parameters: { x: {} } },
      },
      components: { loop: SUB, a: { executorLabel: "a" } },
    });
    const root = rootRow([]);
    const entries = [0, 1, 2].map((i) => parameter("x", "same", IoType.ITERATOR_OUTPUT, `a#${i}`));
    const loop = row("loop", {
      parent: root,
      id: "loop",
      type: TaskType.LOOP,
      count: 3,
      state: TaskState.SUCCEEDED,
      outputs: entries,
    });
    const made = await planRepublish(loopSpec, root, new TaskIndex([root, loop]));
    expect(made.taskUpdates.get("root")?.map(showParameter)).toEqual([
      'x="same" ITERATOR_OUTPUT loop#0',
      'x="same" ITERATOR_OUTPUT loop#1',
      'x="same" ITERATOR_OUTPUT loop#2',
    ]);
  });
});

describe("planRepublish() on a server that hides the iteration of artifacts", () => {
  test("goes down to the tasks of the loop", async () => {
    const fed = { dag: SUB.dag, outputDefinitions: SUB.outputDefinitions };
    const rootDag = {
      dag: {
        tasks: { loop: { componentRef: { name: "loop" } } },
        outputs: { artifacts: { m: { artifactSelectors: [{ producerSubtask: "loop", outputArtifactKey: "m" }] } } },
      },
      outputDefinitions: { artifacts: { m: {} } },
    };
    const loopSpec = specOf({ root: rootDag, components: { loop: fed, a: { executorLabel: "a" } } });
    const root = row("root", { id: "root" });
    const outputArtifacts = ["A1", "A2"].map((id) => artifact("m", id, IoType.ITERATOR_OUTPUT, "a"));
    const loop = row("loop", {
      parent: root,
      id: "loop",
      type: TaskType.LOOP,
      count: 2,
      state: TaskState.SUCCEEDED,
      outputArtifacts,
    });
    const leaves = ["A2", "A1"].map((id, index) =>
      row("a", { parent: loop, index, state: TaskState.SUCCEEDED, outputArtifacts: [artifact("m", id, IoType.OUTPUT, "a")] }),
    );
    const made = await planRepublish(loopSpec, root, new TaskIndex([root, loop, ...leaves]));
    const atRoot = made.links.filter(({ taskId }) => taskId === "root");
    expect(atRoot.map(({ artifactId, producer }) => [artifactId, producer?.iteration])).toEqual([
      ["A2", 0n],
      ["A1", 1n],
    ]);
  });
});
