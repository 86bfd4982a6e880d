/** A task of the driver itself, ready to be done, and when there is nothing left to do. @module */
import type { ContainerSpec, ExecutorInput, PipelineTask } from "../../core/kfp-types.ts";
import { TaskState } from "../../core/kfp-types.ts";
import type { ChildSpec } from "../child-task.ts";
import type { ResolvedStep } from "../container/record-step.ts";
import type { PlatformOperation } from "./operation.ts";

export interface PlatformStep extends ResolvedStep, ChildSpec {
  readonly container: ContainerSpec;
  /** Inputs only: there is no program that would write outputs. */
  readonly executorInput: ExecutorInput;
}

/** Key of the one output of CreatePVC. */
export const CLAIM_NAME_KEY = "name";

const SUCCESSFUL_ENDS: ReadonlySet<TaskState> = new Set([TaskState.SUCCEEDED, TaskState.CACHED, TaskState.SKIPPED]);

/** Whether an earlier attempt brought it to an end. A created claim that nobody can name is no end: its row lost the output. */
export function isDone(row: PipelineTask, operation: PlatformOperation): boolean {
  if (!SUCCESSFUL_ENDS.has(row.state)) return false;
  if (operation === "delete-claim" || row.state === TaskState.SKIPPED) return true;
  return row.outputs?.parameters.some(({ parameterKey }) => parameterKey === CLAIM_NAME_KEY) === true;
}
