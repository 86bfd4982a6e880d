/** Which tasks never got their turn, and why: rows of a run against its pipeline. */
import { create, type JsonObject } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { PipelineTaskSchema, TaskState, TaskType, type PipelineTask } from "../../../src/core/kfp-types.ts";
import { parsePipelineSpec } from "../../../src/core/spec/pipeline-spec.ts";
import { CANCELLED_MESSAGE } from "../../../src/local/engine/cancellation.ts";
import { displayNames } from "../../../src/local/results/display-names.ts";
import { notRunTasks, type NotRunTask } from "../../../src/local/results/not-run.ts";
import { placeTasks } from "../../../src/local/pipeline/pipeline-tasks.ts";
import { taskPlaces } from "../../../src/local/results/run-result.ts";
import { taskLabel } from "../../../src/local/engine/task-label.ts";

type Tasks = Record<string, JsonObject>;

const step = (...dependentTasks: string[]): JsonObject => ({ componentRef: { name: "comp-step" }, dependentTasks });
const dag = (name: string, more: JsonObject = {}): JsonObject => ({ componentRef: { name }, ...more });

/** Of a root DAG and the DAGs it refers to. */
function pipelineOf(root: Tasks, dags: Record<string, Tasks>) {
  return parsePipelineSpec({
    pipelineInfo: { name: "p" },
    root: { dag: { tasks: root } },
    components: {
      "comp-step": { executorLabel: "exec" },
      ...Object.fromEntries(Object.entries(dags).map(([name, tasks]) => [name, { dag: { tasks } }])),
    },
    deploymentSpec: { executors: { exec: { container: { image: "i", command: ["true"] } } } },
  });
}

interface Row {
  readonly state: "SUCCEEDED" | "FAILED" | "SKIPPED" | "CACHED";
  readonly message?: string;
  /** Of a loop. */
  readonly iterations?: number;
  /** Of a DAG that is no loop. */
  readonly isDag?: true;
}

/** Rows by id `path` or `path#index`; the parent is what stands before the last dot. */
function rowsOf(rows: Record<string, Row>): PipelineTask[] {
  return Object.entries(rows).map(([id, { state, message = "", iterations, isDag }]) => {
    const [path = "", index] = id.split("#");
    const parentPath = path.slice(0, path.lastIndexOf("."));
    const isOwnLoop = rows[parentPath]?.iterations !== undefined;
    const parent = isOwnLoop || index === undefined ? parentPath : `${parentPath}#${index}`;
    return create(PipelineTaskSchema, {
      ...{ taskId: id, name: path.split(".").at(-1) ?? "", scopePath: path, state: TaskState[state], parentTaskId: parent },
      type:
        path === "root"
          ? TaskType.ROOT
          : iterations !== undefined
            ? TaskType.LOOP
            : isDag === true
              ? TaskType.DAG
              : TaskType.RUNTIME,
      typeAttributes: {
        ...(index === undefined ? {} : { iterationIndex: BigInt(index) }),
        ...(iterations === undefined ? {} : { iterationCount: BigInt(iterations) }),
      },
      statusMetadata: { message },
    });
  });
}

interface Case {
  readonly name: string;
  readonly root: Tasks;
  readonly dags?: Record<string, Tasks>;
  readonly rows: Record<string, Row>;
  readonly errors?: Record<string, string>;
  readonly cancelled?: boolean;
  /** `label: reason`. */
  readonly expected: string[];
}

function found({ root, dags = {}, rows, errors = {}, cancelled = false }: Omit<Case, "name" | "expected">): NotRunTask[] {
  const tasks = placeTasks(pipelineOf(root, dags));
  const all = rowsOf(rows);
  return notRunTasks({
    ...{ tasks, rows: all, places: taskPlaces(all), cancelled },
    engineErrors: new Map(Object.entries(errors)),
    displayNames: displayNames(tasks),
  });
}

const failed: Row = { state: "FAILED" };
const done: Row = { state: "SUCCEEDED" };
const stopped: Row = { state: "FAILED", message: CANCELLED_MESSAGE };

