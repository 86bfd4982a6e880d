/**
 * The value of a `taskFinalStatus` input: how the task it watches ended.
 *
 * Source: contract/driver.md 4.6.
 *
 * @module
 */
import { jsonToValue } from "../core/value.ts";
import type { JsonObject, Value } from "../core/value.ts";
import type { PipelineTask } from "../core/kfp-types.ts";
import { TaskState } from "../core/kfp-types.ts";

/** google.rpc.Code UNKNOWN, the only code the reference gives. */
const UNKNOWN_ERROR = 2;

/** @param runName Left out of the value when empty. */
export function finalStatusValue(producer: PipelineTask, runName: string): Value {
  return jsonToValue({
    state: TaskState[producer.state] ?? String(producer.state),
    pipelineTaskName: producer.name,
    ...(runName === "" ? {} : { pipelineJobResourceName: runName }),
    error: errorOf(producer),
  });
}

function errorOf({ state, statusMetadata }: PipelineTask): JsonObject {
  const message = statusMetadata?.message ?? "";
  return {
    ...(state === TaskState.FAILED ? { code: UNKNOWN_ERROR } : {}),
    ...(message === "" ? {} : { message }),
  };
}
