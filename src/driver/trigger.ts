/** The trigger condition of a task, before the task exists. Source: docs/spec/expressions.md. @module */
import { evaluateCondition } from "../core/cel/evaluate.ts";
import type { ComponentSpec, ExecutorInput, PipelineTaskSpec } from "../core/kfp-types.ts";

/** @returns `undefined` without a condition: the task is unconditional. */
export async function evaluateTrigger(
  taskSpec: PipelineTaskSpec,
  component: ComponentSpec,
  executorInput: ExecutorInput,
): Promise<boolean | undefined> {
  const condition = taskSpec.triggerPolicy?.condition ?? "";
  if (condition === "") return undefined;
  const parameters = Object.entries(component.inputDefinitions?.parameters ?? {});
  const optionalInputs = new Set(parameters.filter(([, spec]) => spec.isOptional).map(([name]) => name));
  return evaluateCondition(condition, executorInput, { optionalInputs });
}
