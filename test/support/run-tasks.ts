/** Rows of a run for tests, made through the API. @module */
import { TaskState, TaskType, type PipelineTask, type TaskInit } from "../../src/core/kfp-types.ts";
import type { KfpApi } from "../../src/ports/kfp-api.ts";

export interface RowOutline {
  readonly type?: TaskType;
  readonly state?: TaskState;
  readonly iteration?: number;
  readonly iterationCount?: number;
  readonly outputs?: NonNullable<TaskInit["outputs"]>;
}

/** Creates the row of a task below a parent; scope path and name from the key. Default: a RUNTIME task that runs. */
export async function createRow(api: KfpApi, parent: PipelineTask, key: string, outline: RowOutline = {}): Promise<PipelineTask> {
  const { type = TaskType.RUNTIME, state = TaskState.RUNNING, iteration, iterationCount, outputs } = outline;
  return api.createTask(parent.runId, {
    name: key,
    scopePath: `${parent.scopePath}.${key}`,
    parentTaskId: parent.taskId,
    type,
    state,
    typeAttributes: {
      ...(iteration === undefined ? {} : { iterationIndex: BigInt(iteration) }),
      ...(iterationCount === undefined ? {} : { iterationCount: BigInt(iterationCount) }),
    },
    ...(outputs === undefined ? {} : { outputs }),
  });
}

export async function createRootRow(api: KfpApi, runId: string): Promise<PipelineTask> {
  return api.createTask(runId, { name: "ROOT", scopePath: "root", type: TaskType.ROOT, state: TaskState.RUNNING });
}
