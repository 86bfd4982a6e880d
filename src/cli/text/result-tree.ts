/**
 * The tasks of a result by where they stand: below which task, in which iterations.
 *
 * @module
 */
import type { NotRunTask } from "../../local/results/not-run.ts";
import type { RunResult, TaskResult } from "../../local/results/run-result.ts";
import { taskLabel } from "../../local/engine/task-label.ts";

/** A task with a row, or one that never got so far, with those below it. */
export type ResultNode =
  | { readonly kind: "task"; readonly task: TaskResult }
  | { readonly kind: "not-run"; readonly task: NotRunTask; readonly below: readonly NotRunTask[] };

/** The tasks of a result by parent, in the order in which they are shown. */
export class ResultTree {
  readonly #byId: ReadonlyMap<string, TaskResult>;
  readonly #children = new Map<string, ResultNode[]>();
  readonly #iterations = new Map<string, readonly number[]>();

  constructor({ tasks, notRun }: Pick<RunResult, "tasks" | "notRun">) {
    this.#byId = new Map(tasks.map((task) => [task.taskId, task]));
    for (const task of tasks) this.#add(task.parentTaskId ?? "", { kind: "task", task });
    for (const [index, task] of notRun.entries()) {
      if (task.parentTaskId !== undefined || task.scopePath === "root") {
        this.#add(task.parentTaskId ?? "", { kind: "not-run", task, below: tasksBelow(notRun, index) });
      }
    }
    for (const siblings of this.#children.values()) siblings.sort(bySibling);
  }

  roots(): readonly ResultNode[] {
    return this.#children.get("") ?? [];
  }

  below({ taskId }: TaskResult): readonly ResultNode[] {
    return this.#children.get(taskId) ?? [];
  }

  /** As progress names it: the path without `root.`, the iterations of all enclosing loops in brackets. */
  label(task: TaskResult): string {
    return taskLabel({ scopePath: task.scopePath, iterations: this.iterations(task) });
  }

  /** Outermost first. */
  iterations(task: TaskResult): readonly number[] {
    const known = this.#iterations.get(task.taskId);
    if (known !== undefined) return known;
    const parent = this.#byId.get(task.parentTaskId ?? "");
    let iterations: readonly number[] = [];
    if (parent !== undefined) {
      const above = this.iterations(parent);
      iterations = parent.type === "LOOP" && task.iterationIndex !== undefined ? [...above, task.iterationIndex] : above;
    }
    this.#iterations.set(task.taskId, iterations);
    return iterations;
  }

  /** Labels of the task itself and of all it stands in. */
  labelsUpwards(task: TaskResult): readonly string[] {
    const parent = this.#byId.get(task.parentTaskId ?? "");
    return [this.label(task), ...(parent === undefined ? [] : this.labelsUpwards(parent))];
  }

  hasFailedBelow(task: TaskResult): boolean {
    return this.below(task).some((node) => node.kind === "task" && node.task.state === "FAILED");
  }

  #add(parentId: string, node: ResultNode): void {
    const siblings = this.#children.get(parentId);
    if (siblings === undefined) this.#children.set(parentId, [node]);
    else siblings.push(node);
  }
}

/** Loops and pipelines only hand on; steps and importers do something. */
export function isStep({ type }: TaskResult): boolean {
  return type === "RUNTIME" || type === "IMPORTER";
}

/** Index in the innermost loop around the task; `undefined` outside of loops. */
export function iterationOf(node: ResultNode): number | undefined {
  return node.kind === "task" ? node.task.iterationIndex : node.task.iterations.at(-1);
}

function bySibling(a: ResultNode, b: ResultNode): number {
  if (a.task.name !== b.task.name) return a.task.name < b.task.name ? -1 : 1;
  return (iterationOf(a) ?? 0) - (iterationOf(b) ?? 0);
}

/** What follows a left-out DAG in the list and stands in it. */
function tasksBelow(notRun: readonly NotRunTask[], index: number): NotRunTask[] {
  const below: NotRunTask[] = [];
  for (let next = index + 1; next < notRun.length; next += 1) {
    const task = notRun[next] as NotRunTask;
    if (task.parentTaskId !== undefined || !task.scopePath.startsWith(`${notRun[index]?.scopePath}.`)) break;
    below.push(task);
  }
  return below;
}
