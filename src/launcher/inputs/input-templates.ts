/**
 * What the author of the pipeline wrote for the inputs of a task, where it was written and not taken from elsewhere.
 *
 * @module
 */
import { lastEntry, resolveScopePath } from "../../core/spec/scope-path.ts";
import type { Value } from "../../core/values/value.ts";
import type { RunSnapshot } from "../../tasks/read-run.ts";
import type { CommonOptions } from "../options.ts";

/**
 * Constants of the task spec and defaults of the component, by input.
 *
 * @throws {SpecError} When the pipeline has no such task.
 */
export function inputTemplates({ spec, parent }: RunSnapshot, { taskName }: CommonOptions): ReadonlyMap<string, Value> {
  const { taskSpec, component } = lastEntry(resolveScopePath(spec, `${parent?.scopePath ?? ""}.${taskName}`));
  const templates = new Map<string, Value>();
  for (const [name, { defaultValue }] of Object.entries(component.inputDefinitions?.parameters ?? {})) {
    if (defaultValue !== undefined) templates.set(name, defaultValue);
  }
  for (const [name, { kind }] of Object.entries(taskSpec?.inputs?.parameters ?? {})) {
    if (kind.case === "runtimeValue" && kind.value.value.case === "constant") templates.set(name, kind.value.value.value);
    else templates.delete(name);
  }
  return templates;
}
