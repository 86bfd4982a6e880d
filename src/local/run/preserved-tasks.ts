/**
 * What an earlier execution of a run has brought to its end: a run that is retried or resumed does not do it again.
 *
 * Only the ends that a run retry keeps count (docs/spec/api-server.md#task-reset-of-a-run-retry); whoever executes a run again has
 * reset all other tasks before.
 *
 * @module
 */
import { fromBinary } from "@bufbuild/protobuf";
import type { Store } from "../../apiserver/store.ts";
import { PipelineTaskSchema, TaskState, type PipelineTask } from "../../core/kfp-types.ts";
import type { PreservedTask } from "../engine/engine.ts";
import type { TaskPlace } from "../engine/task-executor.ts";
import { taskPlaces } from "../results/run-result.ts";

/** What became of a task in an earlier execution; undefined for one that is to be executed. */
export type PreservedTasks = (place: TaskPlace) => PreservedTask | undefined;

/** Reads the tasks of a run once. A run that is executed for the first time has none. */
export function preservedTasks(store: Pick<Store, "tasks">, runId: string): PreservedTasks {
  const tasks = store.tasks.ofRun(runId).map(({ body }) => fromBinary(PipelineTaskSchema, body));
  const places = taskPlaces(tasks);
  const preserved = new Map<string, PreservedTask>();
  for (const task of tasks) {
    const ending = preservedEnding(task);
    const place = places.get(task.taskId);
    if (ending !== undefined && place !== undefined) preserved.set(keyOf(place), ending);
  }
  return (place) => preserved.get(keyOf(place));
}

/** Not the label: a task may be called "root". */
function keyOf({ scopePath, iterations }: TaskPlace): string {
  return `${scopePath}[${iterations.join(",")}]`;
}

function preservedEnding({ state }: PipelineTask): PreservedTask | undefined {
  switch (state) {
    case TaskState.SUCCEEDED:
      return { outcome: "succeeded", cached: false };
    case TaskState.CACHED:
      return { outcome: "succeeded", cached: true };
    case TaskState.SKIPPED:
      return { outcome: "skipped", cached: false };
    default:
      return undefined;
  }
}
