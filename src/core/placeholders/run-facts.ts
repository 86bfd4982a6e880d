/**
 * What a run tells about itself to placeholders; driver and launcher know its names from different places.
 *
 * Source: docs/spec/resolver.md#job-time-placeholders, docs/spec/placeholders.md#lau-15.
 *
 * @module
 */
import { timestampDate, type Timestamp } from "@bufbuild/protobuf/wkt";
import type { Run } from "../kfp-types.ts";
import type { PlaceholderContext } from "./context.ts";

/** The facts that hold for every task of a run. */
export type RunFacts = Omit<PlaceholderContext, "taskName" | "taskId" | "pipelineRoot">;

/** Id and names of the run, as the caller knows them, with the times the server has stored. */
export function runFacts(
  { createdAt, scheduledAt }: Pick<Run, "createdAt" | "scheduledAt">,
  { runId, runName, runDisplayName }: Pick<RunFacts, "runId" | "runName" | "runDisplayName">,
): RunFacts {
  return { runId, runName, runDisplayName, createTime: utcSeconds(createdAt), scheduleTime: utcSeconds(scheduledAt) };
}

/** `YYYY-MM-DDTHH:MM:SSZ`; a time of zero was never set, and printing 1970 would help nobody. */
function utcSeconds(time: Timestamp | undefined): string | undefined {
  if (time === undefined || time.seconds === 0n) return undefined;
  return `${timestampDate(time).toISOString().slice(0, 19)}Z`;
}
