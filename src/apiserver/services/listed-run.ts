/**
 * A run in a list: the stored bytes, of which next to nothing is decoded. A page of 200 runs would otherwise be read, copied and written
 * anew for every client that polls.
 *
 * Source: docs/spec/api-server.md#runs, #lists.
 *
 * @module
 */
import { RunSchema } from "../../core/kfp-types.ts";
import { fieldsOf, lengthDelimited, varintField } from "../message-fields.ts";
import type { ListedRun } from "../store.ts";

const RUN = RunSchema.field;

/** What a list shows of a run besides its own row. */
export interface ListedRunParts {
  readonly taskCount: number;
  /** Encoded tasks; empty in the basic view. */
  readonly tasks: readonly Uint8Array[];
}

/**
 * The encoded Run of a list: that of GetRun in the same view, except that the inline spec is left out where the run refers to a pipeline
 * version.
 *
 * @throws {Error} When the stored bytes are no message.
 */
export function encodeListedRun(
  { body, storageState, pipelineSpec }: ListedRun,
  { taskCount, tasks }: ListedRunParts,
): Uint8Array {
  const parts: Uint8Array[] = [];
  let refersToVersion = false;
  for (const { number, raw, value } of fieldsOf(body)) {
    if (number === RUN.pipelineVersionReference.number) refersToVersion = true;
    // An empty configuration is none.
    if (number === RUN.runtimeConfig.number && value?.length === 0) continue;
    if (number !== RUN.storageState.number) parts.push(raw);
  }
  parts.push(...varintField(RUN.storageState.number, storageState));
  if (pipelineSpec !== undefined && !refersToVersion) parts.push(...lengthDelimited(RUN.pipelineSpec.number, pipelineSpec));
  if (taskCount > 0) parts.push(...varintField(RUN.taskCount.number, taskCount));
  for (const task of tasks) parts.push(...lengthDelimited(RUN.tasks.number, task));
  return Buffer.concat(parts);
}
