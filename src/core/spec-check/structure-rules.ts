/**
 * References between components, tasks and executors: everything named exists, and nothing contains or waits for itself.
 *
 * @module
 */
import type { DagSpec } from "../kfp-types.ts";
import { namesText, quote, type SpecProblem } from "./problem.ts";
import { calleeOf, own, sortedEntries, type PipelineGraph, type ReachedComponent } from "./pipeline-graph.ts";

/** Finds a root that is not a DAG, calls of components that do not exist or contain themselves, and dependencies that cannot be met. */
export function checkStructure(graph: PipelineGraph): SpecProblem[] {
  const { root } = graph;
  if (root?.dag === undefined) {
    const reason = root === undefined ? "the pipeline has no root" : "the root of the pipeline is not a DAG";
    return [{ rule: "root-missing", severity: "error", taskPath: "root", reason, remedy: COMPILE_AGAIN }];
  }
  return [
    ...graph.reached.flatMap((reached) => [...referenceProblems(graph, reached), ...cycleProblems(reached)]),
    ...recursionProblems(graph),
  ];
}

const COMPILE_AGAIN = "compile the pipeline again with the KFP SDK, version 2";

function referenceProblems({ pipeline }: PipelineGraph, { dag, path, name }: ReachedComponent): SpecProblem[] {
  const { components } = pipeline.spec;
  const problems: SpecProblem[] = [];
  for (const [taskKey, task] of sortedEntries(dag?.tasks)) {
    const taskPath = `${path}.${taskKey}`;
    const place = { severity: "error", taskPath, ...(name === undefined ? {} : { component: name }) } as const;
    if (taskKey === "" || taskKey.includes(".")) {
      const reason = taskKey === "" ? "its key is empty" : "its key has a dot, which stands between the names of a path";
      problems.push({ rule: "task-key-invalid", ...place, reason, remedy: "rename the task" });
    }
    const called = task.componentRef?.name ?? "";
    if (own(components, called) === undefined) {
      const reason =
        called === ""
          ? "it refers to no component"
          : `it refers to component ${quote(called)}, which the pipeline spec does not have`;
      problems.push({ rule: "component-missing", severity: "error", taskPath, reason, remedy: COMPILE_AGAIN });
    }
    for (const other of new Set(task.dependentTasks)) {
      if (own(dag?.tasks, other) !== undefined) continue;
      problems.push({
        ...{ rule: "dependency-missing", ...place },
        reason: `it depends on task ${quote(other)}, which its DAG does not have`,
        remedy: namesText(Object.keys(dag?.tasks ?? {}), "tasks"),
      });
    }
  }
  return problems;
}

/** Keys of the tasks of the same DAG that a task waits for. */
function dependencies(dag: DagSpec, taskKey: string): string[] {
  const task = own(dag.tasks, taskKey);
  const names = new Set(task?.dependentTasks);
  for (const { kind } of Object.values(task?.inputs?.parameters ?? {})) {
    if (kind.case === "taskOutputParameter" || kind.case === "taskFinalStatus") names.add(kind.value.producerTask);
  }
  for (const { kind } of Object.values(task?.inputs?.artifacts ?? {})) {
    if (kind.case === "taskOutputArtifact") names.add(kind.value.producerTask);
  }
  return [...names].filter((name) => own(dag.tasks, name) !== undefined).toSorted();
}

function cycleProblems({ dag, path, name }: ReachedComponent): SpecProblem[] {
  if (dag === undefined) return [];
  const cycle = findCycle(Object.keys(dag.tasks).toSorted(), (key) => dependencies(dag, key));
  if (cycle === undefined) return [];
  const reason = `tasks depend on each other in a circle: ${shortChain(cycle)}`;
  const place = { severity: "error", taskPath: path, ...(name === undefined ? {} : { component: name }) } as const;
  return [{ rule: "dependency-cycle", ...place, reason, remedy: "take one of these dependencies away" }];
}

function recursionProblems(graph: PipelineGraph): SpecProblem[] {
  const names = graph.reached.flatMap(({ name }) => (name === undefined ? [] : [name]));
  const calledBy = (name: string): string[] =>
    sortedEntries(graph.find(name)?.dag?.tasks).flatMap(([, task]) => {
      const callee = calleeOf(graph, task)?.name;
      return callee === undefined ? [] : [callee];
    });
  const cycle = findCycle(names, calledBy);
  const [first] = cycle ?? [];
  if (cycle === undefined || first === undefined) return [];
  return [
    {
      rule: "component-recursive",
      severity: "error",
      taskPath: graph.find(first)?.path ?? "root",
      component: first,
      reason: `component "${first}" contains itself: ${shortChain(cycle)}`,
      remedy: "a pipeline has to end: use a loop over a list instead",
    },
  ];
}

function shortChain(names: readonly string[]): string {
  const shown = names.length <= 12 ? names : [...names.slice(0, 6), "…", ...names.slice(-5)];
  return shown.join(" -> ");
}

/**
 * A cycle of a directed graph, its first node at both ends; without recursion, because a chain may be as long as the spec.
 */
function findCycle(nodes: readonly string[], next: (node: string) => readonly string[]): string[] | undefined {
  const done = new Set<string>();
  for (const start of nodes) {
    if (done.has(start)) continue;
    const path = [start];
    const onPath = new Set(path);
    const rest = [[...next(start)]];
    while (path.length > 0) {
      const following = rest.at(-1)?.shift();
      if (following === undefined) {
        const ended = path.pop() as string;
        rest.pop();
        onPath.delete(ended);
        done.add(ended);
      } else if (onPath.has(following)) {
        return [...path.slice(path.indexOf(following)), following];
      } else if (!done.has(following)) {
        path.push(following);
        onPath.add(following);
        rest.push([...next(following)]);
      }
    }
  }
  return undefined;
}
