/**
 * The start of an attempt: the run is read and the task's row says RUNNING; where that fails, the task is marked all the same.
 *
 * Source: docs/spec/launcher-flow.md#steps, #lau-8.
 *
 * @module
 */
import { errorMessage } from "../../core/errors.ts";
import { TaskState, type PipelineTask } from "../../core/kfp-types.ts";
import { BatchUpdater } from "../../tasks/batch-updater.ts";
import { readRun } from "../../tasks/read-run.ts";
import { findTask } from "../../tasks/read-tasks.ts";
import { reportFailure } from "../../tasks/report-failure.ts";
import { reapplyRunning, withOwnPod, type Attempt } from "../attempt.ts";
import type { LauncherDeps, LaunchResult } from "../deps.ts";
import type { ContainerOptions } from "../options.ts";

/**
 * Reads the run and shows this attempt as running.
 *
 * @throws {KfpError} As readRun; ApiError when the row cannot be updated.
 */
export async function beginAttempt(deps: LauncherDeps, options: ContainerOptions): Promise<Attempt> {
  const { api, taskCountHint } = deps;
  const { runId, taskId, parentTaskId, iterationIndex } = options;
  const snapshot = await readRun(deps, { runId, parentTaskId, ownTaskId: taskId, iterationIndex, taskCountHint });
  const row = snapshot.own as PipelineTask;
  const pods = withOwnPod(row.pods, options.pod);
  const batch = new BatchUpdater(deps, runId);
  batch.noteTask(row);
  return { snapshot, task: await reapplyRunning(api, row, pods), pods, batch };
}

/** The run could not even be read: the task is marked all the same, if the server lets us. */
export async function reportFailedStart(deps: LauncherDeps, options: ContainerOptions, message: string): Promise<LaunchResult> {
  const { runId, taskId, pod } = options;
  try {
    const known = await findTask(deps.api, runId, taskId).catch(() => undefined);
    const pods = known === undefined ? [] : withOwnPod(known.pods, pod);
    await reportFailure(deps, { runId, draft: { pods }, taskId, known, message });
  } catch (error) {
    deps.logger.warn("The failure is not recorded with the task", { taskId, reason: errorMessage(error) });
  }
  return { exitCode: 1, state: TaskState.FAILED, message, taskId };
}
