import { describe, expect, test } from "vitest";
import type { PipelineTask } from "../../../src/core/kfp-types.ts";
import { resolveInputs } from "../../../src/resolver/inputs/resolve-inputs.ts";
import { scopeEntryAt } from "../../../src/resolver/run/spec-lookup.ts";
import { TaskIndex } from "../../../src/resolver/run/task-index.ts";
import type { TaskReader } from "../../../src/resolver/run/task-rows.ts";
import { JOB, readerOf } from "../resolving.ts";
import { IoType, TaskType, artifact, row, showArtifact, specOf } from "../rows.ts";

const { COLLECTED_INPUTS, COMPONENT_INPUT, ITERATOR_INPUT, ITERATOR_OUTPUT, OUTPUT } = IoType;
const { DAG, IMPORTER, LOOP } = TaskType;

const own = { inputs: { artifacts: { n: { componentInputArtifact: "p" } } } };
const spec = specOf({
  root: {
    dag: {
      tasks: {
        loop: { componentRef: { name: "loop" } },
        outer: {
          componentRef: { name: "outer" },
          inputs: { artifacts: { q: { taskOutputArtifact: { producerTask: "loop", outputArtifactKey: "m" } } } },
        },
        each: {
          componentRef: { name: "each" },
          inputs: { artifacts: { list: { taskOutputArtifact: { producerTask: "loop", outputArtifactKey: "m" } } } },
          artifactIterator: { items: { inputArtifact: "list" }, itemInput: "p" },
        },
      },
    },
  },
  components: {
    loop: {
      dag: {
        tasks: { a: { componentRef: { name: "leaf" } } },
        outputs: { artifacts: { m: { artifactSelectors: [{ producerSubtask: "a", outputArtifactKey: "m" }] } } },
      },
      outputDefinitions: { artifacts: { m: { isArtifactList: true } } },
    },
    outer: {
      dag: { tasks: { sub: { componentRef: { name: "sub" }, inputs: { artifacts: { p: { componentInputArtifact: "q" } } } } } },
    },
    sub: { dag: { tasks: { train: { componentRef: { name: "leaf" }, ...own } } } },
    each: { dag: { tasks: { train: { componentRef: { name: "leaf" }, ...own } } } },
    leaf: { executorLabel: "leaf" },
  },
  deploymentSpec: { executors: { leaf: { importer: { downloadToWorkspace: true } } } },
});

/** Iteration by iteration what the loop made; artifacts of one iteration are split by spaces. */
function snapshot(made: readonly string[], type = TaskType.RUNTIME): PipelineTask[] {
  const root = row("root", { id: "root" });
  const entries = made.map((ids, i) => artifact("m", ids.split(" "), ITERATOR_OUTPUT, `a#${i}`));
  const loop = row("loop", { parent: root, id: "loop", type: LOOP, count: made.length, outputArtifacts: entries });
  const leaves = made.map((ids, index) =>
    row("a", { parent: loop, index, type, outputArtifacts: [artifact("m", ids.split(" "), OUTPUT, "a")] }),
  );
  for (const leaf of leaves) if (leaf.typeAttributes !== undefined) leaf.typeAttributes.downloadToWorkspace = type === IMPORTER;
  // Links hold an artifact once, in the order of ids.
  const ids = [...new Set(made.flatMap((text) => text.split(" ")))].toSorted();
  const isMetric = ids.every((id) => id.endsWith(":Metric"));
  const inputs = (key: string, of: IoType): ReturnType<typeof artifact>[] =>
    isMetric ? [artifact(key, ids, of, "loop")] : ids.map((id) => artifact(key, id, of, "loop"));
  const outer = row("outer", { parent: root, id: "outer", type: DAG, inputArtifacts: inputs("q", COLLECTED_INPUTS) });
  const sub = row("sub", { parent: outer, id: "sub", type: DAG, inputArtifacts: inputs("p", COMPONENT_INPUT) });
  return [root, loop, ...leaves, outer, sub];
}

