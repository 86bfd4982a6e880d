/**
 * States of DAGs and loops as their rows have them, while a run goes on: CACHED when everything in them is.
 *
 * @module
 */
import { TaskState } from "../../core/kfp-types.ts";
import type { EngineEvent } from "../../local/engine/engine-event.ts";
import { taskLabel } from "../../local/engine/task-label.ts";
import type { TaskPlace } from "../../local/engine/task-executor.ts";
import { rollUpState } from "../../resolver/states/task-state.ts";

type EndedEvent = Extract<EngineEvent, { kind: "ended" }>;

/** Fed with the ends of all tasks, in order: a task ends before what it is in. */
export class GroupStates {
  readonly #children = new Map<string, Set<TaskState>>();

  /** A task gets its turn. Only groups that have begun collect states: of an iteration, which is no task, there is no end. */
  begin({ place, taskKind }: Pick<EndedEvent, "place" | "taskKind">): void {
    if (isGroup(taskKind)) this.#children.set(taskLabel(place), new Set());
  }

  /** The state a task has ended in, as an enum name of the API. */
  end({ place, taskKind, outcome, cached }: EndedEvent): string {
    const label = taskLabel(place);
    const below = outcome === "succeeded" && isGroup(taskKind) ? rollUpState(this.#children.get(label) ?? []) : undefined;
    const state = below ?? (cached ? TaskState.CACHED : ownState(outcome));
    this.#children.delete(label);
    if (state === undefined) return outcome.toUpperCase();
    for (const parent of possibleParents(place)) this.#children.get(parent)?.add(state);
    return TaskState[state];
  }
}

function isGroup(taskKind: EndedEvent["taskKind"]): boolean {
  return taskKind === "dag" || taskKind === "loop";
}

function ownState(outcome: EndedEvent["outcome"]): TaskState | undefined {
  switch (outcome) {
    case "succeeded":
      return TaskState.SUCCEEDED;
    case "failed":
      return TaskState.FAILED;
    case "skipped":
      return TaskState.SKIPPED;
    case "omitted":
      return undefined;
  }
}

/** A task stands in a DAG of the same iterations, or in a loop, which has one less. No DAG has the label of a loop. */
function possibleParents({ scopePath, iterations }: TaskPlace): string[] {
  const parentPath = scopePath.slice(0, scopePath.lastIndexOf("."));
  if (parentPath === "") return [];
  const inDag = taskLabel({ scopePath: parentPath, iterations });
  return iterations.length === 0 ? [inDag] : [inDag, taskLabel({ scopePath: parentPath, iterations: iterations.slice(0, -1) })];
}
