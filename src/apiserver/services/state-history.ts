/**
 * When a state change becomes a history entry.
 *
 * An entry is appended when a state is given that differs from the last entry's. No state is final here: clients recompute the state
 * of parents and may take any step back.
 *
 * Source: docs/spec/api-server.md#state-history.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import { RuntimeState, TaskState } from "../../core/kfp-types.ts";
import {
  PipelineTask_TaskStatusSchema,
  RuntimeStatusSchema,
  type PipelineTask_TaskStatus,
  type RuntimeStatus,
} from "../../gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";
import { timestampOfSeconds } from "../timestamps.ts";

/** Appends to the history of a task; `nowSeconds` is unix time. */
export function appendTaskState(history: PipelineTask_TaskStatus[], state: TaskState, nowSeconds: number): void {
  if (state === TaskState.RUNTIME_STATE_UNSPECIFIED || history.at(-1)?.state === state) return;
  history.push(create(PipelineTask_TaskStatusSchema, { updateTime: timestampOfSeconds(nowSeconds), state }));
}

/** Appends to the history of a run. */
export function appendRunState(history: RuntimeStatus[], state: RuntimeState, nowSeconds: number): void {
  if (state === RuntimeState.RUNTIME_STATE_UNSPECIFIED || history.at(-1)?.state === state) return;
  history.push(create(RuntimeStatusSchema, { updateTime: timestampOfSeconds(nowSeconds), state }));
}
