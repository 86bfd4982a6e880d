import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { IoArtifact, PipelineTask } from "../../../src/core/kfp-types.ts";
import { ArtifactType, IoType, TaskState, TaskType, artifact, row } from "../rows.ts";
import { artifactsOf, outcomeOf, readerOf, resolve } from "../resolving.ts";

const { ITERATOR_OUTPUT, OUTPUT, COMPONENT_INPUT, COLLECTED_INPUTS, ONE_OF_OUTPUT } = IoType;

const fromTask = { inputs: { artifacts: { n: { taskOutputArtifact: { producerTask: "prep", outputArtifactKey: "m" } } } } };
const fromParent = { inputs: { artifacts: { n: { componentInputArtifact: "p" } } } };
const OPTIONAL = { inputDefinitions: { artifacts: { n: { isOptional: true } } } };
const LEAF = { executorLabel: "leaf", outputDefinitions: { artifacts: { m: {} } } };
const LIST_LEAF = { executorLabel: "leaf", outputDefinitions: { artifacts: { m: { isArtifactList: true } } } };

/** A DAG component whose artifact `m` is the one of its only task. */
function dag(child: string, component = child): object {
  return {
    dag: {
      tasks: { [child]: { componentRef: { name: component } } },
      outputs: { artifacts: { m: { artifactSelectors: [{ producerSubtask: child, outputArtifactKey: "m" }] } } },
    },
    outputDefinitions: { artifacts: { m: {} } },
  };
}

interface Prep {
  readonly type: TaskType;
  readonly entries: readonly IoArtifact[];
  readonly component?: object;
  readonly below?: (prep: PipelineTask) => readonly PipelineTask[];
  readonly count?: number;
  readonly components?: object;
}

function produced({ type, entries, below, count, components, ...rest }: Prep): object {
  const { component = type === TaskType.RUNTIME ? LEAF : dag("a", "leaf") } = rest;
  return {
    task: fromTask,
    tasks: { prep: { componentRef: { name: "prep" } } },
    components: { prep: component, ...components },
    rows: (root: PipelineTask) => {
      const options = { parent: root, id: "prep", type, outputArtifacts: entries, state: TaskState.SUCCEEDED };
      const prep = row("prep", { ...options, ...(count !== undefined && { count }) });
      return [prep, ...(below?.(prep) ?? [])];
    },
  };
}

