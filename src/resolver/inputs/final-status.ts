/**
 * The value of a `taskFinalStatus` input: how the task it watches ended.
 *
 * What a DAG's row says depends on who wrote it last: a write planned from an old read may stand for a moment, and a process that died
 * before its roll-up leaves RUNNING. So the state of a DAG is computed from its children's rows, which only their own driver and
 * launcher write, down to the leaves as far as rows are at hand.
 *
 * Source: docs/spec/resolver.md#task-final-status.
 *
 * @module
 */
import { jsonToValue } from "../../core/values/value.ts";
import type { JsonObject, Value } from "../../core/values/value.ts";
import type { PipelineSpec, PipelineTask } from "../../core/kfp-types.ts";
import { TaskState } from "../../core/kfp-types.ts";
import { dagOf } from "../run/spec-lookup.ts";
import { isDagTask } from "../run/task-index.ts";
import type { TaskRows } from "../run/task-rows.ts";
import { countStates, expectedChildCount, parentState } from "../states/task-state.ts";

/** google.rpc.Code UNKNOWN, the only code the reference gives. */
const UNKNOWN_ERROR = 2;

/** Whose status is asked for, by a task of which run. */
export interface FinalStatusRequest {
  readonly spec: PipelineSpec;
  /** The task that is watched. */
  readonly producer: PipelineTask;
  /** Its children are read where they are not at hand; those further down are not. */
  readonly rows: TaskRows;
  /** Left out of the value when empty. */
  readonly runName: string;
}

/** @throws {SpecError} when the producer has children, but its place in the spec is not a DAG. */
export async function finalStatusValue({ spec, producer, rows, runName }: FinalStatusRequest): Promise<Value> {
  const children = isDagTask(producer) ? await rows.childrenOf(producer.taskId) : [];
  const state = stateFromChildren(producer, children, { spec, rows });
  return jsonToValue({
    state: TaskState[state] ?? String(state),
    pipelineTaskName: producer.name,
    ...(runName === "" ? {} : { pipelineJobResourceName: runName }),
    error: errorOf(producer, state),
  });
}

/** The row's own state for leaves, for DAGs without children (skipped, or their driver failed), and while children are open. */
function stateFromChildren(
  task: PipelineTask,
  children: readonly PipelineTask[],
  context: Pick<FinalStatusRequest, "spec" | "rows">,
): TaskState {
  if (children.length === 0) return task.state;
  const { index } = context.rows;
  const states = children.map((child) =>
    isDagTask(child) && index.hasAllChildrenOf(child.taskId)
      ? stateFromChildren(child, index.childrenOf(child.taskId), context)
      : child.state,
  );
  return parentState(countStates(states), expectedChildCount(dagOf(context.spec, task).component, task)) ?? task.state;
}

function errorOf({ statusMetadata }: PipelineTask, state: TaskState): JsonObject {
  const message = statusMetadata?.message ?? "";
  return {
    ...(state === TaskState.FAILED ? { code: UNKNOWN_ERROR } : {}),
    ...(message === "" ? {} : { message }),
  };
}
