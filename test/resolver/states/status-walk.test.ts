import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PipelineTask } from "../../../src/core/kfp-types.ts";
import { planStatusWalk, statusLevelOf } from "../../../src/resolver/states/status-walk.ts";
import { TaskIndex } from "../../../src/resolver/run/task-index.ts";
import { countStates } from "../../../src/resolver/states/task-state.ts";
import { TaskState, TaskType, row, specOf } from "../rows.ts";

const { SUCCEEDED, FAILED, RUNNING, CACHED, SKIPPED } = TaskState;
const leaf = { componentRef: { name: "leaf" } };
const components = (extra: object = {}): object => ({ leaf: { executorLabel: "x" }, ...extra });

const twoTasks = specOf({ root: { dag: { tasks: { a: leaf, b: leaf } } }, components: components() });
const loopOfTwo = specOf({
  root: { dag: { tasks: { loop: { componentRef: { name: "body" } } } } },
  components: components({ body: { dag: { tasks: { p: leaf, q: leaf } } } }),
});
const branches = specOf({
  root: { dag: { tasks: { w: { componentRef: { name: "wrapper" } } } } },
  components: components({
    wrapper: {
      dag: { tasks: { "condition-2": { componentRef: { name: "arm" } }, "condition-3": { componentRef: { name: "arm" } } } },
    },
    arm: { dag: { tasks: { t: leaf } } },
  }),
});
const exitHandler = specOf({
  root: {
    dag: {
      tasks: {
        "exit-handler-1": { componentRef: { name: "body" } },
        notify: { ...leaf, dependentTasks: ["exit-handler-1"], triggerPolicy: { strategy: "ALL_UPSTREAM_TASKS_COMPLETED" } },
      },
    },
  },
  components: components({ body: { dag: { tasks: { x: leaf } } } }),
});

/** `name STATE` of every update, in order. */
async function walk(spec: typeof twoTasks, start: PipelineTask, others: readonly PipelineTask[]): Promise<string[]> {
  const tasks = new TaskIndex([start, ...others]);
  const updates = await planStatusWalk({ spec, start, readLevel: (id) => Promise.resolve(statusLevelOf(tasks, id)) });
  return updates.map(({ taskId, state, endTimeOnly }) => `${taskId} ${TaskState[state]}${endTimeOnly ? " (end time)" : ""}`);
}

const root = row("root", { id: "R" });
const a = (state: TaskState): PipelineTask => row("a", { parent: root, id: "a", state });
const b = (state: TaskState): PipelineTask => row("b", { parent: root, id: "b", state });

describe("planStatusWalk() in a root with tasks a and b", () => {
  test.for([
    { name: "a runs", start: a(RUNNING), others: [], updates: [] },
    { name: "a is done, b not created", start: a(SUCCEEDED), others: [], updates: [] },
    { name: "a is done, b runs", start: a(SUCCEEDED), others: [b(RUNNING)], updates: [] },
    { name: "both are done", start: b(SUCCEEDED), others: [a(SUCCEEDED)], updates: ["R SUCCEEDED"] },
    { name: "S38 API-11: a failed, b not created", start: a(FAILED), others: [], updates: ["R FAILED"] },
    { name: "a failed while b runs", start: a(FAILED), others: [b(RUNNING)], updates: ["R FAILED"] },
    { name: "both are cached", start: b(CACHED), others: [a(CACHED)], updates: ["R CACHED"] },
    { name: "one is cached", start: b(SUCCEEDED), others: [a(CACHED)], updates: ["R SUCCEEDED"] },
    { name: "both are skipped", start: b(SKIPPED), others: [a(SKIPPED)], updates: ["R SKIPPED"] },
  ])("writes when $name: $updates", async ({ start, others, updates }) => {
    expect(await walk(twoTasks, start, [root, ...others])).toEqual(updates);
  });

  test("writes nothing when the root is FAILED already", async () => {
    const failed = row("root", { id: "R", state: FAILED, ended: true });
    expect(await walk(twoTasks, b(SUCCEEDED), [failed, a(FAILED)])).toEqual([]);
  });

  test("writes the end time of a final state that lacks one", async () => {
    const failed = row("root", { id: "R", state: FAILED });
    expect(await walk(twoTasks, b(SUCCEEDED), [failed, a(FAILED)])).toEqual(["R FAILED (end time)"]);
  });

  test("works for a task whose component does not exist", async () => {
    const broken = specOf({ root: { dag: { tasks: { a: { componentRef: { name: "gone" } } } } } });
    expect(await walk(broken, a(FAILED), [root])).toEqual(["R FAILED"]);
  });

  test("is an error when the parent is not there", async () => {
    await expect(walk(twoTasks, a(FAILED), [])).rejects.toThrow(/its parent is not part of the run/);
  });
});

