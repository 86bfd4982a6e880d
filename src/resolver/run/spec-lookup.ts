/**
 * What the pipeline spec says about a task row: its component, its task spec, the selectors of its outputs.
 *
 * Source: docs/spec/driver-flows.md#scope-path, docs/spec/output-propagation.md#which-parent-keys-match.
 *
 * @module
 */
import { SpecError } from "../../core/errors.ts";
import type { ComponentSpec, DagSpec, PipelineSpec, PipelineTask } from "../../core/kfp-types.ts";
import { lastEntry, resolveScopePath } from "../../core/spec/scope-path.ts";
import type { ScopeEntry } from "../../core/spec/scope-path.ts";

/** A component that is a DAG, and the DAG. */
export interface DagComponent {
  readonly component: ComponentSpec;
  readonly dag: DagSpec;
}

/** A child's output that feeds one output of a DAG. */
export interface OutputSource {
  /** Task key inside the DAG. */
  readonly producerSubtask: string;
  readonly outputKey: string;
}

/**
 * The scope entry a row stands for.
 *
 * @throws {SpecError} SCOPE_PATH_INVALID or COMPONENT_NOT_FOUND when the spec has no such path.
 */
export function scopeEntryOf(spec: PipelineSpec, task: PipelineTask): ScopeEntry {
  return scopeEntryAt(spec, task.scopePath);
}

/** As {@link scopeEntryOf}, for a scope path. */
export function scopeEntryAt(spec: PipelineSpec, scopePath: string): ScopeEntry {
  return lastEntry(resolveScopePath(spec, scopePath));
}

/**
 * The component of a DAG row and its DAG.
 *
 * @throws {SpecError} COMPONENT_KIND_INVALID when the component is not a DAG; and as {@link scopeEntryOf}.
 */
export function dagOf(spec: PipelineSpec, task: PipelineTask): DagComponent {
  return asDag(scopeEntryOf(spec, task).component, task.scopePath);
}

/** As {@link dagOf}, for a scope path. */
export function dagAt(spec: PipelineSpec, scopePath: string): DagComponent {
  return asDag(scopeEntryAt(spec, scopePath).component, scopePath);
}

function asDag(component: ComponentSpec, scopePath: string): DagComponent {
  if (component.implementation.case !== "dag") {
    throw new SpecError("COMPONENT_KIND_INVALID", `Task "${scopePath}" has children, but its component is not a DAG`);
  }
  return { component, dag: component.implementation.value };
}

/** A map entry by a name from outside: never a property that every object has. */
export function lookup<T>(map: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return map !== undefined && Object.hasOwn(map, key) ? map[key] : undefined;
}

/** Sources of a declared output parameter, in the order of the spec; none when the DAG does not publish it. */
export function parameterSources(component: ComponentSpec, key: string): OutputSource[] {
  if (component.implementation.case !== "dag" || lookup(component.outputDefinitions?.parameters, key) === undefined) return [];
  const kind = lookup(component.implementation.value.outputs?.parameters, key)?.kind;
  if (kind?.case === undefined) return [];
  const selectors = kind.case === "valueFromParameter" ? [kind.value] : kind.value.parameterSelectors;
  return selectors.map(({ producerSubtask, outputParameterKey }) => ({ producerSubtask, outputKey: outputParameterKey }));
}

/** Sources of a declared output artifact. */
export function artifactSources(component: ComponentSpec, key: string): OutputSource[] {
  if (component.implementation.case !== "dag" || lookup(component.outputDefinitions?.artifacts, key) === undefined) return [];
  const selectors = lookup(component.implementation.value.outputs?.artifacts, key)?.artifactSelectors ?? [];
  return selectors.map(({ producerSubtask, outputArtifactKey }) => ({ producerSubtask, outputKey: outputArtifactKey }));
}

/** Keys of the DAG's outputs that a child's output feeds, sorted. */
export function parameterKeysFedBy(component: ComponentSpec, source: OutputSource): string[] {
  return keysFedBy(Object.keys(component.outputDefinitions?.parameters ?? {}), (key) => parameterSources(component, key), source);
}

/** As {@link parameterKeysFedBy}, for artifacts. */
export function artifactKeysFedBy(component: ComponentSpec, source: OutputSource): string[] {
  return keysFedBy(Object.keys(component.outputDefinitions?.artifacts ?? {}), (key) => artifactSources(component, key), source);
}

function keysFedBy(keys: readonly string[], sourcesOf: (key: string) => OutputSource[], source: OutputSource): string[] {
  return keys
    .filter((key) =>
      sourcesOf(key).some(
        ({ producerSubtask, outputKey }) => producerSubtask === source.producerSubtask && outputKey === source.outputKey,
      ),
    )
    .toSorted();
}