describe("resolveInputs() of an output artifact", () => {
  test.for([
    {
      name: "an output",
      type: TaskType.RUNTIME,
      entries: [artifact("m", "A", OUTPUT, "prep")],
      expected: ["n=[A] TASK_OUTPUT_INPUT prep"],
    },
    {
      name: "a OneOf",
      type: TaskType.DAG,
      entries: [artifact("m", "A", ONE_OF_OUTPUT, "arm")],
      expected: ["n=[A] TASK_OUTPUT_INPUT arm"],
    },
    {
      name: "a single iterator output of a leaf",
      type: TaskType.RUNTIME,
      entries: [artifact("m", "A", ITERATOR_OUTPUT, "prep#1")],
      expected: ["n=[A] TASK_OUTPUT_INPUT prep#1"],
    },
    {
      name: "a single iterator output of a loop",
      type: TaskType.LOOP,
      entries: [artifact("m", "A", ITERATOR_OUTPUT, "a#1")],
      expected: ["n=[A] COLLECTED_INPUTS prep"],
    },
    {
      name: "a collection in iteration order",
      type: TaskType.LOOP,
      entries: [
        artifact("m", "B", ITERATOR_OUTPUT, "a#10"),
        artifact("m", "C", ITERATOR_OUTPUT, "a#0"),
        artifact("m", "A", ITERATOR_OUTPUT, "a#2"),
      ],
      expected: ["n=[C] COLLECTED_INPUTS prep", "n=[A] COLLECTED_INPUTS prep", "n=[B] COLLECTED_INPUTS prep"],
    },
    {
      name: "one artifact in two iterations, twice",
      type: TaskType.LOOP,
      entries: [artifact("m", "A", ITERATOR_OUTPUT, "a#0"), artifact("m", "A", ITERATOR_OUTPUT, "a#1")],
      expected: ["n=[A] COLLECTED_INPUTS prep", "n=[A] COLLECTED_INPUTS prep"],
    },
    {
      name: "the elements of a declared list",
      type: TaskType.RUNTIME,
      component: LIST_LEAF,
      entries: [artifact("m", "B", OUTPUT, "prep"), artifact("m", "A", OUTPUT, "prep")],
      expected: ["n=[B A] TASK_OUTPUT_INPUT prep"],
    },
    {
      name: "several outputs that are not a list",
      type: TaskType.RUNTIME,
      entries: [artifact("m", "A", OUTPUT, "prep"), artifact("m", "B", OUTPUT, "prep")],
      expected: expect.stringMatching(/multiple artifacts with producer key "m" of "prep" outside a loop collection/) as string,
    },
    {
      name: "no output",
      type: TaskType.RUNTIME,
      entries: [],
      expected: expect.stringContaining(
        'Cannot resolve input "n" of task "root.train": producer "prep" has no output "m"',
      ) as string,
    },
  ])("takes $name", async ({ type, entries, expected, component }) => {
    const resolved = artifactsOf(produced({ type, entries, ...(component && { component }) }));
    expect(await outcomeOf(resolved)).toEqual(expected);
  });

  test("omits an optional input whose producer has no output", async () => {
    expect(await artifactsOf({ ...produced({ type: TaskType.RUNTIME, entries: [] }), component: OPTIONAL })).toEqual([]);
  });

  test("still needs the producer itself for an optional input", async () => {
    await expect(resolve({ task: fromTask, component: OPTIONAL })).rejects.toThrow(/task "prep" not found/);
  });

  test("is an empty list for a loop without iterations, seen through a DAG as well", async () => {
    const empty = ["n=[] COLLECTED_INPUTS prep"];
    expect(await artifactsOf(produced({ type: TaskType.LOOP, count: 0, entries: [], component: dag("a", "leaf") }))).toEqual(
      empty,
    );
    const below = (prep: PipelineTask): PipelineTask[] => [
      row("loop", { parent: prep, type: TaskType.LOOP, count: 0, state: TaskState.SKIPPED }),
    ];
    const components = { loop: dag("a", "leaf"), leaf: LEAF };
    expect(await artifactsOf(produced({ type: TaskType.DAG, entries: [], component: dag("loop"), below, components }))).toEqual(
      empty,
    );
  });

  test("is an error for a DAG whose loop had iterations but made nothing", async () => {
    const below = (prep: PipelineTask): PipelineTask[] => [row("loop", { parent: prep, type: TaskType.LOOP, count: 2 })];
    const components = { loop: dag("a", "leaf"), leaf: LEAF };
    await expect(
      resolve(produced({ type: TaskType.DAG, entries: [], component: dag("loop"), below, components })),
    ).rejects.toThrow(/producer "prep" has no output "m"/);
  });

  test("stamps the own iteration", async () => {
    const given = {
      ...produced({ type: TaskType.RUNTIME, entries: [artifact("m", "A", OUTPUT, "prep")] }),
      iterationIndex: 3,
      parent: { index: 9 },
    };
    const rows = (root: PipelineTask): PipelineTask[] => [
      row("prep", { parent: root, index: 3, outputArtifacts: [artifact("m", "A", OUTPUT, "prep")] }),
    ];
    expect(await artifactsOf({ ...given, rows })).toEqual(["n=[A] TASK_OUTPUT_INPUT prep#3"]);
  });
});

