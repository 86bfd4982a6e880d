/**
 * Stored tasks to answered tasks: links and children are read for all of them at once.
 *
 * Source: docs/spec/api-server.md#hydration ("where hydration happens").
 *
 * @module
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ArtifactSchema } from "../../core/kfp-types.ts";
import { encodeHydratedTask, type ChildRow, type HydrationRow } from "../hydration.ts";
import type { Store, StoredTask } from "../store.ts";

/**
 * `complete` returns what is stored. `branch` loses `producer.iteration` and the description of artifacts, as servers built from the
 * mlmd-removal branch do, so that clients can be tested against both.
 */
export type HydrationMode = "complete" | "branch";

/** Encodes tasks in their given order, with artifacts and, unless `withChildren` is false, `child_tasks`. */
export function hydrateTasks(
  store: Store,
  tasks: readonly StoredTask[],
  mode: HydrationMode,
  options: { readonly withChildren: boolean } = { withChildren: true },
): Uint8Array[] {
  const taskIds = tasks.map((task) => task.taskId);
  const rows = store.links.ofTasks(taskIds);
  const links = groupBy(mode === "branch" ? rows.map(asOnBranch) : rows, (row) => row.taskId);
  const children: ReadonlyMap<string, ChildRow[]> = options.withChildren
    ? groupBy(store.tasks.childrenOf(taskIds), (row) => row.parentTaskId)
    : new Map();
  return tasks.map((task) => encodeHydratedTask(task.body, links.get(task.taskId) ?? [], children.get(task.taskId) ?? []));
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
