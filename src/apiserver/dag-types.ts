/**
 * Which tasks have others below them: their rows hold something of every iteration.
 *
 * @module
 */
import { TaskType } from "../core/kfp-types.ts";

const DAG_TYPES: ReadonlySet<TaskType> = new Set([
  TaskType.ROOT,
  TaskType.DAG,
  TaskType.LOOP,
  TaskType.CONDITION,
  TaskType.CONDITION_BRANCH,
]);

/** Whether a task of the type is the root, a loop, a branch or a sub-pipeline. */
export function isDagType(type: TaskType): boolean {
  return DAG_TYPES.has(type);
}
