/**
 * A task put back to the start for the retry of its run.
 *
 * Tasks that succeeded, were cached or skipped stay as they are. The logical identity stays too, so the driver that runs again gets the
 * same row. The links of the task are deleted by the caller, and the first update that carries inputs replaces the stored ones.
 *
 * Source: docs/spec/api-server.md#task-reset-of-a-run-retry, #decision-stale-iterator-inputs.
 *
 * @module
 */
import { clone } from "@bufbuild/protobuf";
import { PipelineTaskSchema, TaskState, type PipelineTask } from "../../core/kfp-types.ts";
import { appendTaskState } from "./state-history.ts";

/** Whether a retry of the run runs the task again. ROOT and DAG parents of a failed task are FAILED or RUNNING themselves. */
export function needsReset(state: TaskState): boolean {
  return state !== TaskState.SUCCEEDED && state !== TaskState.CACHED && state !== TaskState.SKIPPED;
}

/** The task after its reset; the argument is not changed. */
export function resetTask(stored: PipelineTask, nowSeconds: number): PipelineTask {
  const task = clone(PipelineTaskSchema, stored);
  task.state = TaskState.RUNNING;
  appendTaskState(task.stateHistory, TaskState.RUNNING, nowSeconds);
  delete task.endTime;
  delete task.statusMetadata;
  task.pods = [];
  if (task.outputs !== undefined) task.outputs.parameters = [];
  return task;
}
