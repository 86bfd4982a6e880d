/**
 * What a CONTAINER driver stores of its task: the row with its input links, and the two ends that need no launcher.
 *
 * Source: docs/spec/driver-flows.md#container.
 *
 * @module
 */
import { TaskState, TaskType, type InputOutputs, type PipelineTask } from "../../core/kfp-types.ts";
import type { ResolvedInputs } from "../../resolver/inputs/resolve-inputs.ts";
import { createOrAdoptTask, timestampNow, type CreateTaskRequest } from "../../tasks/attempt.ts";
import { BatchUpdater } from "../../tasks/batch-updater.ts";
import { artifactLinks } from "../../tasks/links.ts";
import { propagateOutputs, queueOutputs, queuePlan, settleInnerLoops } from "../../tasks/output-propagation.ts";
import { propagateStatus } from "../../tasks/status-propagation.ts";
import { existingRow, type ChildTask } from "../child-task.ts";
import type { DriverDeps } from "../deps.ts";
import type { TaskInProgress } from "../failure-report.ts";
import type { ContainerOptions } from "../options.ts";
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
  const { task, batch } = await recordTask(deps, step, { state: TaskState.SKIPPED, endTime: timestampNow(deps.clock) });
  await batch.flush();
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
  const { task, batch } = await recordTask(deps, step, {
    state: TaskState.CACHED,
    endTime: timestampNow(deps.clock),
    outputs: { parameters: outputs.parameters },
  });
  for (const link of artifactLinks({ runId, taskId: task.taskId }, outputs.artifacts)) batch.queueLink(link);
  const propagation = propagationOf(step);
  const plan = await queueOutputs({ ...deps, batch }, { ...task, outputs }, propagation);
  await batch.flush();
  await settleInnerLoops({ ...deps, batch }, plan, propagation);
  await rollUp(deps, step, task, TaskState.CACHED);
  deps.logger.info("Outputs taken from the cache", { taskId: task.taskId, cachedTaskId: hit.taskId });
  return { taskId: task.taskId, cached: true };
}

/** Creates or adopts the row and queues its input links. */
export async function recordTask(
  deps: DriverDeps,
  { options, inputs, progress, ...child }: ResolvedStep,
  fields: TaskInProgress["draft"],
  adopt?: CreateTaskRequest["adopt"],
): Promise<{ task: PipelineTask; batch: BatchUpdater }> {
  progress.draft = { ...progress.draft, inputs: { parameters: inputs.parameters }, ...fields };
  const { task, adopted } = await createOrAdoptTask(deps, {
    runId: options.runId,
    draft: progress.draft,
    existing: existingRow(child, TaskType.RUNTIME, options.iterationIndex),
    onTaskId: (taskId) => {
      progress.taskId = taskId;
    },
    ...(adopt === undefined ? {} : { adopt }),
  });
  progress.row = task;
  const batch = new BatchUpdater(deps, options.runId);
  if (adopted) batch.noteTask(task);
  else batch.noteFreshTask(task.taskId);
  for (const link of artifactLinks({ runId: options.runId, taskId: task.taskId }, inputs.artifacts)) batch.queueLink(link);
  queuePlan(batch, inputs.republish);
  return { task, batch };
}

/** Publishes the outputs of a row that says how the task ended, and rolls up its state. May be done again. */
export async function publishEnd(deps: DriverDeps, step: ResolvedStep, task: PipelineTask): Promise<void> {
  if (task.state !== TaskState.SKIPPED) {
    const batch = new BatchUpdater(deps, step.options.runId);
    batch.noteTask(task);
    await propagateOutputs({ ...deps, batch }, task, propagationOf(step));
  }
  await rollUp(deps, step, task, task.state);
}

async function rollUp(deps: DriverDeps, step: ResolvedStep, task: PipelineTask, state: TaskState): Promise<void> {
  await propagateStatus(deps, { ...task, state }, { ...propagationOf(step), isLargeRun: !step.snapshot.complete });
}

function propagationOf({
  snapshot,
  options,
}: ResolvedStep): Pick<Parameters<typeof propagateOutputs>[2], "runId" | "spec" | "tasks"> {
  return { runId: options.runId, spec: snapshot.spec, tasks: snapshot.tasks };
}
