/**
 * What the author of a pipeline calls its tasks for people.
 *
 * @module
 */
import { flattenTasks, type PlacedTask } from "../pipeline/pipeline-tasks.ts";

/** By scope path; only where the name differs from the task's key. */
export function displayNames(tasks: readonly PlacedTask[]): Map<string, string> {
  const named = flattenTasks(tasks).map(({ scopePath, key, task }): [string, string] => [scopePath, task.taskInfo?.name ?? key]);
  return new Map(named.filter(([scopePath, name]) => name !== "" && !scopePath.endsWith(`.${name}`)));
}
