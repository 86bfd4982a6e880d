/**
 * What the job placeholders stand for in this run.
 *
 * A time of zero is one that was never set: printing 1970 would help nobody (docs/spec/resolver.md#job-time-placeholders).
 *
 * @module
 */
import { timestampDate, type Timestamp } from "@bufbuild/protobuf/wkt";
import type { PipelineTask, Run } from "../core/kfp-types.ts";
import type { PlaceholderContext } from "../core/placeholders/placeholders.ts";
import type { JobContext } from "../resolver/inputs/resolve-inputs.ts";
import type { ChildOptions, CommonOptions } from "./options.ts";

export function jobContext(run: Run, parent: PipelineTask, options: CommonOptions & ChildOptions): PlaceholderContext {
  return {
    ...runContext(run, options),
    taskName: options.taskName,
    // The task's own id does not exist yet; this value is part of fingerprints
    // (docs/spec/placeholders.md#decision-pipeline-task-uuid).
    taskId: parent.taskId,
  };
}

/** What is known before there is a task. */
export function runContext(run: Run, options: CommonOptions): JobContext {
  const createTime = utcSeconds(run.createdAt);
  const scheduleTime = utcSeconds(run.scheduledAt) ?? createTime;
  return {
    runId: run.runId === "" ? options.runId : run.runId,
    runName: options.runName,
    runDisplayName: options.runDisplayName,
    ...(createTime === undefined ? {} : { createTime }),
    ...(scheduleTime === undefined ? {} : { scheduleTime }),
  };
}

/** `YYYY-MM-DDTHH:MM:SSZ`. */
function utcSeconds(time: Timestamp | undefined): string | undefined {
  if (time === undefined || time.seconds === 0n) return undefined;
  return `${timestampDate(time).toISOString().slice(0, 19)}Z`;
}
