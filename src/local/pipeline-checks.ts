/**
 * What must hold of a pipeline before a local run starts it: every component and executor is there, every task a task waits for is in
 * its DAG, nothing waits for itself.
 *
 * @module
 */
import type { ParsedPipeline } from "../core/pipeline-spec.ts";
import { assertAcyclic } from "./dag-order.ts";
import { placedTasks, type PlacedTask } from "./pipeline-tasks.ts";

/** @throws {SpecError} for the first thing that does not hold. */
export function assertRunnable(pipeline: ParsedPipeline): void {
  const tasks = placedTasks(pipeline);
  const { root } = pipeline.spec;
  if (root?.implementation.case === "dag") assertAcyclic(root.implementation.value, "the root");
  assertChildrenAcyclic(tasks);
}

function assertChildrenAcyclic(tasks: readonly PlacedTask[]): void {
  for (const { component, componentName, children } of tasks) {
    if (component.implementation.case !== "dag") continue;
    assertAcyclic(component.implementation.value, `component "${componentName}"`);
    assertChildrenAcyclic(children);
  }
}
