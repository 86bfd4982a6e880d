/**
 * Trigger conditions and selectors: CEL that compiles, over inputs the task has.
 *
 * @module
 */
import { checkConditionText, checkSelectorText, type InputKinds } from "../cel/evaluate.ts";
import { isNullValue } from "../values/value.ts";
import { namesText, quote, type SpecProblem } from "./problem.ts";
import { calleeOf, sortedEntries, type PipelineGraph, type ReachedComponent } from "./pipeline-graph.ts";
import { kindOfType } from "./value-types.ts";
import type { PipelineTaskSpec } from "../kfp-types.ts";

/** Finds trigger conditions and selectors that cannot be evaluated, or take inputs the task lacks. */
export async function checkExpressions(graph: PipelineGraph): Promise<SpecProblem[]> {
  const problems: SpecProblem[] = [];
  for (const parent of graph.reached) {
    for (const [taskKey, task] of sortedEntries(parent.dag?.tasks)) {
      const callee = calleeOf(graph, task);
      const at = { taskPath: `${parent.path}.${taskKey}`, ...(callee?.name === undefined ? {} : { component: callee.name }) };
      problems.push(...(await selectorProblems(task, at)));
      const condition = task.triggerPolicy?.condition ?? "";
      if (condition !== "" && callee !== undefined)
        problems.push(...(await conditionProblems(condition, inputKinds(task, callee), at)));
    }
  }
  return problems;
}

type Place = Pick<SpecProblem, "taskPath" | "component">;

async function selectorProblems(task: PipelineTaskSpec, at: Place): Promise<SpecProblem[]> {
  const problems: SpecProblem[] = [];
  for (const [input, { parameterExpressionSelector: selector }] of sortedEntries(task.inputs?.parameters)) {
    if (selector === "") continue;
    const reason = await checkSelectorText(selector);
    if (reason === undefined) continue;
    const remedy = `a selector looks like parseJson(string_value)["key"]`;
    problems.push({
      rule: "selector-invalid",
      severity: "error",
      ...at,
      input,
      reason: `its selector is not valid: ${reason}`,
      remedy,
    });
  }
  return problems;
}

async function conditionProblems(condition: string, inputs: InputKinds, at: Place): Promise<SpecProblem[]> {
  const { invalid, unknownInputs, doubtful } = await checkConditionText(condition, inputs);
  const shown = quote(condition.replaceAll(/\s+/g, " ").trim());
  const remedy = "mend the condition in the pipeline and compile it again";
  const unknown = unknownInputs.map((input): SpecProblem => {
    const reason = `condition ${shown} names it, but the task has no such input`;
    return {
      rule: "condition-input-unknown",
      severity: "error",
      ...at,
      input,
      reason,
      remedy: namesText(inputs.keys(), "parameters"),
    };
  });
  const rule = "condition-invalid";
  if (invalid !== undefined)
    return [...unknown, { rule, severity: "error", ...at, reason: `condition ${shown} is not valid: ${invalid}`, remedy }];
  if (doubtful === undefined) return unknown;
  return [...unknown, { rule, severity: "warning", ...at, reason: `condition ${shown} may fail: ${doubtful}`, remedy }];
}

/** Parameters of the task by name, with their kind where it is certain. */
function inputKinds(task: PipelineTaskSpec, { component }: ReachedComponent): InputKinds {
  const kinds = new Map<string, ReturnType<typeof kindOfType>>();
  for (const name of Object.keys(task.inputs?.parameters ?? {})) kinds.set(name, undefined);
  const item = task.iterator.case === "parameterIterator" ? task.iterator.value.itemInput : undefined;
  if (item !== undefined) kinds.set(item, undefined);
  for (const [name, { parameterType, isOptional, defaultValue }] of Object.entries(
    component.inputDefinitions?.parameters ?? {},
  )) {
    const mayBeNull = isOptional && (defaultValue === undefined || isNullValue(defaultValue));
    kinds.set(name, mayBeNull || name === item ? undefined : kindOfType(parameterType));
  }
  return kinds;
}
