/**
 * Reports the failure of an attempt so that it sticks, whatever row there is.
 *
 * Source: docs/spec/driver-flows.md#drv-17, #container-driver-of-later-upstream, docs/spec/launcher-flow.md#lau-8.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import { errorMessage } from "../core/errors.ts";
import { PipelineTaskSchema, TaskState, type PipelineTask, type StatusMetadata, type TaskInit } from "../core/kfp-types.ts";
import { isOurRow, type AttemptDeps } from "./create-task.ts";
import { findTask } from "./read-tasks.ts";
import { mergeMetadata, statusMetadata, timestampNow } from "./task-status.ts";

/** What failed, and which row is to say so. */
export interface FailureReport {
  readonly runId: string;
  /** The row as far as it was built; pods and, once known, iteration index included, so that it lands in the right row. */
  readonly draft: TaskInit;
  /** Where the row is known; otherwise it is created. */
  readonly taskId?: string | undefined;
  /** The row as last read, for the custom properties of its status metadata. */
  readonly known?: PipelineTask | undefined;
  /** For people: the bare error. */
  readonly message: string;
}

/**
 * Makes sure a FAILED row with message and end time exists.
 *
 * @returns The row as stored, for the status propagation.
 * @throws {ApiError} When neither creation nor update works.
 */
export async function reportFailure(deps: AttemptDeps, report: FailureReport): Promise<PipelineTask> {
  const { api } = deps;
  const { runId, draft, taskId, message } = report;
  const failed: TaskInit = { ...draft, state: TaskState.FAILED, endTime: timestampNow(deps.clock) };
  if (taskId !== undefined && taskId !== "") {
    const known = report.known ?? (await readTolerantly(deps, runId, taskId));
    return api.updateTask(runId, taskId, failureFields(failed, message, known));
  }
  const draftWithMessage = { ...failed, statusMetadata: statusMetadata(message, draftMetadata(draft)) };
  const row = await api.createTask(runId, draftWithMessage);
  if (isOurRow(row, draftWithMessage)) return row;
  return api.updateTask(runId, row.taskId, failureFields(failed, message, row));
}

function failureFields(failed: TaskInit, message: string, row: PipelineTask | undefined): TaskInit {
  const wanted = create(PipelineTaskSchema, failed);
  return {
    ...(row === undefined ? {} : { taskId: row.taskId, runId: row.runId }),
    state: TaskState.FAILED,
    pods: wanted.pods,
    ...(wanted.endTime === undefined ? {} : { endTime: wanted.endTime }),
    statusMetadata: statusMetadata(message, row === undefined ? draftMetadata(failed) : mergeMetadata(row, wanted)),
  };
}

function draftMetadata(draft: TaskInit): StatusMetadata | undefined {
  return create(PipelineTaskSchema, draft).statusMetadata;
}

async function readTolerantly({ api, logger }: AttemptDeps, runId: string, taskId: string): Promise<PipelineTask | undefined> {
  try {
    return await findTask(api, runId, taskId);
  } catch (error) {
    logger.warn("Cannot read the task before reporting its failure", { taskId, reason: errorMessage(error) });
    return undefined;
  }
}
