/**
 * The row a driver makes or takes over, and the batch that what belongs to it goes into.
 *
 * Source: docs/spec/driver-flows.md#budget, #drv-6, #drv-17.
 *
 * @module
 */
import type { PipelineTask } from "../core/kfp-types.ts";
import { BatchUpdater } from "../tasks/batch-updater.ts";
import { createOrAdoptTask, type CreateTaskRequest } from "../tasks/create-task.ts";
import type { DriverDeps } from "./deps.ts";
import type { TaskInProgress } from "./failure-report.ts";

/** A row that exists at the server, under the pod of this driver. */
export interface RecordedTask {
  readonly task: PipelineTask;
  /** True when the row is older than this driver: it may have links, outputs and children already. */
  readonly adopted: boolean;
  /** Empty, and told of the row. */
  readonly batch: BatchUpdater;
}

/**
 * Creates the row of the draft, or takes over the one that is there. `progress` learns of it as early as it can, for the report of a
 * failure.
 *
 * @param existing The row of that place, where the snapshot of the run shows one.
 * @param adopt What an older row gets instead of the draft; see CreateTaskRequest.
 * @throws {ApiError} When the server does not store it.
 */
export async function recordTask(
  deps: DriverDeps,
  runId: string,
  progress: TaskInProgress,
  existing: PipelineTask | undefined,
  adopt?: CreateTaskRequest["adopt"],
): Promise<RecordedTask> {
  const { task, adopted } = await createOrAdoptTask(deps, {
    runId,
    draft: progress.draft,
    existing,
    onTaskId: (taskId) => {
      progress.taskId = taskId;
    },
    ...(adopt === undefined ? {} : { adopt }),
  });
  progress.row = task;
  const batch = new BatchUpdater(deps, runId);
  if (adopted) batch.noteTask(task);
  else batch.noteFreshTask(task.taskId);
  return { task, adopted, batch };
}
