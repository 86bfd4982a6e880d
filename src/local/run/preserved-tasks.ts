/**
 * What an earlier execution of a run has brought to its end: a run that is retried or resumed does not do it again.
 *
 * Only the ends that a run retry keeps count (docs/spec/api-server.md#task-reset-of-a-run-retry); whoever executes a run again has
 * reset all other tasks before.
 *
 * @module
 */
import { fromBinary } from "@bufbuild/protobuf";
import type { ApiServer } from "../../apiserver/server.ts";
import type { Store } from "../../apiserver/store.ts";
import { PipelineTaskSchema, TaskState, type PipelineSpec, type PipelineTask } from "../../core/kfp-types.ts";
import type { Clock } from "../../ports/clock.ts";
import type { KfpApi } from "../../ports/kfp-api.ts";
import type { Logger } from "../../ports/logger.ts";
import { WHOLE_RUN_LIMIT } from "../../tasks/read-run.ts";
import { propagateStatus } from "../../tasks/status-propagation.ts";
import type { PreservedTask, PreservedTasks } from "../engine/engine-deps.ts";
import type { TaskPlace } from "../engine/task-executor.ts";
import { taskPlaces } from "../results/run-result.ts";

/** What finding them and settling what is above them takes. */
export interface PreservedTasksDeps {
  readonly store: Pick<Store, "tasks">;
  readonly runs: Pick<ApiServer["runs"], "resetTasksForRetry">;
  readonly api: KfpApi;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Reads the tasks of a run once. A run that is executed for the first time has none. */
export function preservedTasks(
  deps: PreservedTasksDeps,
  run: { readonly runId: string; readonly spec: PipelineSpec },
): PreservedTasks {
  const { runId, spec } = run;
  const tasks = deps.store.tasks.ofRun(runId).map(({ body }) => fromBinary(PipelineTaskSchema, body));
  const places = taskPlaces(tasks);
  const preserved = new Map<string, { readonly task: PipelineTask; readonly ending: PreservedTask }>();
  for (const task of tasks) {
    const ending = preservedEnding(task);
    const place = places.get(task.taskId);
    if (ending !== undefined && place !== undefined) preserved.set(keyOf(place), { task, ending });
  }
  return {
    find: (place) => preserved.get(keyOf(place))?.ending,
    redo(place) {
      const task = preserved.get(keyOf(place))?.task;
      if (task === undefined) return;
      for (const taskId of deps.runs.resetTasksForRetry(runId, task.taskId)) {
        preserved.delete(keyOf(places.get(taskId) as TaskPlace));
      }
    },
    async settle(place) {
      const task = preserved.get(keyOf(place))?.task;
      if (task === undefined) return;
      await propagateStatus(deps, task, { runId, spec, isLargeRun: deps.store.tasks.count(runId) > WHOLE_RUN_LIMIT });
    },
  };
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
