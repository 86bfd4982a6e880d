import { describe, expect, test } from "vitest";
import type { PipelineSpec, PipelineTask } from "../../../src/core/kfp-types.ts";
import { planPropagation } from "../../../src/resolver/outputs/propagate-outputs.ts";
import { PropagationPlan } from "../../../src/resolver/outputs/propagation-plan.ts";
import { TaskIndex } from "../../../src/resolver/run/task-index.ts";
import { IoType, TaskType, artifact, parameter, row, showParameter, showProducer, specOf } from "../rows.ts";

const { LOOP, DAG, CONDITION_BRANCH } = TaskType;

/** A DAG component whose outputs `x` (parameter) and `m` (artifact) come from one child's outputs of the same names. */
function dag(child: string, component: string, options: { lists?: boolean } = {}): object {
  return {
    dag: {
      tasks: { [child]: { componentRef: { name: component } } },
      outputs: {
        parameters: { x: { valueFromParameter: { producerSubtask: child, outputParameterKey: "x" } } },
        artifacts: { m: { artifactSelectors: [{ producerSubtask: child, outputArtifactKey: "m" }] } },
      },
    },
    outputDefinitions: {
      parameters: { x: { parameterType: options.lists === true ? "LIST" : "STRING" } },
      artifacts: { m: { artifactType: { schemaTitle: "system.Model" }, isArtifactList: options.lists === true } },
    },
  };
}

const LEAF = { executorLabel: "leaf", outputDefinitions: { parameters: { x: {} }, artifacts: { m: {} } } };

interface Level {
  readonly key: string;
  readonly type: TaskType;
  readonly index?: number;
  readonly count?: number;
  readonly lists?: boolean;
}

/** A chain of DAGs from just below the root down to the leaf `a`, every one of them fed by the next. */
function chain(
  levels: readonly Level[],
  leaf: { index?: number; type?: IoType } = {},
): { spec: PipelineSpec; rows: PipelineTask[] } {
  const names = [...levels.map(({ key }) => key), "a"];
  const components = Object.fromEntries(
    levels.map(({ key, lists = false }, i) => [key, dag(names[i + 1] ?? "a", names[i + 1] ?? "a", { lists })]),
  );
  const spec = specOf({ root: dag(names[0] ?? "a", names[0] ?? "a"), components: { ...components, a: LEAF } });
  const rows = [row("root", { id: "root" })];
  for (const { key, type, index, count } of levels) {
    const parent = rows.at(-1);
    rows.push(
      row(key, {
        ...(parent && { parent }),
        id: key,
        type,
        ...(index !== undefined && { index }),
        ...(count !== undefined && { count }),
      }),
    );
  }
  const type = leaf.type ?? IoType.OUTPUT;
  const producer = leaf.index === undefined ? "a" : `a#${leaf.index}`;
  const parent = rows.at(-1);
  rows.push(
    row("a", {
      ...(parent && { parent }),
      id: "a",
      ...(leaf.index !== undefined && { index: leaf.index }),
      outputs: [parameter("x", "v", type, producer)],
      // As a server of the branch shows it: without the iteration.
      outputArtifacts: [artifact("m", "A1", type, "a")],
    }),
  );
  return { spec, rows };
}

async function propagate(spec: PipelineSpec, rows: readonly PipelineTask[], taskId = "a"): Promise<PropagationPlan> {
  const tasks = new TaskIndex(rows);
  const task = tasks.get(taskId);
  if (task === undefined) throw new Error(`no row ${taskId}`);
  return planPropagation({ spec, task, readTask: (id) => Promise.resolve(tasks.get(id)) });
}

function show(plan: PropagationPlan): string[] {
  return [
    ...[...plan.taskUpdates].flatMap(([id, entries]) => entries.map((entry) => `${id} ${showParameter(entry)}`)),
    ...plan.links.map(({ artifactId, taskId, type, key, producer }) => {
      return `${taskId} ${key}=[${artifactId}] ${IoType[type ?? 0]} ${showProducer(producer)}`;
    }),
  ];
}

