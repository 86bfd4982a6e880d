/**
 * The last word about a task: its final state, what is still queued, and what its end means for its ancestors.
 *
 * Its own failure makes the task FAILED, even where the user's program succeeded. The message starts with what failed first.
 *
 * Source: docs/spec/launcher-flow.md#finalization, #finalization-failures, #failure-table, #lau-10, #decision-failed-propagation,
 * docs/spec/status-roll-up.md#in-the-launcher, docs/spec/output-propagation.md#lau-37.
 *
 * @module
 */
import { ApiError, errorMessage } from "../../core/errors.ts";
import { hidePasswords } from "../../core/hide-passwords.ts";
import { TaskState, type PipelineTask, type TaskInit } from "../../core/kfp-types.ts";
import type { Clock } from "../../ports/clock.ts";
import type { KfpApi } from "../../ports/kfp-api.ts";
import type { Logger } from "../../ports/logger.ts";
import { stageError } from "../../program/stage.ts";
import { statusMetadata, timestampNow } from "../../tasks/task-status.ts";
import { propagationOptions } from "../../tasks/read-run.ts";
import { propagateStatus } from "../../tasks/status-propagation.ts";
import { finalMetadata, type Attempt } from "../attempt.ts";
import type { LaunchResult } from "../deps.ts";
import { joinMessages, type AttemptFailure } from "../failure.ts";

/** What storing the final state takes. */
export interface FinalizeDeps {
  readonly api: KfpApi;
  readonly clock: Pick<Clock, "now">;
  readonly logger: Logger;
}

/**
 * Stores the final state, with everything queued before it, and rolls it up. Never throws.
 *
 * What fails here makes the task FAILED, and that is rolled up as well: the ancestors may say SUCCEEDED already, when it was the last
 * look at them that failed (docs/spec/importer.md#lau-41, for containers too).
 */
export async function finalizeAttempt(
  deps: FinalizeDeps,
  attempt: Attempt,
  failure: AttemptFailure | undefined,
): Promise<LaunchResult> {
  const { taskId } = attempt.task;
  let problem = hidePasswords(failure?.message ?? "");
  let state: LaunchResult["state"] = failure === undefined ? TaskState.SUCCEEDED : TaskState.FAILED;
  try {
    await storeAndRollUp(deps, attempt, state, problem);
  } catch (error) {
    state = TaskState.FAILED;
    problem = joinMessages(problem, errorMessage(error));
    try {
      await recordFailure(deps, attempt, problem);
    } catch (updateError) {
      problem = joinMessages(problem, `failed to record the failure: ${errorMessage(updateError)}`);
    }
  }
  if (problem === "") return { exitCode: 0, state, taskId };
  return { exitCode: failure?.exitCode ?? 1, state, taskId, message: problem };
}

/**
 * Stores that an attempt has failed, without anything that is queued, and rolls it up.
 *
 * @throws {ApiError} When it cannot be stored; a failed roll-up is only logged.
 */
export async function recordFailure(deps: FinalizeDeps, attempt: Attempt, message: string): Promise<void> {
  const { runId, taskId } = attempt.task;
  const stored = await deps.api.updateTask(runId, taskId, failedState(deps, attempt, message));
  await rollUpFailure(deps, attempt, stored);
}

async function storeAndRollUp(
  deps: FinalizeDeps,
  attempt: Attempt,
  state: LaunchResult["state"],
  message: string,
): Promise<void> {
  const { batch, pods, task } = attempt;
  batch.queueTaskUpdate(task.taskId, {
    state,
    pods,
    endTime: timestampNow(deps.clock),
    ...finalMetadata(message, task.statusMetadata),
  });
  let stored: PipelineTask | undefined;
  try {
    stored = (await batch.flush()).tasks.get(task.taskId);
    // A driver that was delivered twice may have reported a failure since the row was read.
    if (stored !== undefined && (stored.statusMetadata?.message ?? "") !== message) {
      const { runId, taskId } = stored;
      const metadata = statusMetadata(message, stored.statusMetadata);
      stored = await deps.api.updateTask(runId, taskId, { taskId, runId, statusMetadata: metadata });
    }
  } catch (error) {
    throw stageError("failed to flush batch updates", error);
  }
  await rollUp(deps, attempt, stored ?? { ...task, state });
}

/**
 * Status propagation of an attempt's task.
 *
 * @throws {Error} Naming the stage that failed in the reference's words.
 */
async function rollUp(deps: FinalizeDeps, { snapshot }: Attempt, task: PipelineTask): Promise<void> {
  try {
    await propagateStatus(deps, task, propagationOptions(snapshot));
  } catch (error) {
    const method = error instanceof ApiError ? (error.details.method ?? "") : "";
    const isRead = method.startsWith("Get") || method.startsWith("List");
    throw stageError(isRead ? "failed to refresh run before status propagation" : "failed to update statuses", error);
  }
}

/** A second error of the same roll-up is news for the log only: the task's message has the first. */
async function rollUpFailure(deps: FinalizeDeps, attempt: Attempt, task: PipelineTask): Promise<void> {
  try {
    await rollUp(deps, attempt, task);
  } catch (error) {
    deps.logger.warn("The failure of the task is not rolled up to its parents", { reason: errorMessage(error) });
  }
}

function failedState({ clock }: FinalizeDeps, { pods, task }: Attempt, message: string): TaskInit {
  const { runId, taskId } = task;
  const metadata = statusMetadata(message, task.statusMetadata);
  return { taskId, runId, state: TaskState.FAILED, endTime: timestampNow(clock), pods, statusMetadata: metadata };
}
