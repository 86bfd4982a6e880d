/**
 * Stored tasks to answered tasks: links, children and parameters that are stored apart are read for all whole ones at once.
 *
 * Source: docs/spec/api-server.md#hydration ("where hydration happens").
 *
 * @module
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ArtifactSchema } from "../../core/kfp-types.ts";
import type { LeanAnswer } from "../../wire/lean-answer.ts";
import { encodeHydratedTask, type HydrationRow, type ParameterRow } from "../hydration.ts";
import { leanTask, type LeanTask } from "../lean-task.ts";
import type { Store, StoredTask } from "../store.ts";

/**
 * `complete` returns what is stored. `branch` loses `producer.iteration` and the description of artifacts, as servers built from the
 * mlmd-removal branch do, so that clients can be tested against both.
 */
export type HydrationMode = "complete" | "branch";

/** How much of a row is answered. */
export interface HydrationOptions {
  /** Default true. A lean row has no children. */
  readonly withChildren?: boolean;
  /** What the caller needs of the rows of DAGs; absent: everything. */
  readonly lean?: LeanAnswer | undefined;
}

/** Encodes tasks in their given order, with artifacts and, unless `withChildren` is false, `child_tasks`. */
export function hydrateTasks(
  store: Store,
  tasks: readonly StoredTask[],
  mode: HydrationMode,
  { withChildren = true, lean }: HydrationOptions = {},
): Uint8Array[] {
  const answered = tasks.map((task) => ({ task, lean: lean === undefined ? undefined : leanTask(task.body, lean) }));
  const whole = answered.filter((each) => each.lean === undefined).map(({ task }) => task);
  const ids = (rows: readonly StoredTask[]): string[] => rows.map(({ taskId }) => taskId);
  const leanRows = <Row>(read: (store: Store, task: StoredTask, lean: LeanTask) => Row[]): Row[] =>
    answered.flatMap((each) => (each.lean === undefined ? [] : read(store, each.task, each.lean)));

  const rows = [...store.links.ofTasks(ids(whole)), ...leanRows(leanLinks)];
  const links = groupBy(mode === "branch" ? rows.map(asOnBranch) : rows, (row) => row.taskId);
  const apart = store.tasks.parametersOf(ids(whole.filter(({ parametersApart }) => parametersApart)));
  const parameters = groupBy([...apart, ...leanRows(leanParameters)], (row) => row.taskId);
  const children = groupBy(withChildren ? store.tasks.childrenOf(ids(whole)) : [], (row) => row.parentTaskId);
  return answered.map(({ task: { taskId, body }, lean: needed }) =>
    encodeHydratedTask(needed?.body ?? body, {
      links: links.get(taskId) ?? [],
      parameters: parameters.get(taskId) ?? [],
      children: children.get(taskId) ?? [],
    }),
  );
}

/** A stored task with its parameters, without artifacts and children. */
export function withParameters(store: Pick<Store, "tasks">, { taskId, body, parametersApart }: StoredTask): Uint8Array {
  return parametersApart ? encodeHydratedTask(body, { parameters: store.tasks.parametersOf([taskId]) }) : body;
}

function leanLinks({ links }: Store, { taskId }: StoredTask, { keepsOutputs, inputs, keepsLink }: LeanTask): HydrationRow[] {
  if (keepsOutputs) return links.ofTasks([taskId]).filter(keepsLink);
  return inputs === undefined ? [] : links.inputsOf(taskId, inputs).filter(keepsLink);
}

function leanParameters({ tasks }: Store, task: StoredTask, { keepsOutputs, inputs }: LeanTask): ParameterRow[] {
  if (!task.parametersApart) return [];
  return [
    ...(inputs === undefined ? [] : tasks.parametersOfSide(task.taskId, "inputs", inputs)),
    ...(keepsOutputs ? tasks.parametersOfSide(task.taskId, "outputs") : []),
  ];
}

function asOnBranch(row: HydrationRow): HydrationRow {
  const artifact = create(ArtifactSchema, { ...fromBinary(ArtifactSchema, row.artifact), description: "" });
  return { ...row, iteration: undefined, artifact: toBinary(ArtifactSchema, artifact) };
}

function groupBy<Row>(rows: readonly Row[], keyOf: (row: Row) => string): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const group = groups.get(keyOf(row));
    if (group === undefined) groups.set(keyOf(row), [row]);
    else group.push(row);
  }
  return groups;
}
