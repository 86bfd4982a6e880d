/**
 * The components of a pipeline that can be reached from its root, each once: where it is called first, and by whom.
 *
 * Rules look at components, not at the expanded tree of tasks, so that a check takes time in proportion to the spec, whatever it
 * would expand to.
 *
 * @module
 */
import type { ComponentSpec, DagSpec, PipelineTaskSpec } from "../kfp-types.ts";
import type { ExecutorSpec, ParsedPipeline } from "../spec/pipeline-spec.ts";

/** One call of a component by a task of a DAG. */
export interface Call {
  readonly caller: ReachedComponent;
  readonly taskKey: string;
  readonly task: PipelineTaskSpec;
}

/** A component that the run of the pipeline would get to, and where. */
export interface ReachedComponent {
  /** Key in `components`; `undefined` for the root. */
  readonly name: string | undefined;
  readonly component: ComponentSpec;
  /** Scope path of the first task that calls it; `root` for the root. */
  readonly path: string;
  readonly dag: DagSpec | undefined;
  /** Every task of a reached DAG that calls it. */
  readonly calls: Call[];
}

/** What of a pipeline can be reached from its root. */
export interface PipelineGraph {
  readonly pipeline: ParsedPipeline;
  readonly root: ReachedComponent | undefined;
  /** Callers before those they call first. */
  readonly reached: readonly ReachedComponent[];
  /** The reached component of that name. */
  readonly find: (name: string) => ReachedComponent | undefined;
}

/** Follows the calls from the root; every component is visited once, so that components that call each other do no harm. */
export function pipelineGraph(pipeline: ParsedPipeline): PipelineGraph {
  const { root: rootComponent, components } = pipeline.spec;
  const byName = new Map<string, ReachedComponent>();
  const reached: ReachedComponent[] = [];
  const add = (name: string | undefined, component: ComponentSpec, path: string): ReachedComponent => {
    const { implementation } = component;
    const dag = implementation.case === "dag" ? implementation.value : undefined;
    const entry: ReachedComponent = { name, component, path, dag, calls: [] };
    reached.push(entry);
    if (name !== undefined) byName.set(name, entry);
    return entry;
  };
  const root = rootComponent === undefined ? undefined : add(undefined, rootComponent, "root");
  // The list grows while it is read.
  for (const caller of reached) {
    for (const [taskKey, task] of sortedEntries(caller.dag?.tasks)) {
      const name = task.componentRef?.name ?? "";
      const component = own(components, name);
      if (component === undefined) continue;
      const callee = byName.get(name) ?? add(name, component, `${caller.path}.${taskKey}`);
      callee.calls.push({ caller, taskKey, task });
    }
  }
  return { pipeline, root, reached, find: (name) => byName.get(name) };
}

/** The component a task calls, when there is one. */
export function calleeOf(graph: PipelineGraph, task: PipelineTaskSpec): ReachedComponent | undefined {
  return graph.find(task.componentRef?.name ?? "");
}

/** The executor of a component that has one; absent also when the deployment spec cannot be read. */
export function executorOfReached({ pipeline }: PipelineGraph, { component }: ReachedComponent): ExecutorSpec | undefined {
  if (component.implementation.case !== "executorLabel") return undefined;
  return own(pipeline.deployment.executors, component.implementation.value);
}

/** Inputs that a loop gives to its body, item by item: no declaration says what kind they are. */
export function itemInputs({ calls }: ReachedComponent): Set<string> {
  return new Set(calls.flatMap(({ task: { iterator } }) => (iterator.case === undefined ? [] : [iterator.value.itemInput])));
}

/** A map entry by a name from outside: never a property that every object has. */
export function own<T>(map: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return map !== undefined && Object.hasOwn(map, key) ? map[key] : undefined;
}

/** Entries by key, so that problems come in the same order every time. */
export function sortedEntries<T>(map: Readonly<Record<string, T>> | undefined): Array<[string, T]> {
  return Object.entries(map ?? {}).toSorted(([left], [right]) => (left < right ? -1 : 1));
}
