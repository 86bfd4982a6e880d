/**
 * Stored tasks to answered tasks: links and children are read for all of them at once.
 *
 * Source: docs/spec/api-server.md#hydration ("where hydration happens").
 *
 * @module
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ArtifactSchema } from "../../core/kfp-types.ts";
import type { LeanAnswer } from "../../wire/lean-answer.ts";
import { encodeHydratedTask, type HydrationRow } from "../hydration.ts";
import { leanTask } from "../lean-task.ts";
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
  const answered = tasks.map(({ taskId, body }) => ({
    taskId,
    body,
    lean: lean === undefined ? undefined : leanTask(body, lean),
  }));
  const rows = store.links.ofTasks(answered.filter((task) => task.lean?.hasLinks !== false).map(({ taskId }) => taskId));
  const links = groupBy(mode === "branch" ? rows.map(asOnBranch) : rows, (row) => row.taskId);
  const parents = withChildren ? answered.filter((task) => task.lean === undefined) : [];
  const children = groupBy(store.tasks.childrenOf(parents.map(({ taskId }) => taskId)), (row) => row.parentTaskId);
  return answered.map((task) => {
    const all = links.get(task.taskId) ?? [];
    const kept = task.lean === undefined ? all : all.filter(task.lean.keepsLink);
    return encodeHydratedTask(task.lean?.body ?? task.body, kept, children.get(task.taskId) ?? []);
  });
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
