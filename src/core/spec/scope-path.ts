/**
 * Scope paths: the task keys from the root of a pipeline to a task, `root.training.fit`, without iteration indices and ids.
 *
 * Source: docs/spec/driver-flows.md#scope-path.
 *
 * @module
 */
import { SpecError } from "../errors.ts";
import type { ComponentSpec, PipelineSpec, PipelineTaskSpec } from "../kfp-types.ts";

/** First element of every scope path. A task further down may be called so, too. */
export const ROOT = "root";

/** One element of a scope path with what the pipeline spec says about it. */
export interface ScopeEntry {
  readonly taskKey: string;
  /** Absent for the root. */
  readonly taskSpec?: PipelineTaskSpec;
  /** Key in the spec's `components`; absent for the root. */
  readonly componentName?: string;
  readonly component: ComponentSpec;
}

/**
 * Splits the text form. The empty text is the empty path.
 *
 * @throws {SpecError} SCOPE_PATH_INVALID when the first element is not `root` or an element is empty.
 */
export function parseScopePath(text: string): readonly string[] {
  const path = text === "" ? [] : text.split(".");
  checkElements(path, text);
  return path;
}

/**
 * Joins task keys; the inverse of {@link parseScopePath}.
 *
 * @throws {SpecError} SCOPE_PATH_INVALID as there, and when a task key contains a dot.
 */
export function formatScopePath(path: readonly string[]): string {
  const text = path.join(".");
  checkElements(path, text);
  const dotted = path.find((taskKey) => taskKey.includes("."));
  if (dotted !== undefined) throw invalid(text, `task key "${dotted}" contains a dot`);
  return text;
}

function checkElements(path: readonly string[], text: string): void {
  if (path.length > 0 && path[0] !== ROOT) throw invalid(text, `the first element must be "${ROOT}"`);
  if (path.includes("")) throw invalid(text, "an element is empty");
}

function invalid(text: string, reason: string): SpecError {
  return new SpecError("SCOPE_PATH_INVALID", `Cannot parse scope path "${text}": ${reason}`, { details: { scopePath: text } });
}

/**
 * Follows a scope path through the pipeline spec.
 *
 * @param path As text or already split; the empty path has no entries.
 * @returns One entry per element, the root first.
 * @throws {SpecError} SPEC_INVALID when the spec has no root component, SCOPE_PATH_INVALID when the path does not exist in the spec,
 * COMPONENT_NOT_FOUND when a task refers to a component that does not.
 */
export function resolveScopePath(spec: PipelineSpec, path: string | readonly string[]): ScopeEntry[] {
  const taskKeys = typeof path === "string" ? parseScopePath(path) : path;
  checkElements(taskKeys, taskKeys.join("."));
  const entries: ScopeEntry[] = [];
  for (const taskKey of taskKeys) {
    const parent = entries.at(-1);
    entries.push(
      parent === undefined ? rootEntry(spec) : childEntry(spec, parent, taskKey, taskKeys.slice(0, entries.length).join(".")),
    );
  }
  return entries;
}

function rootEntry(spec: PipelineSpec): ScopeEntry {
  if (spec.root === undefined) throw new SpecError("SPEC_INVALID", "The pipeline spec has no root component");
  return { taskKey: ROOT, component: spec.root };
}

function childEntry(spec: PipelineSpec, parent: ScopeEntry, taskKey: string, parentPath: string): ScopeEntry {
  const { implementation } = parent.component;
  if (implementation.case !== "dag")
    throw invalid(`${parentPath}.${taskKey}`, `"${parentPath}" is not a DAG, so it has no tasks`);
  const { tasks } = implementation.value;
  const taskSpec = Object.hasOwn(tasks, taskKey) ? tasks[taskKey] : undefined;
  if (taskSpec === undefined) throw invalid(`${parentPath}.${taskKey}`, `"${parentPath}" has no task "${taskKey}"`);
  const component = componentOf(spec, taskSpec, taskKey);
  return { taskKey, taskSpec, componentName: taskSpec.componentRef?.name ?? "", component };
}

/**
 * The component a task calls.
 *
 * @param taskKey For the message; the display name of the task unless given.
 * @throws {SpecError} COMPONENT_NOT_FOUND
 */
export function componentOf(
  spec: PipelineSpec,
  taskSpec: PipelineTaskSpec,
  taskKey = taskSpec.taskInfo?.name ?? "",
): ComponentSpec {
  const name = taskSpec.componentRef?.name ?? "";
  const component = Object.hasOwn(spec.components, name) ? spec.components[name] : undefined;
  if (component !== undefined) return component;
  const problem = name === "" ? "refers to no component" : `refers to component "${name}", which the pipeline spec does not have`;
  throw new SpecError("COMPONENT_NOT_FOUND", `Task "${taskKey}" ${problem}`, { details: { task: taskKey, component: name } });
}

/**
 * The entry of the task itself.
 *
 * @throws {SpecError} SCOPE_PATH_INVALID for the empty path.
 */
export function lastEntry(entries: readonly ScopeEntry[]): ScopeEntry {
  const entry = entries.at(-1);
  if (entry === undefined) throw invalid("", "it is empty");
  return entry;
}
