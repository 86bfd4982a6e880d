/**
 * The row of a task: create it or take over the one an earlier attempt left.
 *
 * CreateTask returns an existing row of the same logical identity unchanged and drops everything in the request. So what belongs to
 * this attempt (pods, inputs, outputs, fingerprint, state, times) is sent again with UpdateTask whenever the row is not our own.
 *
 * Source: docs/spec/driver-flows.md#what-the-driver-relies-on, #budget, #drv-6, #container-driver-of-later-upstream,
 * docs/spec/launcher-flow.md#lau-8, docs/spec/api-server.md#logical-identity.
 *
 * @module
 */
import { create, equals, type MessageInitShape } from "@bufbuild/protobuf";
import { PipelineTaskSchema, TaskState, type PipelineTask, type TaskInit } from "../core/kfp-types.ts";
import type { Clock } from "../ports/clock.ts";
import type { KfpApi } from "../ports/kfp-api.ts";
import type { Logger } from "../ports/logger.ts";
import { mergeMetadata, statusMetadata } from "./task-status.ts";

/** What writing the row of a task takes. */
export interface AttemptDeps {
  readonly api: KfpApi;
  readonly clock: Pick<Clock, "now">;
  readonly logger: Logger;
}

/** The row that is wanted. */
export interface CreateTaskRequest {
  readonly runId: string;
  /** The whole row as this attempt wants it; the parts of the logical identity included. */
  readonly draft: TaskInit;
  /** The row of that place in the run, where a snapshot shows one: it is taken over without CreateTask. */
  readonly existing?: PipelineTask | undefined;
  /** Called with the id as soon as the server has named it, before anything else can fail. */
  readonly onTaskId?: (taskId: string) => void;
  /** What an older row gets instead of the draft; `undefined` leaves it as it is. Default: the draft. */
  readonly adopt?: (row: PipelineTask) => TaskInit | undefined;
}

/** The row there is. */
export interface TaskAttempt {
  readonly task: PipelineTask;
  /** True when the row is older than this attempt: it may have links, outputs and children already. */
  readonly adopted: boolean;
}

/**
 * Creates a task, or takes over the row that is there. One call for a new row, up to two for an old one, and one more where another
 * attempt failed in between.
 *
 * @throws {ApiError} When a call fails; by then `onTaskId` may have been called.
 */
export async function createOrAdoptTask(deps: AttemptDeps, request: CreateTaskRequest): Promise<TaskAttempt> {
  const { runId, draft, existing, onTaskId } = request;
  const row = existing ?? (await deps.api.createTask(runId, draft));
  onTaskId?.(row.taskId);
  if (existing === undefined && isOurRow(row, draft)) return { task: row, adopted: false };
  deps.logger.info("The task exists already, this attempt takes it over", { taskId: row.taskId, task: row.scopePath });
  const wanted = request.adopt === undefined ? draft : request.adopt(row);
  if (wanted === undefined) return { task: row, adopted: true };
  const task = await deps.api.updateTask(runId, row.taskId, attemptFields(wanted, row));
  return { task: await withoutForeignMessage(deps, task, wanted), adopted: true };
}

/** An earlier attempt may have reported its failure between our read and our write: the row is ours then, and its message is not. */
async function withoutForeignMessage({ api }: AttemptDeps, row: PipelineTask, draft: TaskInit): Promise<PipelineTask> {
  const wanted = create(PipelineTaskSchema, draft);
  const message = wanted.statusMetadata?.message ?? "";
  if ((row.statusMetadata?.message ?? "") === message) return row;
  const { taskId, runId } = row;
  return api.updateTask(runId, taskId, { taskId, runId, statusMetadata: statusMetadata(message, mergeMetadata(row, wanted)) });
}

/**
 * Whether the answer to CreateTask is the row we asked for, rather than an older one: every attempt has its own pod, and what the
 * insert stores (state, fingerprint, end time to the second) must be what was sent.
 */
export function isOurRow(row: PipelineTask, draft: TaskInit): boolean {
  const wanted = create(PipelineTaskSchema, draft);
  return (
    row.state === wanted.state &&
    (row.cacheFingerprint === wanted.cacheFingerprint || isFailedWithout(row)) &&
    row.endTime?.seconds === wanted.endTime?.seconds &&
    (row.statusMetadata?.message ?? "") === (wanted.statusMetadata?.message ?? "") &&
    equals(PipelineTaskSchema, podsOnly(row), podsOnly(wanted))
  );
}

/** A server may keep no fingerprint of a failed task (docs/spec/api-server.md#api-31). */
function isFailedWithout({ state, cacheFingerprint }: PipelineTask): boolean {
  return state === TaskState.FAILED && cacheFingerprint === "";
}

function podsOnly({ pods }: PipelineTask): PipelineTask {
  return create(PipelineTaskSchema, { pods });
}

/** What an attempt re-applies to an old row: everything but the identity, which UpdateTask ignores or must not touch. */
function attemptFields(draft: TaskInit, row: PipelineTask): TaskInit {
  const wanted = create(PipelineTaskSchema, draft);
  const hasOldMessage = (row.statusMetadata?.message ?? "") !== "";
  return {
    taskId: row.taskId,
    runId: row.runId,
    state: wanted.state,
    cacheFingerprint: wanted.cacheFingerprint,
    displayName: wanted.displayName,
    pods: wanted.pods,
    ...(wanted.inputs === undefined ? {} : { inputs: parametersOnly(wanted.inputs) }),
    ...(wanted.outputs === undefined ? {} : { outputs: parametersOnly(wanted.outputs) }),
    ...(wanted.endTime === undefined ? {} : { endTime: wanted.endTime }),
    ...(wanted.typeAttributes === undefined ? {} : { typeAttributes: wanted.typeAttributes }),
    ...(hasOldMessage || wanted.statusMetadata !== undefined
      ? { statusMetadata: statusMetadata(wanted.statusMetadata?.message ?? "", mergeMetadata(row, wanted)) }
      : {}),
  };
}

/** Artifacts inside a task message are ignored by the server: they travel as links. */
function parametersOnly({
  parameters,
}: NonNullable<PipelineTask["inputs"]>): MessageInitShape<typeof PipelineTaskSchema>["inputs"] & {} {
  return { parameters };
}
