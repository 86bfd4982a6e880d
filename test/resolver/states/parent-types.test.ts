/**
 * What ends of children mean for parents of each type and for features that are made of them, row by row.
 *
 * docs/spec/status-roll-up.md#per-type
 */
import { describe, expect, test } from "vitest";
import type { PipelineTask } from "../../../src/core/kfp-types.ts";
import { TaskIndex } from "../../../src/resolver/run/task-index.ts";
import { planStatusWalk, statusLevelOf } from "../../../src/resolver/states/status-walk.ts";
import { TaskState, TaskType, row, specOf } from "../rows.ts";

const { SUCCEEDED, FAILED, RUNNING, CACHED, SKIPPED, RUNTIME_STATE_UNSPECIFIED: UNSPECIFIED } = TaskState;
const leaf = { componentRef: { name: "leaf" } };

/** A root with one task `d`, whose component has the tasks `x` and `y`. */
const nested = specOf({
  root: { dag: { tasks: { d: { componentRef: { name: "body" } } } } },
  components: { leaf: { executorLabel: "x" }, body: { dag: { tasks: { x: leaf, y: leaf } } } },
});
const root = row("root", { id: "R" });

async function walk(spec: typeof nested, start: PipelineTask, others: readonly PipelineTask[]): Promise<string[]> {
  const tasks = new TaskIndex([start, ...others]);
  const updates = await planStatusWalk({ spec, start, readLevel: (id) => Promise.resolve(statusLevelOf(tasks, id)) });
  return updates.map(({ taskId, state }) => `${taskId} ${TaskState[state]}`);
}

describe.for([
  { type: TaskType.DAG, name: "DAG" },
  { type: TaskType.CONDITION, name: "CONDITION" },
  { type: TaskType.CONDITION_BRANCH, name: "CONDITION_BRANCH" },
  { type: TaskType.EXIT_HANDLER, name: "EXIT_HANDLER" },
  { type: TaskType.LOOP, name: "LOOP of one iteration" },
])("a parent of type $name with the tasks x and y", ({ type }) => {
  const parent = row("d", { parent: root, id: "D", type, ...(type === TaskType.LOOP ? { count: 1 } : {}) });
  const child = (name: string, state: TaskState): PipelineTask =>
    row(name, { parent, state, ...(type === TaskType.LOOP ? { index: 0 } : {}) });

  test.for<{ name: string; x: TaskState; y: TaskState | undefined; updates: string[] }>([
    { name: "y is not created", x: SUCCEEDED, y: undefined, updates: [] },
    { name: "y runs", x: SUCCEEDED, y: RUNNING, updates: [] },
    { name: "both succeed", x: SUCCEEDED, y: SUCCEEDED, updates: ["D SUCCEEDED", "R SUCCEEDED"] },
    { name: "a cached and a skipped child", x: CACHED, y: SKIPPED, updates: ["D SUCCEEDED", "R SUCCEEDED"] },
    { name: "all cached, level by level", x: CACHED, y: CACHED, updates: ["D CACHED", "R CACHED"] },
    { name: "all skipped, level by level", x: SKIPPED, y: SKIPPED, updates: ["D SKIPPED", "R SKIPPED"] },
    {
      name: "a child without state, which counts as done",
      x: SUCCEEDED,
      y: UNSPECIFIED,
      updates: ["D SUCCEEDED", "R SUCCEEDED"],
    },
    { name: "the first failed, the second never came", x: FAILED, y: undefined, updates: ["D FAILED", "R FAILED"] },
    { name: "one failed, the other runs", x: FAILED, y: RUNNING, updates: ["D FAILED", "R FAILED"] },
    {
      name: "API-11: one failed, and what came after it succeeded all the same",
      x: SUCCEEDED,
      y: FAILED,
      updates: ["D FAILED", "R FAILED"],
    },
  ])("$name: $updates", async ({ x, y, updates }) => {
    const others = y === undefined ? [] : [child("y", y)];
    expect(await walk(nested, child("x", x), [root, parent, ...others])).toEqual(updates);
  });

  test("more children than expected are no harm", async () => {
    const extra = row("z", { parent, state: CACHED, ...(type === TaskType.LOOP ? { index: 7 } : {}) });
    const others = [root, parent, child("y", SUCCEEDED), extra];
    expect(await walk(nested, child("x", SUCCEEDED), others)).toEqual(["D SUCCEEDED", "R SUCCEEDED"]);
  });
});

describe("features", () => {
  const exit = specOf({
    root: {
      dag: {
        tasks: {
          "exit-handler-1": { componentRef: { name: "body" } },
          notify: { ...leaf, dependentTasks: ["exit-handler-1"], triggerPolicy: { strategy: "ALL_UPSTREAM_TASKS_COMPLETED" } },
        },
      },
    },
    components: { leaf: { executorLabel: "x" }, body: { dag: { tasks: { x: leaf } } } },
  });

  test("an exit task that fails after a body that succeeded fails the root", async () => {
    const body = row("exit-handler-1", { parent: root, id: "H", type: TaskType.DAG, state: SUCCEEDED, ended: true });
    const notify = row("notify", { parent: root, id: "N", state: FAILED });
    expect(await walk(exit, notify, [root, body])).toEqual(["R FAILED"]);
  });

  test("of if and else without an arm that was chosen the wrapper is skipped", async () => {
    const arms = { "condition-2": { componentRef: { name: "arm" } }, "condition-3": { componentRef: { name: "arm" } } };
    const spec = specOf({
      root: { dag: { tasks: { w: { componentRef: { name: "wrapper" } } } } },
      components: { leaf: { executorLabel: "x" }, wrapper: { dag: { tasks: arms } }, arm: { dag: { tasks: { t: leaf } } } },
    });
    const wrapper = row("w", { parent: root, id: "W", type: TaskType.DAG });
    const arm = (name: string, id: string, state: TaskState) =>
      row(name, { parent: wrapper, id, type: TaskType.CONDITION_BRANCH, state });
    const [first, second] = [arm("condition-2", "C1", SKIPPED), arm("condition-3", "C2", SKIPPED)];
    expect(await walk(spec, second, [root, wrapper, first])).toEqual(["W SKIPPED", "R SKIPPED"]);
    // The chosen arm all cached, the other skipped: that is success.
    expect(await walk(spec, second, [root, wrapper, arm("condition-2", "C1", CACHED)])).toEqual(["W SUCCEEDED", "R SUCCEEDED"]);
  });

  test("a loop of no iterations is created skipped, and its skip climbs", async () => {
    const loop = row("d", { parent: root, id: "L", type: TaskType.LOOP, count: 0, state: SKIPPED, ended: true });
    expect(await walk(nested, loop, [root])).toEqual(["R SKIPPED"]);
  });

  test("a loop without count is an error", async () => {
    const loop = row("d", { parent: root, id: "L", type: TaskType.LOOP });
    await expect(walk(nested, row("x", { parent: loop, state: SUCCEEDED }), [root, loop])).rejects.toThrow(/iteration count/);
  });
});