describe("notRunTasks()", () => {
  test.for<Case>([
    {
      name: "nothing when everything ran",
      root: { a: step(), b: step("a") },
      rows: { root: done, "root.a": done, "root.b": done },
      expected: [],
    },
    {
      name: "what depends on a failed task, however far",
      root: { a: step(), b: step("a"), c: step("b"), d: step() },
      rows: { root: failed, "root.a": failed, "root.d": done },
      expected: ["b: a failed", "c: a failed"],
    },
    {
      name: "all causes",
      root: { a: step(), b: step(), c: step("a", "b"), d: step(), e: step("c", "d") },
      rows: { root: failed, "root.a": failed, "root.b": { state: "SKIPPED" }, "root.d": failed },
      expected: ["c: b was skipped, and a failed", "e: b was skipped, and a and d failed"],
    },
    {
      name: "the steps of a pipeline that was never started",
      root: { a: step(), sub: dag("sub", { dependentTasks: ["a"] }) },
      dags: { sub: { x: step(), inner: dag("inner") }, inner: { y: step() } },
      rows: { root: failed, "root.a": failed },
      expected: ["sub: a failed", "sub.inner: a failed", "sub.inner.y: a failed", "sub.x: a failed"],
    },
    {
      name: "the tasks of one iteration",
      root: { l: dag("body", { parameterIterator: { itemInput: "i", items: { raw: "[1,2]" } } }) },
      dags: { body: { a: step(), b: step("a") } },
      rows: {
        root: failed,
        "root.l": { state: "FAILED", iterations: 2 },
        "root.l.a#0": done,
        "root.l.b#0": done,
        "root.l.a#1": failed,
      },
      expected: ["l.b[1]: l.a[1] failed"],
    },
    {
      name: "the tasks of a DAG in an iteration",
      root: { l: dag("body", { parameterIterator: { itemInput: "i", items: { raw: "[1]" } } }) },
      dags: { body: { d: dag("inner") }, inner: { a: step(), b: step("a") } },
      rows: {
        root: failed,
        "root.l": { state: "FAILED", iterations: 1 },
        "root.l.d#0": { state: "FAILED", isDag: true },
        "root.l.d.a#0": failed,
      },
      expected: ["l.d.b[0]: l.d.a[0] failed"],
    },
    {
      name: "nothing of a DAG whose condition was false, but what waits for it",
      root: { d: dag("sub"), e: step("d") },
      dags: { sub: { a: step() } },
      rows: { root: done, "root.d": { state: "SKIPPED", isDag: true } },
      expected: ["e: d was skipped"],
    },
    {
      name: "what a cancelled run left out",
      root: { a: step(), b: step("a"), l: dag("body", { parameterIterator: { itemInput: "i", items: { raw: "[1,2]" } } }) },
      dags: { body: { x: step() } },
      rows: { root: stopped, "root.a": stopped, "root.l": { ...stopped, iterations: 2 }, "root.l.x#0": stopped },
      errors: { l: "aborted" },
      cancelled: true,
      expected: ["b: the run was cancelled", "l.x[1]: the run was cancelled"],
    },
    {
      name: "in a cancelled run, too, what had failed before",
      root: { a: step(), b: step("a") },
      rows: { root: stopped, "root.a": failed },
      cancelled: true,
      expected: ["b: a failed"],
    },
    {
      name: "a task whose driver failed before it made a row",
      root: { a: step(), b: step("a"), d: dag("sub", { dependentTasks: ["a"] }) },
      dags: { sub: { x: step() } },
      rows: { root: failed },
      errors: { a: "no such input" },
      expected: ["a: its driver failed (no such input)", "b: a failed", "d: a failed", "d.x: a failed"],
    },
    {
      name: "a DAG whose driver failed after it made a row",
      root: { d: dag("sub") },
      dags: { sub: { x: step() } },
      rows: { root: failed, "root.d": { state: "FAILED", isDag: true } },
      expected: ["d.x: d failed"],
    },
    {
      name: "a run whose first driver failed",
      root: { a: step() },
      rows: {},
      errors: { root: "server away" },
      expected: ["root: its driver failed (server away)", "a: root failed"],
    },
  ])("lists $name", (testCase, { expect }) => {
    const lines = found(testCase).map(
      (task) => `${taskLabel(task)}: ${task.reason}${task.error === undefined ? "" : ` (${task.error})`}`,
    );
    expect(lines).toEqual(testCase.expected);
  });

  test("says below which task, why, and what people call it", ({ expect }) => {
    const root = { a: step(), b: { ...step("a"), taskInfo: { name: "Second" } }, d: dag("sub", { dependentTasks: ["b"] }) };
    const tasks = found({ root, dags: { sub: { x: step() } }, rows: { root: failed, "root.a": failed } });
    const common = { iterations: [], reason: "a failed", because: ["a"] };
    expect(tasks).toEqual([
      { name: "b", displayName: "Second", scopePath: "root.b", parentTaskId: "root", ...common },
      { name: "d", scopePath: "root.d", parentTaskId: "root", ...common },
      { name: "x", scopePath: "root.d.x", ...common },
    ]);
  });

  test("takes a ladder of tasks in its stride", ({ expect }) => {
    const root: Tasks = { a0: step(), b0: step() };
    for (let rung = 1; rung < 60; rung += 1) {
      root[`a${rung}`] = step(`a${rung - 1}`, `b${rung - 1}`);
      root[`b${rung}`] = step(`a${rung - 1}`, `b${rung - 1}`);
    }
    expect(found({ root, rows: { root: failed, "root.a0": failed, "root.b0": done } })).toHaveLength(118);
  });
});