async function resolveBelow(
  parentId: string,
  rows: readonly PipelineTask[],
  options: { lean?: boolean; reader?: TaskReader; index?: number } = {},
) {
  const index = new TaskIndex(options.lean === true ? rows.filter(({ taskId }) => taskId === parentId) : rows, {
    ...(options.lean === true && { completeParents: [] }),
  });
  const parent = rows.find(({ taskId }) => taskId === parentId);
  if (parent === undefined) throw new Error("no parent");
  const { taskSpec, component } = scopeEntryAt(spec, `${parent.scopePath}.train`);
  if (taskSpec === undefined) throw new Error("no task spec");
  return resolveInputs({
    spec,
    taskKey: "train",
    taskSpec,
    component,
    parent,
    tasks: index,
    reader: options.reader,
    iterationIndex: options.index,
    job: JOB,
  });
}

describe("a list that came through the inputs of DAGs", () => {
  test("has the order its producer made it in", async () => {
    const { artifacts } = await resolveBelow("sub", snapshot(["C", "B", "A"]));
    expect(artifacts.map(showArtifact)).toEqual(["C", "B", "A"].map((id) => `n=[${id}] COMPONENT_INPUT loop`));
  });

  test("holds an artifact as often as its producer made it", async () => {
    const { artifacts } = await resolveBelow("sub", snapshot(["B", "A", "B"]));
    expect(artifacts.map(showArtifact)).toEqual(["B", "A", "B"].map((id) => `n=[${id}] COMPONENT_INPUT loop`));
  });

  test("keeps the metrics of different tasks apart", async () => {
    const { artifacts } = await resolveBelow("sub", snapshot(["m3:Metric m1:Metric", "m2:Metric"]));
    expect(artifacts.map(showArtifact)).toEqual(["n=[m3 m1] COMPONENT_INPUT loop", "n=[m2] COMPONENT_INPUT loop"]);
  });

  test("is looked up step by step when rows were not read, and is left as it is without a reader", async () => {
    const rows = snapshot(["C", "B", "A"]);
    const reader = readerOf(rows);
    const { artifacts } = await resolveBelow("sub", rows, { lean: true, reader });
    expect(artifacts.map(showArtifact)).toEqual(["C", "B", "A"].map((id) => `n=[${id}] COMPONENT_INPUT loop`));
    expect(reader.calls).toEqual(["task outer", "task root", "children root", "children loop"]);
    const alone = await resolveBelow("sub", rows, { lean: true });
    expect(alone.artifacts.map(showArtifact)).toEqual(["A", "B", "C"].map((id) => `n=[${id}] COMPONENT_INPUT loop`));
  });
});

describe("the item of an artifact iterator", () => {
  const each = (entries: ReturnType<typeof artifact>[]): PipelineTask[] => {
    const rows = snapshot(["C", "B", "A"]);
    const list = ["A", "B", "C"].map((id) => artifact("list", id, COLLECTED_INPUTS, "loop"));
    return [
      ...rows,
      row("each", { parent: rows[0] ?? "root", id: "each", type: LOOP, count: 3, inputArtifacts: [...list, ...entries] }),
    ];
  };

  test("is the entry of the iteration", async () => {
    const entries = ["C", "B", "A"].map((id, i) => artifact("p", id, ITERATOR_INPUT, `ROOT#${i}`));
    expect((await resolveBelow("each", each(entries), { index: 2 })).artifacts.map(showArtifact)).toEqual([
      "n=[A] COMPONENT_INPUT ROOT#2",
    ]);
  });

  test("is derived from the list when the server lost the iterations", async () => {
    const entries = ["A", "B", "C"].map((id) => artifact("p", id, ITERATOR_INPUT, "ROOT"));
    expect((await resolveBelow("each", each(entries), { index: 0 })).artifacts.map(showArtifact)).toEqual([
      "n=[C] COMPONENT_INPUT ROOT#0",
    ]);
  });
});

describe("workspaceArtifactIds", () => {
  test("holds what importers downloaded, through DAGs and loops (DRV-21)", async () => {
    expect((await resolveBelow("sub", snapshot(["B", "A"], IMPORTER))).workspaceArtifactIds).toEqual(new Set(["A", "B"]));
    expect((await resolveBelow("sub", snapshot(["B", "A"]))).workspaceArtifactIds).toEqual(new Set());
  });

  test("looks for the importer when its row was not read", async () => {
    const rows = snapshot(["A"], IMPORTER);
    const resolved = await resolveBelow("sub", rows, { lean: true, reader: readerOf(rows) });
    expect(resolved.workspaceArtifactIds).toEqual(new Set(["A"]));
  });
});
