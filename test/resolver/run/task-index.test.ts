import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TaskIndex, iterationCountOf, taskKeyOf } from "../../../src/resolver/run/task-index.ts";
import { TaskRows } from "../../../src/resolver/run/task-rows.ts";
import { TaskType, row } from "../rows.ts";

const root = row("root", { id: "r" });
const loop = row("for-loop-1", { parent: root, type: TaskType.LOOP, count: 2, id: "loop" });
const inner = row("sub", { parent: loop, type: TaskType.DAG, index: 1, id: "sub" });
const rows = [
  root,
  loop,
  inner,
  row("a", { parent: loop, index: 0, id: "a0" }),
  row("a", { parent: loop, index: 1, id: "a1" }),
  row("a", { parent: root, id: "a" }),
  row("a", { parent: inner, index: 1, id: "deep" }),
  row("exit", { parent: inner, id: "exit" }),
];

describe("TaskIndex.findSibling()", () => {
  const tasks = new TaskIndex(rows);

  test.for([
    { name: "a child of the root", ask: { name: "a", parentId: "r" }, found: "a" },
    { name: "an iteration of a loop", ask: { name: "a", parentId: "loop", iteration: 1 }, found: "a1" },
    { name: "another iteration", ask: { name: "a", parentId: "loop", iteration: 0 }, found: "a0" },
    {
      name: "a child without index, which counts as in its parent's",
      ask: { name: "exit", parentId: "sub", iteration: 1 },
      found: "exit",
    },
    { name: "the same key at another level by its parent", ask: { name: "a", parentId: "sub", iteration: 1 }, found: "deep" },
    { name: "nothing without the iteration", ask: { name: "a", parentId: "loop" }, found: undefined },
    { name: "nothing with an iteration too much", ask: { name: "a", parentId: "r", iteration: 0 }, found: undefined },
    { name: "nothing below another parent", ask: { name: "exit", parentId: "r" }, found: undefined },
  ])("finds $name", ({ ask, found }) => {
    expect(tasks.findSibling(ask)?.taskId).toBe(found);
  });

  test("takes the younger of two rows that differ in type only", () => {
    const older = row("x", { parent: root, id: "z", type: TaskType.DAG, extra: { createTime: stamp(1n) } });
    const younger = row("x", { parent: root, id: "b", type: TaskType.LOOP, extra: { createTime: stamp(2n) } });
    expect(new TaskIndex([younger, older]).findSibling({ name: "x", parentId: "r" })?.taskId).toBe("b");
  });

  test("does not depend on the order of the rows", () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(rows, { minLength: rows.length }), (shuffled) => {
        const index = new TaskIndex(shuffled);
        expect(index.childrenOf("loop").map(({ taskId }) => taskId)).toEqual(["a0", "a1", "sub"]);
        expect(index.findSibling({ name: "a", parentId: "loop", iteration: 1 })?.taskId).toBe("a1");
      }),
      { numRuns: 30 },
    );
  });
});

describe("TaskIndex", () => {
  test("finds the row of a place by its type, and else under any type", () => {
    const dag = row("x", { parent: root, id: "dag", type: TaskType.DAG });
    const tasks = new TaskIndex([dag]);
    const place = { scopePath: "root.x", parentId: "r" };
    expect(tasks.findRow(place, TaskType.LOOP)?.taskId).toBe("dag");
    expect(tasks.findRow({ ...place, iteration: 0 }, TaskType.DAG)).toBeUndefined();
  });

  test("replaces rows by later ones of the same id", () => {
    const tasks = new TaskIndex(rows).withRows([row("a", { parent: root, id: "a", extra: { displayName: "new" } })]);
    expect(tasks.get("a")?.displayName).toBe("new");
    expect(tasks.size).toBe(rows.length);
  });

  test("names ancestors, parent first", () => {
    const tasks = new TaskIndex(rows);
    expect(tasks.ancestorsOf(inner).map(({ taskId }) => taskId)).toEqual(["loop", "r"]);
    expect(new TaskIndex([root, inner]).ancestorsOf(inner)).toEqual([]);
  });

  test("tells not loaded from not there", () => {
    const lean = new TaskIndex(rows, { completeParents: ["loop"] });
    expect(lean.isComplete).toBe(false);
    expect(lean.hasAllChildrenOf("loop")).toBe(true);
    expect(lean.hasAllChildrenOf("r")).toBe(false);
    expect(lean.withChildrenOf("r", []).hasAllChildrenOf("r")).toBe(true);
    expect(lean.withRows([]).hasAllChildrenOf("r")).toBe(false);
    expect(new TaskIndex([]).hasAllChildrenOf("r")).toBe(true);
  });

  test("reads a task key from the scope path and a missing iteration count as 0", () => {
    expect(taskKeyOf(root)).toBe("root");
    expect(taskKeyOf(inner)).toBe("sub");
    expect(iterationCountOf(loop)).toBe(2);
    expect(iterationCountOf(row("l", { parent: root, type: TaskType.LOOP }))).toBe(0);
    expect(iterationCountOf(inner)).toBeUndefined();
  });
});

describe("TaskRows", () => {
  test("asks its reader only for what the index lacks, and once", async () => {
    const calls: string[] = [];
    const reader = {
      task: (id: string) => {
        calls.push(`task ${id}`);
        return Promise.resolve(rows.find(({ taskId }) => taskId === id));
      },
      childrenOf: (id: string) => {
        calls.push(`children ${id}`);
        return Promise.resolve(rows.filter(({ parentTaskId }) => parentTaskId === id));
      },
    };
    const lean = new TaskRows(new TaskIndex([inner], { completeParents: [] }), reader);
    expect((await lean.task("sub"))?.taskId).toBe("sub");
    expect((await lean.parentOf(inner))?.taskId).toBe("loop");
    expect(await lean.childrenNamed(loop, "a")).toHaveLength(2);
    expect((await lean.findSibling({ name: "a", parentId: "loop", iteration: 0 }))?.taskId).toBe("a0");
    expect(await lean.lookupIterationOf(row("exit", { parent: inner }))).toBe(1);
    expect(calls).toEqual(["task loop", "children loop"]);
  });

  test("never reads when the index is complete", async () => {
    const failing = () => Promise.reject(new Error("read"));
    const whole = new TaskRows(new TaskIndex(rows), { task: failing, childrenOf: failing });
    expect(await whole.task("nobody")).toBeUndefined();
    expect(await whole.childrenOf("a")).toEqual([]);
  });
});

function stamp(seconds: bigint): { $typeName: "google.protobuf.Timestamp"; seconds: bigint; nanos: number } {
  return { $typeName: "google.protobuf.Timestamp", seconds, nanos: 0 };
}
