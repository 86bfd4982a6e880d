/**
 * Every task of a pipeline, in one walk from the root: for checks before a run, and for its plan.
 *
 * @module
 */
import type { ComponentSpec, DagSpec, PipelineTaskSpec } from "../../core/kfp-types.ts";
import { SpecError } from "../../core/errors.ts";
import { platformOperation } from "../../driver/platform-tasks/operation.ts";
import { componentOf, executorOf, type ExecutorSpec, type ParsedPipeline } from "../../core/spec/pipeline-spec.ts";

/** A task of the spec and where it stands; loops are not unrolled. */
export interface PlacedTask {
  readonly key: string;
  /** Dotted, from `root`. */
  readonly scopePath: string;
  readonly task: PipelineTaskSpec;
  readonly componentName: string;
  readonly component: ComponentSpec;
  /** The DAG it stands in. */
  readonly parent: DagSpec;
  /** Present unless the component is a DAG. */
  readonly executor?: ExecutorSpec;
  /** Key of the executor in the deployment spec; empty for a DAG. */
  readonly executorLabel: string;
  readonly children: readonly PlacedTask[];
}

/**
 * The tasks of the root with everything below them, in the order of their keys.
 *
 * @throws {SpecError} SPEC_INVALID without a root DAG, COMPONENT_NOT_FOUND, COMPONENT_KIND_INVALID; SPEC_INVALID for a component that
 * contains itself.
 */
export function placeTasks(pipeline: ParsedPipeline): PlacedTask[] {
  const { root } = pipeline.spec;
  if (root?.implementation.case !== "dag") throw new SpecError("SPEC_INVALID", "the root of the pipeline is not a DAG");
  return tasksOf(pipeline, root.implementation.value, "root", []);
}

/** All of them in one list, a task before its children. */
export function flattenTasks(tasks: readonly PlacedTask[]): PlacedTask[] {
  return tasks.flatMap((task) => [task, ...flattenTasks(task.children)]);
}

/** Whether the driver of a task does it with objects of the cluster, and no step follows. */
export function isPlatformTask({ executor }: PlacedTask): boolean {
  return executor?.spec.case === "container" && platformOperation(executor.spec.value.image) !== undefined;
}

function tasksOf(pipeline: ParsedPipeline, dag: DagSpec, path: string, enclosing: readonly string[]): PlacedTask[] {
  return Object.keys(dag.tasks)
    .toSorted()
    .map((key) => placeTask(pipeline, dag, key, { path, enclosing }));
}

function placeTask(
  pipeline: ParsedPipeline,
  parent: DagSpec,
  key: string,
  { path, enclosing }: { readonly path: string; readonly enclosing: readonly string[] },
): PlacedTask {
  const task = parent.tasks[key] as PipelineTaskSpec;
  const scopePath = `${path}.${key}`;
  const component = componentOf(pipeline.spec, task, scopePath);
  const componentName = task.componentRef?.name ?? "";
  const common = { key, scopePath, task, componentName, component, parent };
  const { implementation } = component;
  if (implementation.case !== "dag") {
    const executor = executorOf(pipeline, component, componentName);
    return { ...common, executor, executorLabel: implementation.value ?? "", children: [] };
  }
  if (enclosing.includes(componentName)) {
    throw new SpecError(
      "SPEC_INVALID",
      `component "${componentName}" contains itself: ${[...enclosing, componentName].join(" -> ")}`,
    );
  }
  const children = tasksOf(pipeline, implementation.value, scopePath, [...enclosing, componentName]);
  return { ...common, executorLabel: "", children };
}
