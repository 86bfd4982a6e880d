/**
 * Failures before a driver has its run, its pipeline and its place in it: a spec that cannot be read, a configuration that is not JSON,
 * a task that the pipeline does not have.
 *
 * Nothing but the ids of run and parent is known by then, and that is enough for a row: it names the task and says what is wrong, where
 * the reference leaves a parent that runs for ever. Without a spec no state can be computed; a failed child fails its parents
 * whatever else they hold, so they are written as they are found, upwards.
 *
 * An error of the API itself leaves no row: whoever did not answer the read would not answer the report either. An answer that cannot be
 * read is another matter: a run may hold what no client takes in, and its server works.
 *
 * Source: docs/spec/driver-flows.md#drv-2, docs/spec/persistent-volume-claims.md#k8s-4, docs/spec/status-roll-up.md#drv-12.
 *
 * @module
 */
import { ApiError, errorMessage } from "../core/errors.ts";
import { TaskState, type PipelineTask, type TaskInit } from "../core/kfp-types.ts";
import { formatScopePath, parseScopePath } from "../core/spec/scope-path.ts";
import { parentIdOf } from "../resolver/run/task-index.ts";
import { reportFailure } from "../tasks/report-failure.ts";
import { timestampNow } from "../tasks/task-status.ts";
import type { DriverDeps } from "./deps.ts";

/** What the flags say of the row. */
export interface EarlyTask {
  readonly runId: string;
  /** Absent for the root. */
  readonly parentTaskId?: string | undefined;
  /** The row; a child's scope path and parent are added from the parent's row. */
  readonly draft: TaskInit & { readonly name: string };
}

/** Runs `prepare`; when it fails, records a FAILED task and throws the error on. A report that fails is logged. */
export async function withEarlyFailureReport<T>(deps: DriverDeps, task: EarlyTask, prepare: () => Promise<T>): Promise<T> {
  try {
    return await prepare();
  } catch (error) {
    if (error instanceof ApiError && error.code !== "API_RESPONSE_INVALID") throw error;
    try {
      await recordEarlyFailure(deps, task, errorMessage(error));
    } catch (reportError) {
      deps.logger.warn("Cannot record the failure of the task", { reason: errorMessage(reportError) });
    }
    throw error;
  }
}

async function recordEarlyFailure(deps: DriverDeps, { runId, parentTaskId, draft }: EarlyTask, message: string): Promise<void> {
  const parent = parentTaskId === undefined ? undefined : await deps.api.getTask(runId, parentTaskId);
  const place =
    parent === undefined
      ? {}
      : { scopePath: formatScopePath([...parseScopePath(parent.scopePath), draft.name]), parentTaskId: parent.taskId };
  await reportFailure(deps, { runId, draft: { ...draft, ...place }, message });
  if (parent !== undefined) await failUpwards(deps, runId, parent);
}

/** One write for all that do not say FAILED yet. */
async function failUpwards({ api, clock }: DriverDeps, runId: string, parent: PipelineTask): Promise<void> {
  const open = new Map<string, TaskInit>();
  const seen = new Set<string>();
  for (let row: PipelineTask | undefined = parent; row !== undefined && !seen.has(row.taskId);) {
    const { taskId } = row;
    seen.add(taskId);
    if (row.state !== TaskState.FAILED)
      open.set(taskId, { taskId, runId, state: TaskState.FAILED, endTime: timestampNow(clock) });
    const above = parentIdOf(row);
    row = above === undefined ? undefined : await api.getTask(runId, above);
  }
  if (open.size > 0) await api.updateTasks(runId, open);
}
