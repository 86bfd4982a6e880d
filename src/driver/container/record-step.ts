/**
 * What a CONTAINER driver stores of its task: the row with its input links, and the two ends that need no launcher.
 *
 * Source: docs/spec/driver-flows.md#container.
 *
 * @module
 */
import { TaskState, TaskType, type InputOutputs, type PipelineTask } from "../../core/kfp-types.ts";
import type { ResolvedInputs } from "../../resolver/inputs/resolve-inputs.ts";
import { artifactLinks } from "../../tasks/artifact-links.ts";
import { BatchUpdater } from "../../tasks/batch-updater.ts";
import type { CreateTaskRequest } from "../../tasks/create-task.ts";
import { propagateOutputs, queueOutputs, queuePlan, settleInnerLoops } from "../../tasks/output-propagation.ts";
import { propagationOptions } from "../../tasks/read-run.ts";
import { propagateStatus } from "../../tasks/status-propagation.ts";
import { timestampNow } from "../../tasks/task-status.ts";
import { existingRow, type ChildTask } from "../child-task.ts";
import type { DriverDeps } from "../deps.ts";
import type { TaskInProgress } from "../failure-report.ts";
import type { ContainerOptions } from "../options.ts";
import { recordTask } from "../record-task.ts";
import type { DriverResult } from "../result.ts";
import { cloneCachedOutputs } from "./cached-outputs.ts";

/** A task whose inputs are resolved. */
export interface ResolvedStep extends ChildTask {
  readonly options: ContainerOptions;
  readonly inputs: ResolvedInputs;
  readonly progress: TaskInProgress;
}

/** Condition false: the row says SKIPPED and that is all. */
export async function recordSkipped(deps: DriverDeps, step: ResolvedStep): Promise<DriverResult> {
  const { task, batch } = await recordStep(deps, step, { state: TaskState.SKIPPED, endTime: timestampNow(deps.clock) });
  await flushStep(deps, step, batch);
  await rollUp(deps, step, task, TaskState.SKIPPED);
  return { taskId: task.taskId, cached: false };
}

/** Outputs of the cached task become this task's, and climb from here: no launcher will run. */
export async function recordCached(
  deps: DriverDeps,
  step: ResolvedStep,
  hit: PipelineTask,
  outputs: InputOutputs = cloneCachedOutputs(hit, step.options),
): Promise<DriverResult> {
  const { runId } = step.options;
  const { task, batch } = await recordStep(deps, step, {
    state: TaskState.CACHED,
    endTime: timestampNow(deps.clock),
    outputs: { parameters: outputs.parameters },
  });
  for (const link of artifactLinks({ runId, taskId: task.taskId }, outputs.artifacts)) batch.queueLink(link);
  const propagation = propagationOptions(step.snapshot);
  const plan = await queueOutputs({ ...deps, batch }, { ...task, outputs }, propagation);
  await flushStep(deps, step, batch);
  await settleInnerLoops({ ...deps, batch }, plan, propagation);
  await rollUp(deps, step, task, TaskState.CACHED);
  deps.logger.info("Outputs taken from the cache", { taskId: task.taskId, cachedTaskId: hit.taskId });
  return { taskId: task.taskId, cached: true };
}

/** Creates or adopts the row and queues its input links. */
export async function recordStep(
  deps: DriverDeps,
  { options, inputs, progress, ...child }: ResolvedStep,
  fields: TaskInProgress["draft"],
  adopt?: CreateTaskRequest["adopt"],
): Promise<{ task: PipelineTask; batch: BatchUpdater }> {
  progress.draft = { ...progress.draft, ...fields };
  const { runId, iterationIndex } = options;
  const existing = existingRow(child, TaskType.RUNTIME, iterationIndex);
  const { task, batch } = await recordTask(deps, runId, progress, existing, adopt);
  for (const link of artifactLinks({ runId, taskId: task.taskId }, inputs.artifacts)) batch.queueLink(link);
  queuePlan(batch, inputs.republish);
  return { task, batch };
}

/**
 * Sends what is queued. Lists of loops inside loops that the inputs put back are looked at again: the driver beside this one may have put
 * back its own, and the list they share is made of both.
 */
export async function flushStep(deps: DriverDeps, { snapshot, inputs }: ResolvedStep, batch: BatchUpdater): Promise<void> {
  await batch.flush();
  await settleInnerLoops({ ...deps, batch }, inputs.republish, propagationOptions(snapshot));
}

/** Publishes the outputs of a row that says how the task ended, and rolls up its state. May be done again. */
export async function publishEnd(deps: DriverDeps, step: ResolvedStep, task: PipelineTask): Promise<void> {
  if (task.state !== TaskState.SKIPPED) {
    const batch = new BatchUpdater(deps, step.options.runId);
    batch.noteTask(task);
    await propagateOutputs({ ...deps, batch }, task, propagationOptions(step.snapshot));
  }
  await rollUp(deps, step, task, task.state);
}

async function rollUp(deps: DriverDeps, step: ResolvedStep, task: PipelineTask, state: TaskState): Promise<void> {
  await propagateStatus(deps, { ...task, state }, propagationOptions(step.snapshot));
}
