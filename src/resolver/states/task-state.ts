/**
 * State of a parent from the states of its children.
 *
 * Works on counts, so that a parent with thousands of children needs a few filtered counts and not their rows.
 *
 * Source: docs/spec/status-roll-up.md#walk, #evaluation-of-a-parent, #in-the-launcher, #later-upstream.
 *
 * @module
 */
import { SpecError } from "../../core/errors.ts";
import type { ComponentSpec, PipelineTask } from "../../core/kfp-types.ts";
import { TaskState, TaskType } from "../../core/kfp-types.ts";

/** Rows among a parent's direct children, not distinct names. SUCCEEDED and unspecified ones are the rest of `total`. */
export interface ChildCounts {
  readonly total: number;
  readonly failed: number;
  readonly running: number;
  readonly cached: number;
  readonly skipped: number;
}

/** How many children are in each state that decides about their parent. */
export function countStates(states: Iterable<TaskState>): ChildCounts {
  const counts = { total: 0, failed: 0, running: 0, cached: 0, skipped: 0 };
  for (const state of states) {
    counts.total += 1;
    if (state === TaskState.FAILED) counts.failed += 1;
    else if (state === TaskState.RUNNING) counts.running += 1;
    else if (state === TaskState.CACHED) counts.cached += 1;
    else if (state === TaskState.SKIPPED) counts.skipped += 1;
  }
  return counts;
}

/** The counts after one child went from one state to another. */
export function moveChild(counts: ChildCounts, from: TaskState, to: TaskState): ChildCounts {
  if (from === to) return counts;
  const minus = countStates([from]);
  const plus = countStates([to]);
  return {
    total: counts.total,
    failed: counts.failed - minus.failed + plus.failed,
    running: counts.running - minus.running + plus.running,
    cached: counts.cached - minus.cached + plus.cached,
    skipped: counts.skipped - minus.skipped + plus.skipped,
  };
}

/**
 * FAILED if any child failed, CACHED or SKIPPED if all are, else SUCCEEDED; `undefined` without children.
 *
 * Does not ask whether the children are final: {@link parentState} does.
 */
export function rollUpState(states: Iterable<TaskState>): TaskState | undefined {
  return rollUpCounts(countStates(states));
}

/** {@link rollUpState} of counts. */
export function rollUpCounts({ total, failed, cached, skipped }: ChildCounts): TaskState | undefined {
  if (total === 0) return undefined;
  if (failed > 0) return TaskState.FAILED;
  if (cached === total) return TaskState.CACHED;
  if (skipped === total) return TaskState.SKIPPED;
  return TaskState.SUCCEEDED;
}

/**
 * The state a parent has now reached, or `undefined` while it stays open.
 *
 * A failed child decides at once, whatever still runs or is yet to be created; otherwise every expected child must exist and
 * none may run.
 */
export function parentState(counts: ChildCounts, expectedChildren: number): TaskState | undefined {
  if (counts.failed === 0 && (counts.running > 0 || counts.total < expectedChildren)) return undefined;
  return rollUpCounts(counts);
}

/**
 * Children a parent will have in the end: the tasks of its DAG, times the iterations of a LOOP.
 *
 * @throws {SpecError} COMPONENT_KIND_INVALID for a component that is not a DAG, SPEC_INVALID for a LOOP row without a count.
 */
export function expectedChildCount(component: ComponentSpec, parent: PipelineTask): number {
  if (component.implementation.case !== "dag") {
    throw new SpecError("COMPONENT_KIND_INVALID", `Task "${parent.scopePath}" has children, but its component is not a DAG`);
  }
  const tasks = Object.keys(component.implementation.value.tasks).length;
  if (parent.type !== TaskType.LOOP) return tasks;
  const iterations = parent.typeAttributes?.iterationCount;
  if (iterations === undefined) {
    throw new SpecError(
      "SPEC_INVALID",
      `Cannot count the children of loop "${parent.scopePath}": its row has no iteration count`,
    );
  }
  return Number(iterations) * tasks;
}