describe("planStatusWalk() in a loop of 3 iterations and 2 tasks", () => {
  const loop = row("loop", { parent: root, id: "L", type: TaskType.LOOP, count: 3 });
  const child = (name: string, index: number, state: TaskState): PipelineTask => row(name, { parent: loop, index, state });
  const all = (state: TaskState): PipelineTask[] =>
    ["p", "q"].flatMap((name) => [0, 1, 2].map((index) => child(name, index, state)));
  const last = (state: TaskState): PipelineTask => child("q", 2, state);

  test.for([
    { name: "five of six are done", start: child("p", 0, SUCCEEDED), others: all(SUCCEEDED).slice(0, 5), updates: [] },
    { name: "the sixth is done", start: last(SUCCEEDED), others: all(SUCCEEDED), updates: ["L SUCCEEDED", "R SUCCEEDED"] },
    {
      name: "one of three failed",
      start: child("p", 1, FAILED),
      others: all(SUCCEEDED).slice(0, 2),
      updates: ["L FAILED", "R FAILED"],
    },
    {
      name: "one failed while another runs",
      start: child("p", 1, FAILED),
      others: [child("p", 0, RUNNING)],
      updates: ["L FAILED", "R FAILED"],
    },
    { name: "all are cached", start: last(CACHED), others: all(CACHED), updates: ["L CACHED", "R CACHED"] },
  ])("writes when $name: $updates", async ({ start, others, updates }) => {
    expect(await walk(loopOfTwo, start, [root, loop, ...others.filter(({ taskId }) => taskId !== start.taskId)])).toEqual(
      updates,
    );
  });

  test("works on counts alone, where only the level below has changed", async () => {
    const counts = { total: 6, failed: 0, running: 0, cached: 6, skipped: 0 };
    const levels = new Map([
      ["L", { parent: loop, counts }],
      ["R", { parent: root, counts: countStates([RUNNING]) }],
    ]);
    const updates = await planStatusWalk({
      spec: loopOfTwo,
      start: last(CACHED),
      readLevel: (id) => Promise.resolve(levels.get(id)),
    });
    expect(updates.map(({ taskId, state }) => [taskId, state])).toEqual([
      ["L", CACHED],
      ["R", CACHED],
    ]);
  });

  test("goes on above an unchanged ancestor", async () => {
    const failed = row("loop", { parent: root, id: "L", type: TaskType.LOOP, count: 3, state: FAILED, ended: true });
    expect(await walk(loopOfTwo, child("p", 1, FAILED), [root, failed])).toEqual(["R FAILED"]);
  });

  test("does not depend on the order of the rows", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(SUCCEEDED, FAILED, RUNNING, CACHED, SKIPPED), { minLength: 6, maxLength: 6 }),
        fc.boolean(),
        async (states, reversed) => {
          const children = all(SUCCEEDED).map((task, i) => Object.assign(task, { state: states[i] }));
          const start = children[0] ?? root;
          const others = [root, loop, ...children.slice(1)];
          expect(await walk(loopOfTwo, start, reversed ? others.toReversed() : others)).toEqual(
            await walk(
              loopOfTwo,
              start,
              others.toSorted((x, y) => (x.taskId < y.taskId ? 1 : -1)),
            ),
          );
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe("planStatusWalk() with if and else", () => {
  const wrapper = row("w", { parent: root, id: "W", type: TaskType.DAG });
  const arm1 = (state: TaskState): PipelineTask =>
    row("condition-2", { parent: wrapper, id: "C1", type: TaskType.CONDITION_BRANCH, state });
  const arm2 = row("condition-3", { parent: wrapper, id: "C2", type: TaskType.CONDITION_BRANCH, state: SKIPPED });
  const t = row("t", { parent: arm1(RUNNING), id: "T", state: SUCCEEDED });

  test.for([
    { name: "C2 is skipped while C1 runs", start: arm2, others: [arm1(RUNNING)], updates: [] },
    { name: "C2 is skipped before C1 exists", start: arm2, others: [], updates: [] },
    { name: "T is done after", start: t, others: [arm1(RUNNING), arm2], updates: ["C1 SUCCEEDED", "W SUCCEEDED", "R SUCCEEDED"] },
    { name: "T is done first", start: t, others: [arm1(RUNNING)], updates: ["C1 SUCCEEDED"] },
    { name: "C2 is skipped last", start: arm2, others: [arm1(SUCCEEDED), t], updates: ["W SUCCEEDED", "R SUCCEEDED"] },
  ])("writes when $name: $updates", async ({ start, others, updates }) => {
    expect(await walk(branches, start, [root, wrapper, ...others])).toEqual(updates);
  });
});

describe("planStatusWalk() with an exit handler", () => {
  const body = (state: TaskState, ended = false): PipelineTask =>
    row("exit-handler-1", { parent: root, id: "H", type: TaskType.DAG, state, ended });
  const x = (state: TaskState): PipelineTask => row("x", { parent: body(RUNNING), id: "X", state });
  const notify = row("notify", { parent: root, id: "N", state: SUCCEEDED });
  const failedRoot = row("root", { id: "R", state: FAILED, ended: true });

  test.for([
    { name: "the body failed", start: x(FAILED), others: [root, body(RUNNING)], updates: ["H FAILED", "R FAILED"] },
    { name: "the body is done", start: x(SUCCEEDED), others: [root, body(RUNNING)], updates: ["H SUCCEEDED"] },
    { name: "the exit task is done", start: notify, others: [root, body(SUCCEEDED, true)], updates: ["R SUCCEEDED"] },
    {
      name: "the exit task ends after a failure (API-11, DRV-29)",
      start: notify,
      others: [failedRoot, body(FAILED, true)],
      updates: ["R FAILED (end time)"],
    },
  ])("writes when $name: $updates", async ({ start, others, updates }) => {
    expect(await walk(exitHandler, start, others)).toEqual(updates);
  });
});

describe("planStatusWalk() from a task without parent", () => {
  test("evaluates it from its children, and leaves it alone without any", async () => {
    expect(await walk(twoTasks, root, [a(SUCCEEDED), b(RUNNING)])).toEqual(["R SUCCEEDED"]);
    expect(await walk(twoTasks, root, [])).toEqual([]);
  });
});