describe("planPropagation()", () => {
  test.for([
    { name: "a leaf below the root", levels: [], leaf: {}, expected: ["root OUTPUT a"] },
    {
      name: "a sub-pipeline",
      levels: [{ key: "sub", type: DAG }],
      leaf: {},
      expected: ["sub OUTPUT a", "root OUTPUT sub"],
    },
    {
      name: "a loop in a sub-pipeline",
      levels: [
        { key: "sub", type: DAG, lists: true },
        { key: "for-loop-1", type: LOOP, count: 3 },
      ],
      leaf: { index: 2, type: IoType.ITERATOR_OUTPUT },
      expected: ["for-loop-1 ITERATOR_OUTPUT a#2", "sub ITERATOR_OUTPUT for-loop-1#2", "root ITERATOR_OUTPUT sub#2"],
    },
    {
      name: "an arm of if and else",
      levels: [
        { key: "condition-branches-1", type: DAG },
        { key: "condition-2", type: CONDITION_BRANCH },
      ],
      leaf: {},
      expected: [
        "condition-2 ONE_OF_OUTPUT a",
        "condition-branches-1 ONE_OF_OUTPUT condition-2",
        "root ONE_OF_OUTPUT condition-branches-1",
      ],
    },
    {
      name: "an arm that declares lists",
      levels: [{ key: "condition-2", type: CONDITION_BRANCH, lists: true }],
      leaf: {},
      expected: ["condition-2 OUTPUT a", "root OUTPUT condition-2"],
    },
    {
      name: "a DAG inside a loop",
      levels: [
        { key: "for-loop-1", type: LOOP, count: 3 },
        { key: "inner", type: DAG, index: 2 },
      ],
      leaf: { index: 2, type: IoType.ITERATOR_OUTPUT },
      expected: ["inner OUTPUT a", "for-loop-1 ITERATOR_OUTPUT inner#2", "root ITERATOR_OUTPUT for-loop-1#2"],
    },
    {
      name: "an arm inside a loop",
      levels: [
        { key: "for-loop-1", type: LOOP, count: 3 },
        { key: "condition-2", type: CONDITION_BRANCH, index: 1 },
      ],
      leaf: { index: 1 },
      expected: ["condition-2 ONE_OF_OUTPUT a", "for-loop-1 ITERATOR_OUTPUT condition-2#1", "root ITERATOR_OUTPUT for-loop-1#1"],
    },
  ])("stamps type, producer and iteration for $name", async ({ levels, leaf, expected }) => {
    const { spec, rows } = chain(levels, leaf);
    const shown = show(await propagate(spec, rows));
    const withoutValues = shown.map((line) => line.replace(/(\w+)=\S+ /, ""));
    expect(withoutValues.slice(0, expected.length)).toEqual(expected);
    expect(withoutValues.slice(expected.length), "links as parameters").toEqual(expected);
  });

  test("keeps keys, values and artifacts", async () => {
    const { spec, rows } = chain([{ key: "sub", type: DAG }]);
    expect(show(await propagate(spec, rows))).toEqual([
      'sub x="v" OUTPUT a',
      'root x="v" OUTPUT sub',
      "sub m=[A1] OUTPUT a",
      "root m=[A1] OUTPUT sub",
    ]);
  });

  test("ends where nothing matches, without reading that ancestor", async () => {
    const { spec, rows } = chain([{ key: "sub", type: DAG }]);
    const deaf = { ...spec, root: specOf({ root: { dag: { tasks: { sub: { componentRef: { name: "sub" } } } } } }).root! };
    const reads: string[] = [];
    const tasks = new TaskIndex(rows);
    const plan = await planPropagation({
      spec: deaf,
      task: tasks.get("a")!,
      readTask: (id) => {
        reads.push(id);
        return Promise.resolve(tasks.get(id));
      },
    });
    expect(reads).toEqual(["sub"]);
    expect(show(plan)).toEqual(['sub x="v" OUTPUT a', "sub m=[A1] OUTPUT a"]);
  });

  test("does nothing without parent or without outputs", async () => {
    const { spec, rows } = chain([]);
    expect((await propagate(spec, rows, "root")).isEmpty).toBe(true);
    const silent = row("a", { parent: rows[0]!, id: "a" });
    expect((await propagate(spec, [rows[0]!, silent])).isEmpty).toBe(true);
  });

  test("feeds several keys from one output, and one key from the arms of a OneOf", async () => {
    const spec = specOf({
      root: {
        dag: {
          tasks: { a: { componentRef: { name: "a" } }, b: { componentRef: { name: "a" } } },
          outputs: {
            parameters: {
              two: { valueFromParameter: { producerSubtask: "a", outputParameterKey: "x" } },
              one: {
                valueFromOneof: {
                  parameterSelectors: [
                    { producerSubtask: "b", outputParameterKey: "x" },
                    { producerSubtask: "a", outputParameterKey: "x" },
                  ],
                },
              },
              undeclared: { valueFromParameter: { producerSubtask: "a", outputParameterKey: "x" } },
              other: { valueFromParameter: { producerSubtask: "b", outputParameterKey: "x" } },
            },
          },
        },
        outputDefinitions: { parameters: { two: {}, one: {}, other: {} } },
      },
      components: { a: LEAF },
    });
    const root = row("root", { id: "root" });
    const a = row("a", { parent: root, id: "a", outputs: [parameter("x", 1, IoType.OUTPUT, "a")] });
    expect(show(await propagate(spec, [root, a]))).toEqual(["root one=1 OUTPUT a", "root two=1 OUTPUT a"]);
  });

  test("leaves out what an ancestor has, and goes on above it", async () => {
    const { spec, rows } = chain([{ key: "sub", type: DAG }]);
    const [root, , a] = rows;
    const sub = row("sub", { parent: root!, id: "sub", type: DAG, outputs: [parameter("x", "v", IoType.OUTPUT, "a")] });
    expect(show(await propagate(spec, [root!, sub, a!])).slice(0, 1)).toEqual(['root x="v" OUTPUT sub']);
  });

  test("replaces an entry whose value changed", async () => {
    const { spec, rows } = chain([]);
    const root = row("root", { id: "root", outputs: [parameter("x", "old", IoType.OUTPUT, "a")] });
    expect(show(await propagate(spec, [root, rows[1]!]))[0]).toBe('root x="v" OUTPUT a');
  });

  test("keeps the lower levels when an ancestor is not there", async () => {
    const { spec, rows } = chain([{ key: "sub", type: DAG }]);
    const tasks = new TaskIndex(rows.slice(1));
    const plan = new PropagationPlan();
    const request = { spec, task: tasks.get("a")!, readTask: (id: string) => Promise.resolve(tasks.get(id)) };
    await expect(planPropagation(request, plan)).rejects.toThrow(/"root.sub": its parent is not part of the run/);
    expect(show(plan)).toEqual(['sub x="v" OUTPUT a', "sub m=[A1] OUTPUT a"]);
  });
});

