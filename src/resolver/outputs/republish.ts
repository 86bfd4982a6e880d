/**
 * Republishing: outputs of preserved children for parents that a run retry emptied.
 *
 * A run retry clears the outputs of every task that did not end well, parents of failed tasks included, and keeps successful
 * children, which will not run again. Pure, over the rows at hand.
 *
 * Source: docs/spec/output-propagation.md#republishing-by-the-driver, #drv-15, #republishing.
 *
 * @module
 */
import { IoType } from "../../core/kfp-types.ts";
import type { PipelineSpec, PipelineTask } from "../../core/kfp-types.ts";
import { iterationOfEntry, outputArtifactsOf, outputParametersOf } from "../run/io-entries.ts";
import { planPropagation } from "./propagate-outputs.ts";
import { PropagationPlan } from "./propagation-plan.ts";
import { scopeEntryOf } from "../run/spec-lookup.ts";
import { isDagTask, isPreserved } from "../run/task-index.ts";
import type { TaskIndex } from "../run/task-index.ts";

/** Whether a task declares an output key, parameter or artifact, that its row does not have. */
export function lacksOutputs(spec: PipelineSpec, task: PipelineTask): boolean {
  const definitions = scopeEntryOf(spec, task).component.outputDefinitions;
  return (
    Object.keys(definitions?.parameters ?? {}).some((key) => outputParametersOf(task, key).length === 0) ||
    Object.keys(definitions?.artifacts ?? {}).some((key) => outputArtifactsOf(task, key).length === 0)
  );
}

/** Whether the task or one of its ancestors lacks outputs, which is when its preserved children are worth a look. */
export function needsRepublish(spec: PipelineSpec, task: PipelineTask, tasks: TaskIndex): boolean {
  return [task, ...tasks.ancestorsOf(task)].some((row) => lacksOutputs(spec, row));
}

/**
 * Plans the republishing of a task's preserved children; an empty plan when nothing is missing.
 *
 * @param tasks Holds the task, its children and its ancestors.
 * @throws what {@link planPropagation} throws.
 */
export async function planRepublish(spec: PipelineSpec, task: PipelineTask, tasks: TaskIndex): Promise<PropagationPlan> {
  const plan = new PropagationPlan();
  if (!needsRepublish(spec, task, tasks)) return plan;
  for (const source of preservedSources(task, tasks)) {
    await planPropagation({ spec, task: source, readTask: (taskId) => Promise.resolve(tasks.get(taskId)) }, plan);
  }
  return plan;
}

/** Preserved children; in place of one whose artifacts have lost their iterations, the tasks below that still know them. */
function preservedSources(task: PipelineTask, tasks: TaskIndex): PipelineTask[] {
  return tasks
    .childrenOf(task.taskId)
    .filter(isPreserved)
    .flatMap((child) => {
      const below = hasLostIterations(child) ? preservedSources(child, tasks) : [];
      return below.length === 0 ? [child] : below;
    });
}

function hasLostIterations(task: PipelineTask): boolean {
  const artifacts = task.outputs?.artifacts ?? [];
  return (
    isDagTask(task) && artifacts.some((entry) => entry.type === IoType.ITERATOR_OUTPUT && iterationOfEntry(entry) === undefined)
  );
}
