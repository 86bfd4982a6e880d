/**
 * Whatever goes wrong once the run is known leaves a FAILED task with a message, and its parents' states rolled up.
 *
 * The reference records nothing for most failures of ROOT and DAG drivers: the user interface then shows a parent that runs for ever,
 * and the cause stands in a pod's log only.
 *
 * Source: docs/spec/driver-flows.md#epilogue-of-container, #drv-2, #drv-16, #drv-17, #container-driver-of-later-upstream,
 * #dag-and-root-drivers-of-later-upstream.
 *
 * @module
 */
import { errorMessage } from "../core/errors.ts";
import { type PipelineTask, type TaskInit } from "../core/kfp-types.ts";
import { parentIdOf } from "../resolver/run/task-index.ts";
import { reportFailure } from "../tasks/report-failure.ts";
import { propagationOptions, type RunSnapshot } from "../tasks/read-run.ts";
import { propagateStatus } from "../tasks/status-propagation.ts";
import type { DriverDeps } from "./deps.ts";
import { HandOver, stoppableApi, unlessInterrupted } from "./interruption.ts";
import type { DriverResult } from "./result.ts";

/** The row a driver is working on, as far as it got. */
export interface TaskInProgress {
  /** Everything the row's identity needs is there from the start, the iteration index included. */
  draft: TaskInit;
  /** Known as soon as the server has named it. */
  taskId?: string | undefined;
  /** As last read or written. */
  row?: PipelineTask | undefined;
}

/**
 * Runs `work` with dependencies of its own and hands its result on; when either fails, or the driver is told to stop meanwhile, records
 * the failure and throws the error on. A failure of the report itself is logged and never hides the first error. Nothing is recorded of a
 * driver that stops for a {@link HandOver}.
 *
 * @throws {HostError} INTERRUPTED when `deps.signal` is aborted.
 */
export async function withFailureReport(
  deps: DriverDeps,
  snapshot: RunSnapshot,
  progress: TaskInProgress,
  work: (deps: DriverDeps) => Promise<DriverResult>,
): Promise<DriverResult> {
  const { api, settle } = stoppableApi(deps.api, deps.signal);
  try {
    return await unlessInterrupted(deps.signal, async () => {
      const result = await work({ ...deps, api });
      await deps.deliver?.(result);
      return result;
    });
  } catch (error) {
    await settle(deps.clock);
    if (deps.signal?.reason instanceof HandOver) throw error;
    try {
      await recordFailure(deps, snapshot, progress, errorMessage(error));
    } catch (reportError) {
      // The failure itself is the one error of a driver.
      deps.logger.warn("Cannot record the failure of the task", { reason: errorMessage(reportError) });
    }
    throw error;
  }
}

async function recordFailure(deps: DriverDeps, snapshot: RunSnapshot, progress: TaskInProgress, message: string): Promise<void> {
  const { runId } = snapshot;
  const row = await reportFailure(deps, {
    runId,
    draft: progress.draft,
    taskId: progress.taskId,
    known: progress.row,
    message,
  });
  // A root has nobody above it, and its own state was just written.
  if (parentIdOf(row) === undefined) return;
  await propagateStatus(deps, row, propagationOptions(snapshot));
}
