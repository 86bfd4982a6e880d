/**
 * What the launcher knows of run and task, for placeholders that the driver left unresolved.
 *
 * Source: docs/spec/placeholders.md#lau-15, #decision-pipeline-task-uuid.
 *
 * @module
 */
import { timestampDate, type Timestamp } from "@bufbuild/protobuf/wkt";
import type { Run } from "../../core/kfp-types.ts";
import type { PlaceholderContext } from "../../core/placeholders/placeholders.ts";
import type { CommonOptions } from "../options.ts";

export function placeholderContext(
  { displayName, createdAt, scheduledAt }: Run,
  taskId: string,
  { pod, runId, taskName }: CommonOptions,
): PlaceholderContext {
  return {
    runId,
    runDisplayName: displayName,
    // No flag tells the workflow's name, but it begins the pod's: <workflow>-<number of the node>.
    runName: pod.name.replace(/-\d+$/, ""),
    taskName,
    taskId,
    createTime: utcSeconds(createdAt),
    scheduleTime: utcSeconds(scheduledAt),
  };
}

/** `YYYY-MM-DDTHH:MM:SSZ`; a time of zero was never set. */
function utcSeconds(time: Timestamp | undefined): string | undefined {
  if (time === undefined || time.seconds === 0n) return undefined;
  return `${timestampDate(time).toISOString().slice(0, 19)}Z`;
}
