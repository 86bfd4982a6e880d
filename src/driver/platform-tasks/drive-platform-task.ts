/**
 * Tasks that the driver does itself, from their inputs to their end.
 *
 * No pipeline root is looked up: nothing is written to a store.
 *
 * Source: docs/spec/persistent-volume-claims.md#in-the-drivers-flow.
 *
 * @module
 */
import { buildExecutorInputs } from "../../core/executor/executor-input.ts";
import { TaskState, TaskType, type ContainerSpec } from "../../core/kfp-types.ts";
import { resolveInputs } from "../../resolver/inputs/resolve-inputs.ts";
import { existingRow, type ChildSpec, type ChildTask } from "../child-task.ts";
import { publishEnd, recordSkipped } from "../container/record-step.ts";
import type { DriverDeps } from "../deps.ts";
import type { TaskInProgress } from "../failure-report.ts";
import { runFactsOf } from "../run-facts.ts";
import type { ContainerOptions } from "../options.ts";
import type { DriverResult } from "../result.ts";
import { evaluateTrigger } from "../trigger.ts";
import { createClaim } from "./create-claim.ts";
import { deleteClaim } from "./delete-claim.ts";
import type { PlatformOperation } from "./operation.ts";
import { isDone, type PlatformStep } from "./platform-step.ts";

export interface PlatformTask extends ChildTask, ChildSpec {
  readonly options: ContainerOptions;
  readonly container: ContainerSpec;
  readonly progress: TaskInProgress;
}

export async function drivePlatformTask(
  deps: DriverDeps,
  operation: PlatformOperation,
  task: PlatformTask,
): Promise<DriverResult> {
  const { snapshot, parent, taskSpec, component, options } = task;
  const inputs = await resolveInputs({
    spec: snapshot.spec,
    taskKey: options.taskName,
    taskSpec,
    component,
    parent,
    tasks: snapshot.tasks,
    reader: snapshot.reader,
    iterationIndex: options.iterationIndex,
    job: runFactsOf(snapshot.run, options),
  });
  // A task that fails before its row exists shows what it was given, too.
  task.progress.draft = { ...task.progress.draft, inputs: { parameters: inputs.parameters } };
  const executorInput = buildExecutorInputs(inputs);
  const step: PlatformStep = { ...task, inputs, executorInput };
  const condition = await evaluateTrigger(taskSpec, component, executorInput);
  const outcome = condition === undefined ? {} : { condition };
  const earlier = existingRow(task, TaskType.RUNTIME, options.iterationIndex);
  if (earlier !== undefined && isDone(earlier, operation)) {
    task.progress.taskId = earlier.taskId;
    task.progress.row = earlier;
    deps.logger.info("The task is done already, only its end is published again", { taskId: earlier.taskId });
    await publishEnd(deps, step, earlier);
    return { ...outcome, taskId: earlier.taskId, cached: earlier.state === TaskState.CACHED };
  }
  if (condition === false) {
    const { taskId } = await recordSkipped(deps, step);
    return { ...outcome, taskId };
  }
  return { ...outcome, ...(await (operation === "create-claim" ? createClaim(deps, step) : deleteClaim(deps, step))) };
}