describe("resolveInputs() where the server lost the iterations", () => {
  const ids = ["Z", "M", "A"];
  const below = (prep: PipelineTask): PipelineTask[] =>
    ids.map((id, index) => row("a", { parent: prep, index, outputArtifacts: [artifact("m", id, OUTPUT, "a")] }));
  const lost = produced({
    type: TaskType.LOOP,
    count: 3,
    component: dag("a", "leaf"),
    entries: ids.toSorted().map((id) => artifact("m", id, ITERATOR_OUTPUT, "a")),
    below,
  });
  const inOrder = ids.map((id) => `n=[${id}] COLLECTED_INPUTS prep`);

  test("orders a collection by the children that made it", async () => {
    expect(await artifactsOf(lost)).toEqual(inOrder);
  });

  test("reads the children when they are not at hand", async () => {
    const rows = (lost as { rows: (root: PipelineTask) => PipelineTask[] }).rows(row("root", { id: "root" }));
    const reader = readerOf(rows);
    expect(await artifactsOf({ ...lost, lean: ["prep"], reader })).toEqual(inOrder);
    expect(reader.calls).toEqual(["children prep"]);
  });

  test("keeps the server's order when nobody knows better", async () => {
    expect(await artifactsOf({ ...lost, lean: ["prep"] })).toEqual(ids.toSorted().map((id) => `n=[${id}] COLLECTED_INPUTS prep`));
  });

  test("parts merged metrics by the task that wrote them", async () => {
    const metrics = produced({
      type: TaskType.LOOP,
      count: 2,
      component: dag("a", "leaf"),
      entries: [artifact("m", ["m1:Metric", "m2:Metric", "m3:Metric"], ITERATOR_OUTPUT, "a")],
      below: (prep) => [
        row("a", { parent: prep, index: 0, outputArtifacts: [artifact("m", ["m3:Metric"], OUTPUT, "a")] }),
        row("a", { parent: prep, index: 1, outputArtifacts: [artifact("m", ["m1:Metric", "m2:Metric"], OUTPUT, "a")] }),
      ],
    });
    expect(await artifactsOf(metrics)).toEqual(["n=[m3] COLLECTED_INPUTS prep", "n=[m1 m2] COLLECTED_INPUTS prep"]);
    const { artifacts, producingTaskOf } = await resolve(metrics);
    const writers = artifacts.flatMap((entry) => entry.artifacts).map(producingTaskOf);
    expect(writers).toEqual(["prep/a#0", "prep/a#1", "prep/a#1"]);
    expect(artifacts[0]?.artifacts[0]?.type).toBe(ArtifactType.Metric);
  });

  test("flattens nested loops outer first, then inner, whatever order rows and entries come in", async () => {
    // Artifact ij was made in outer iteration i and inner iteration j; links of one outer iteration share its index.
    const made = ["00", "01", "10", "11", "12"];
    const entries = made.map((id) => artifact("m", id, ITERATOR_OUTPUT, `inner#${id[0]}`));
    const leaves = (inner: PipelineTask, i: string): PipelineTask[] =>
      made
        .filter((id) => id.startsWith(i))
        .map((id) => row("a", { parent: inner, index: Number(id[1]), outputArtifacts: [artifact("m", id, OUTPUT, "a")] }));
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray(entries, { minLength: entries.length }),
        fc.shuffledSubarray([0, 1], { minLength: 2 }),
        async (shuffled, outerOrder) => {
          const given = produced({
            type: TaskType.LOOP,
            count: 2,
            component: dag("inner"),
            components: { inner: dag("a", "leaf"), leaf: LEAF },
            entries: shuffled,
            below: (prep) =>
              outerOrder.flatMap((i) => {
                const inner = row("inner", {
                  parent: prep,
                  index: i,
                  type: TaskType.LOOP,
                  count: 3,
                  state: TaskState.SUCCEEDED,
                  outputArtifacts: made
                    .filter((id) => id.startsWith(String(i)))
                    .map((id) => artifact("m", id, ITERATOR_OUTPUT, `a#${id[1]}`))
                    .toReversed(),
                });
                return [...leaves(inner, String(i)), inner];
              }),
          });
          expect(await artifactsOf(given)).toEqual(made.map((id) => `n=[${id}] COLLECTED_INPUTS prep`));
        },
      ),
      { numRuns: 20 },
    );
  });
});

describe("resolveInputs() of a component's input artifact", () => {
  const given = (entries: readonly IoArtifact[], more: object = {}): object => ({
    task: fromParent,
    parent: { inputArtifacts: entries },
    ...more,
  });

  test.for([
    { name: "the entry", entries: [artifact("p", "A", COMPONENT_INPUT, "x")], expected: ["n=[A] COMPONENT_INPUT x"] },
    {
      name: "the entry of the iteration",
      entries: [artifact("p", "A", IoType.ITERATOR_INPUT, "x#0"), artifact("p", "B", IoType.ITERATOR_INPUT, "x#1")],
      iterationIndex: 1,
      expected: ["n=[B] COMPONENT_INPUT x#1"],
    },
    {
      name: "all of them when no iteration matches",
      entries: [artifact("p", "A", COLLECTED_INPUTS, "x"), artifact("p", "B", COLLECTED_INPUTS, "y")],
      iterationIndex: 1,
      expected: ["n=[A] COMPONENT_INPUT x#1", "n=[B] COMPONENT_INPUT x#1"],
    },
    { name: "nothing for an optional input", entries: [], component: OPTIONAL, expected: [] },
    {
      name: "nothing for a required input",
      entries: [],
      expected: expect.stringMatching(/the resolved input is null/) as string,
    },
  ])("takes $name", async ({ entries, expected, iterationIndex, component }) => {
    const resolved = artifactsOf(
      given(entries, { ...(iterationIndex !== undefined && { iterationIndex }), ...(component && { component }) }),
    );
    expect(await outcomeOf(resolved)).toEqual(expected);
  });

  test("is unknown without a kind", async () => {
    await expect(resolve({ task: { inputs: { artifacts: { n: {} } } } })).rejects.toThrow(/its kind of source is unknown/);
  });
});
