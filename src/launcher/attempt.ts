/**
 * What one attempt knows about its task once the run has been read.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import type { ComponentSpec, PipelineTask, StatusMetadata, TaskInit } from "../core/kfp-types.ts";
import { PipelineTaskSchema, TaskPodType, TaskState } from "../core/kfp-types.ts";
import { resolveScopePath, lastEntry, type ScopeEntry } from "../core/spec/scope-path.ts";
import type { KfpApi } from "../ports/kfp-api.ts";
import { statusMetadata } from "../tasks/task-status.ts";
import type { BatchUpdater } from "../tasks/batch-updater.ts";
import type { RunSnapshot } from "../tasks/read-run.ts";
import type { CommonOptions } from "./options.ts";

/** An attempt once the run has been read. */
export interface Attempt {
  readonly snapshot: RunSnapshot;
  /** The task's own row as stored. */
  readonly task: PipelineTask;
  /** Pods of the row, ours included. */
  readonly pods: PipelineTask["pods"];
  readonly batch: BatchUpdater;
}

/** Drivers and earlier attempts stay in the list. */
export function withOwnPod(pods: PipelineTask["pods"], pod: CommonOptions["pod"]): PipelineTask["pods"] {
  const known = pods.some(({ uid, type }) => uid === pod.uid && type === TaskPodType.EXECUTOR);
  if (known) return [...pods];
  const [own] = create(PipelineTaskSchema, { pods: [{ name: pod.name, uid: pod.uid, type: TaskPodType.EXECUTOR }] }).pods;
  return own === undefined ? [...pods] : [...pods, own];
}

/** @throws {SpecError} When the pipeline has no such task. */
export function componentOfTask(snapshot: RunSnapshot, options: CommonOptions): ComponentSpec {
  return entryOfTask(snapshot, options).component;
}

/**
 * How often the task is tried again after a failure, by its retry policy; 0 without one.
 *
 * @throws {SpecError} When the pipeline has no such task.
 */
export function maxRetriesOfTask(snapshot: RunSnapshot, options: CommonOptions): number {
  return entryOfTask(snapshot, options).taskSpec?.retryPolicy?.maxRetryCount ?? 0;
}

function entryOfTask({ spec, parent }: RunSnapshot, { taskName }: CommonOptions): ScopeEntry {
  return lastEntry(resolveScopePath(spec, `${parent?.scopePath ?? ""}.${taskName}`));
}

/** A row that an earlier attempt left in another state shows this attempt as running; one that runs already costs no call. */
export async function reapplyRunning(api: KfpApi, task: PipelineTask, pods: PipelineTask["pods"]): Promise<PipelineTask> {
  if (task.state === TaskState.RUNNING) return task;
  const { runId, taskId } = task;
  await api.updateTask(runId, taskId, {
    taskId,
    runId,
    state: TaskState.RUNNING,
    pods,
    statusMetadata: statusMetadata("", task.statusMetadata),
  });
  return { ...task, state: TaskState.RUNNING, pods, statusMetadata: statusMetadata("", task.statusMetadata) };
}

/** The message of a final state; on success only where there is an old one to clear. Foreign properties go along. */
export function finalMetadata(message: string, previous: StatusMetadata | undefined): Pick<TaskInit, "statusMetadata"> {
  if (message === "" && (previous?.message ?? "") === "") return {};
  return { statusMetadata: statusMetadata(message, previous) };
}