describe("planPropagation() through nested loops (UPS-10)", () => {
  const levels = [
    { key: "for-loop-1", type: LOOP, count: 2 },
    { key: "for-loop-2", type: LOOP, count: 3, index: 1 },
  ];
  const { spec } = chain(levels, { index: 0 });
  const root = row("root", { id: "root" });
  const outer = (outputs: ReturnType<typeof parameter>[] = []): PipelineTask =>
    row("for-loop-1", { parent: root, id: "outer", type: LOOP, count: 2, outputs });
  const inner = (outputs: ReturnType<typeof parameter>[] = []): PipelineTask =>
    row("for-loop-2", { parent: outer(), id: "inner", type: LOOP, count: 3, index: 1, outputs });
  const a = (j: number): PipelineTask =>
    row("a", {
      parent: inner(),
      id: "a",
      index: j,
      outputs: [parameter("x", `1${j}`, IoType.ITERATOR_OUTPUT, `a#${j}`)],
      outputArtifacts: [artifact("m", `A1${j}`, IoType.ITERATOR_OUTPUT, "a")],
    });
  const entry = (j: number): ReturnType<typeof parameter> => parameter("x", `1${j}`, IoType.ITERATOR_OUTPUT, `a#${j}`);

  test("publishes one list per outer iteration, in the order of the inner one", async () => {
    expect(show(await propagate(spec, [root, outer(), inner([entry(2), entry(0)]), a(1)]))).toEqual([
      'inner x="11" ITERATOR_OUTPUT a#1',
      'outer x=["10","11","12"] ITERATOR_OUTPUT for-loop-2#1',
      'root x=["10","11","12"] ITERATOR_OUTPUT for-loop-1#1',
      "inner m=[A11] ITERATOR_OUTPUT a#1",
      "outer m=[A11] ITERATOR_OUTPUT for-loop-2#1",
      "root m=[A11] ITERATOR_OUTPUT for-loop-1#1",
    ]);
  });

  test("replaces the shorter list of before", async () => {
    const before = outer([parameter("x", ["10"], IoType.ITERATOR_OUTPUT, "for-loop-2#1")]);
    expect(show(await propagate(spec, [root, before, inner([entry(0)]), a(1)]))[1]).toBe(
      'outer x=["10","11"] ITERATOR_OUTPUT for-loop-2#1',
    );
  });

  test("passes the list through a DAG between the loops as an ordinary output", async () => {
    const between = chain(
      [
        { key: "for-loop-1", type: LOOP, count: 2 },
        { key: "sub", type: DAG, index: 1, lists: true },
        { key: "for-loop-2", type: LOOP, count: 3, index: 1 },
      ],
      { index: 0, type: IoType.ITERATOR_OUTPUT },
    );
    expect(show(await propagate(between.spec, between.rows))).toEqual([
      'for-loop-2 x="v" ITERATOR_OUTPUT a#0',
      'sub x=["v"] OUTPUT for-loop-2',
      'for-loop-1 x=["v"] ITERATOR_OUTPUT sub#1',
      'root x=["v"] ITERATOR_OUTPUT for-loop-1#1',
      "for-loop-2 m=[A1] ITERATOR_OUTPUT a#0",
      "sub m=[A1] ITERATOR_OUTPUT for-loop-2#0",
      "for-loop-1 m=[A1] ITERATOR_OUTPUT sub#1",
      "root m=[A1] ITERATOR_OUTPUT for-loop-1#1",
    ]);
  });

  test("finds the iterations of inner entries that have lost them in the rows below", async () => {
    // As the reference leaves them: one entry for equal values, no iteration.
    const lost = inner([parameter("x", "same", IoType.ITERATOR_OUTPUT, "a")]);
    const of = (j: number, value: string): PipelineTask =>
      row("a", { parent: inner(), id: `a${j}`, index: j, outputs: [parameter("x", value, IoType.ITERATOR_OUTPUT, `a#${j}`)] });
    const tasks = new TaskIndex([root, outer(), lost]);
    const reads: string[] = [];
    const plan = await planPropagation({
      spec,
      task: a(1),
      readTask: (id) => Promise.resolve(tasks.get(id)),
      readChildren(id) {
        reads.push(id);
        return Promise.resolve([of(2, "same"), of(0, "same"), row("b", { parent: inner(), index: 0 })]);
      },
    });
    expect(show(plan).filter((text) => text.includes(" x="))).toEqual([
      'inner x="11" ITERATOR_OUTPUT a#1',
      'outer x=["same","11","same"] ITERATOR_OUTPUT for-loop-2#1',
      'root x=["same","11","same"] ITERATOR_OUTPUT for-loop-1#1',
    ]);
    expect(reads).toEqual(["inner"]);
  });

  test("refuses an inner entry without iteration where nobody knows it", async () => {
    const lost = parameter("x", "?", IoType.ITERATOR_OUTPUT, "a");
    await expect(propagate(spec, [root, outer(), inner([lost]), a(1)])).rejects.toThrow(
      /nested loop output "x" .* has no iteration index/,
    );
  });

  test("says which inner loops to read again, and makes a longer list of one that grew", async () => {
    const plan = await propagate(spec, [root, outer(), inner([entry(0)]), a(1)]);
    expect(plan.innerLoopIds).toEqual(["inner"]);
    const grown = inner([entry(0), entry(1), entry(2)]);
    const tasks = new TaskIndex([root, outer()]);
    const again = await planPropagation({
      spec,
      task: grown,
      readTask: (id) => Promise.resolve(tasks.get(id)),
      outputs: "parameters",
    });
    expect(show(again)).toEqual([
      'outer x=["10","11","12"] ITERATOR_OUTPUT for-loop-2#1',
      'root x=["10","11","12"] ITERATOR_OUTPUT for-loop-1#1',
    ]);
  });

  test("gathers over several tasks of one plan", async () => {
    const tasks = new TaskIndex([root, outer(), inner()]);
    const plan = new PropagationPlan();
    for (const j of [2, 0, 1]) {
      await planPropagation({ spec, task: a(j), readTask: (id) => Promise.resolve(tasks.get(id)) }, plan);
    }
    expect(plan.taskUpdates.get("outer")?.map(showParameter)).toEqual(['x=["10","11","12"] ITERATOR_OUTPUT for-loop-2#1']);
    expect(plan.taskUpdates.get("inner")).toHaveLength(3);
    expect(plan.links).toHaveLength(9);
  });
});
