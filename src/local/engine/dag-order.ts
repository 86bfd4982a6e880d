/**
 * When a task of a DAG may start, and what became of the DAG: the rules Argo applies to a compiled workflow.
 *
 * A task starts when everything it depends on has succeeded; "succeeded" includes a cache hit and a loop over nothing, not a
 * condition that was false. A task that only asks for completed upstream tasks starts whatever became of them, as long as they ran:
 * the compiler attaches it to them as an exit hook.
 *
 * Source: kubeflow/pipelines test_data/compiled-workflows @ e2520ff3becd0c29aa02ddcbd281bb68a4750354 (`depends: x.Succeeded`);
 * docs/spec/argo-workflows.md#how-argo-invokes-the-driver.
 *
 * @module
 */
import { SpecError } from "../../core/errors.ts";
import type { DagSpec, PipelineTaskSpec } from "../../core/kfp-types.ts";
import { PipelineTaskSpec_TriggerPolicy_TriggerStrategy as TriggerStrategy } from "../../gen/ml_pipelines/pipeline_spec_pb.js";

/** `skipped`: its condition was false. `omitted`: it never got its turn, because of what it depends on or because the run was stopped. */
export type TaskOutcome = "succeeded" | "failed" | "skipped" | "omitted";

/**
 * Keys of the tasks a task waits for: those it names and those whose outputs it takes, sorted.
 *
 * @throws {SpecError} SPEC_INVALID when one of them is not in the DAG.
 */
export function dependenciesOf(dag: DagSpec, taskKey: string): string[] {
  const task = dag.tasks[taskKey] as PipelineTaskSpec;
  const names = new Set(task.dependentTasks);
  for (const { kind } of Object.values(task.inputs?.parameters ?? {})) {
    if (kind.case === "taskOutputParameter" || kind.case === "taskFinalStatus") names.add(kind.value.producerTask);
  }
  for (const { kind } of Object.values(task.inputs?.artifacts ?? {})) {
    if (kind.case === "taskOutputArtifact") names.add(kind.value.producerTask);
  }
  const unknown = [...names].find((name) => !Object.hasOwn(dag.tasks, name));
  if (unknown !== undefined) {
    throw new SpecError("SPEC_INVALID", `Task "${taskKey}" depends on task "${unknown}", which its DAG does not have`);
  }
  return [...names].toSorted();
}

/** Whether a task starts, given what became of everything it depends on. */
export function mayStart(task: PipelineTaskSpec, upstream: readonly TaskOutcome[]): boolean {
  if (task.triggerPolicy?.strategy === TriggerStrategy.ALL_UPSTREAM_TASKS_COMPLETED) {
    return upstream.every((outcome) => outcome !== "omitted");
  }
  return upstream.every((outcome) => outcome === "succeeded");
}

/** Whether a task is the body of an exit handler: the SDK names these groups so, and nothing else. */
export function isExitBody(taskKey: string): boolean {
  return /^exit-handler-\d+$/.test(taskKey);
}

/** Whether a task is an exit task; one that ignores failures of other tasks is none. */
export function isExitTask(dag: DagSpec, taskKey: string): boolean {
  const { triggerPolicy } = dag.tasks[taskKey] as PipelineTaskSpec;
  if (triggerPolicy?.strategy !== TriggerStrategy.ALL_UPSTREAM_TASKS_COMPLETED) return false;
  const upstream = dependenciesOf(dag, taskKey);
  return upstream.length > 0 && upstream.every(isExitBody);
}

/** A DAG fails with any of its tasks, exit tasks included; what was left out for another reason does not matter. */
export function dagOutcome(tasks: readonly TaskOutcome[]): "succeeded" | "failed" {
  return tasks.includes("failed") ? "failed" : "succeeded";
}
