/**
 * Changes of a pipeline spec that leave its workflow as it is: tasks, their order and their conditions stay.
 *
 * @module
 */
import type { JsonObject, JsonValue } from "../../src/core/values/value.ts";
import type { Scenario } from "./scenario.ts";

/** @param source As a file holds it: a pipeline spec, alone or beside a platform spec. @returns A copy. */
export function changedPipeline(
  source: JsonObject,
  { changeSpec, changeExecutors }: Pick<Scenario, "changeSpec" | "changeExecutors">,
): JsonObject {
  const copy = structuredClone(source);
  const spec = (copy["pipeline_spec"] ?? copy) as JsonObject;
  const { executors = {} } = (spec["deploymentSpec"] ?? {}) as { executors?: Record<string, JsonObject> };
  changeSpec?.(spec);
  changeExecutors?.(executors);
  return copy;
}

interface Task {
  readonly inputs?: { readonly parameters?: JsonObject };
  readonly parameterIterator?: { readonly items: JsonObject };
}

/** Of the pipeline itself. @throws {Error} When it has no such task. */
function taskOf(spec: JsonObject, name: string): Task {
  const { dag } = spec["root"] as unknown as { readonly dag: { readonly tasks: Readonly<Record<string, Task>> } };
  const task = dag.tasks[name];
  if (task === undefined) throw new Error(`the pipeline has no task ${name}`);
  return task;
}

/** Another constant for an input that has one. */
export function setConstant(spec: JsonObject, task: string, { input, value }: { input: string; value: JsonValue }): void {
  const { parameters = {} } = taskOf(spec, task).inputs ?? {};
  if (parameters[input] === undefined) throw new Error(`task ${task} has no input ${input}`);
  parameters[input] = { runtimeValue: { constant: value } };
}

/** Other items for a loop over constants. */
export function setRawItems(spec: JsonObject, task: string, values: readonly JsonValue[]): void {
  const { items } = taskOf(spec, task).parameterIterator ?? {};
  if (items?.["raw"] === undefined) throw new Error(`task ${task} is no loop over constants`);
  items["raw"] = JSON.stringify(values);
}
