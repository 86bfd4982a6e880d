/**
 * What a pipeline expands to: one component called twice, twenty levels deep, makes a million tasks of a few kilobytes of YAML.
 * Counted without expanding anything. Iterations of loops are not tasks of the plan.
 *
 * @module
 */
import type { PipelineTaskSpec } from "../kfp-types.ts";
import type { SpecProblem } from "./problem.ts";
import { calleeOf, sortedEntries, type PipelineGraph, type ReachedComponent } from "./pipeline-graph.ts";

/** Tasks of the whole plan; docs/local.md states these limits. */
export const PLAN_TASK_LIMIT = 20_000;
/** Characters of names, paths, dependencies, conditions and items in the whole plan. */
export const PLAN_TEXT_LIMIT = 32 * 1024 * 1024;
/** DAGs in each other. */
export const PLAN_DEPTH_LIMIT = 100;

interface Size {
  readonly tasks: number;
  readonly characters: number;
  readonly depth: number;
}

/** @param graph Without a component that contains itself. */
export function checkPlanSize(graph: PipelineGraph): SpecProblem[] {
  if (graph.root === undefined) return [];
  const { tasks, characters, depth } = expandedSize(graph, graph.root);
  const problem = (reason: string): SpecProblem[] => [
    {
      ...{ rule: "plan-too-large", severity: "error", taskPath: "root", reason },
      remedy: "use loops instead of copies, or split the pipeline",
    },
  ];
  if (tasks > PLAN_TASK_LIMIT) {
    return problem(`it expands to ${countText(tasks)} tasks, the limit is ${PLAN_TASK_LIMIT.toLocaleString("en")}`);
  }
  if (depth > PLAN_DEPTH_LIMIT) return problem(`its DAGs are nested ${depth} levels deep, the limit is ${PLAN_DEPTH_LIMIT}`);
  if (characters > PLAN_TEXT_LIMIT) {
    return problem(`its plan has ${countText(characters)} characters, the limit is ${PLAN_TEXT_LIMIT.toLocaleString("en")}`);
  }
  return [];
}

function countText(count: number): string {
  return count < 1e15 ? count.toLocaleString("en") : "more than a quadrillion";
}

function expandedSize(graph: PipelineGraph, root: ReachedComponent): Size {
  const sizes = new Map<ReachedComponent, Size>();
  // Twice on the stack: first its children are measured, then it is.
  const stack: Array<{ readonly reached: ReachedComponent; readonly ready: boolean }> = [{ reached: root, ready: false }];
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    const { reached, ready } = top;
    if (sizes.has(reached)) continue;
    if (ready) {
      sizes.set(reached, sizeOfDag(graph, reached, sizes));
      continue;
    }
    stack.push({ reached, ready: true });
    for (const task of Object.values(reached.dag?.tasks ?? {})) {
      const callee = calleeOf(graph, task);
      if (callee !== undefined && !sizes.has(callee)) stack.push({ reached: callee, ready: false });
    }
  }
  return sizes.get(root) as Size;
}

function sizeOfDag(graph: PipelineGraph, { dag }: ReachedComponent, sizes: ReadonlyMap<ReachedComponent, Size>): Size {
  let tasks = 0;
  let characters = 0;
  let depth = dag === undefined ? 0 : 1;
  for (const [key, task] of sortedEntries(dag?.tasks)) {
    const callee = calleeOf(graph, task);
    const inner = (callee === undefined ? undefined : sizes.get(callee)) ?? { tasks: 0, characters: 0, depth: 0 };
    tasks += 1 + inner.tasks;
    // The key stands in the scope path of everything below.
    characters += textOf(key, task) + inner.characters + inner.tasks * (key.length + 1);
    depth = Math.max(depth, 1 + inner.depth);
  }
  return { tasks, characters, depth };
}

function textOf(key: string, task: PipelineTaskSpec): number {
  const { dependentTasks, inputs, iterator, triggerPolicy } = task;
  const items =
    iterator.case === "parameterIterator" && iterator.value.items?.kind.case === "raw" ? iterator.value.items.kind.value : "";
  const producers = Object.values(inputs?.parameters ?? {}).flatMap(({ kind }) =>
    kind.case === "taskOutputParameter" ? [kind.value.producerTask] : [],
  );
  const names = [key, ...new Set([...dependentTasks, ...producers])];
  return names.reduce((sum, name) => sum + name.length, items.length + (triggerPolicy?.condition.length ?? 0));
}
