/**
 * Roll-up of states from a task that just ended to the root: every ancestor's new state, computed at once.
 *
 * The walk is the later upstream's: a failed child fails its parent while siblings still run, and the root is evaluated once. It plans
 * from what one read showed; tasks/status-propagation.ts reads and plans again until a read shows nothing to write.
 *
 * Source: docs/spec/status-roll-up.md, #later-upstream, #drv-12, #drv-29, docs/spec/driver-flows.md#budget,
 * #minimal-update-messages.
 *
 * @module
 */
import { InternalError } from "../../core/errors.ts";
import type { DagSpec, PipelineSpec, PipelineTask, TaskState } from "../../core/kfp-types.ts";
import { PipelineTaskSpec_TriggerPolicy_TriggerStrategy as TriggerStrategy } from "../../gen/ml_pipelines/pipeline_spec_pb.js";
import { dagOf, lookup } from "../run/spec-lookup.ts";
import { parentIdOf, taskKeyOf } from "../run/task-index.ts";
import type { TaskIndex } from "../run/task-index.ts";
import { countStates, expectedChildCount, moveChild, parentState, rollUpCounts } from "./task-state.ts";
import type { ChildCounts } from "./task-state.ts";

/** One parent and its children, as read from the API. */
export interface StatusLevel {
  readonly parent: PipelineTask;
  readonly counts: ChildCounts;
}

/** A task that ended, and how to see what is above it. */
export interface StatusWalkRequest {
  readonly spec: PipelineSpec;
  /** The task that just ended, with its new state. */
  readonly start: PipelineTask;
  /** The level of a parent; must already see the state of `start`. `undefined` when there is no such task. */
  readonly readLevel: (parentId: string) => Promise<StatusLevel | undefined>;
  /** Default: yes. No for a walk after a write of this process, which has moved the end times already. */
  readonly extendEndTimes?: boolean;
}

/** One ancestor to be written with this state and the end time of now. */
export interface StatusUpdate {
  readonly taskId: string;
  readonly runId: string;
  readonly state: TaskState;
  /** Its state is not new: only the end time moves. */
  readonly endTimeOnly: boolean;
}

/**
 * Plans the roll-up, from the parent of `start` upwards. Unchanged ancestors are left out, but the walk goes on above them.
 *
 * @throws {InternalError} INVARIANT_BROKEN when an ancestor does not exist.
 * @throws {SpecError} when an ancestor's scope path is not that of a DAG, or a loop has no iteration count.
 */
export async function planStatusWalk(request: StatusWalkRequest): Promise<StatusUpdate[]> {
  const { spec, start, readLevel, extendEndTimes = true } = request;
  if (parentIdOf(start) === undefined) return planStart(await readLevel(start.taskId));
  const updates: StatusUpdate[] = [];
  let child = start;
  let childState = start.state;
  let childEnds = true;
  let extendsParent = false;
  for (let parentId = parentIdOf(child); parentId !== undefined; parentId = parentIdOf(child)) {
    const level = await readLevel(parentId);
    if (level === undefined) {
      throw new InternalError("INVARIANT_BROKEN", `Cannot roll up task "${child.scopePath}": its parent is not part of the run`);
    }
    const { parent } = level;
    const counts = child === start ? level.counts : moveChild(level.counts, child.state, childState);
    const { component, dag } = dagOf(spec, parent);
    const state = parentState(counts, expectedChildCount(component, parent));
    if (state === undefined) break;
    // An exit task runs after its parent was closed as FAILED: the parent, and all above it, end when the exit task does.
    extendsParent ||= extendEndTimes && childEnds && isExitTask(dag, child);
    childEnds = state !== parent.state || parent.endTime === undefined || extendsParent;
    if (childEnds) updates.push(statusUpdate(parent, state));
    child = parent;
    childState = state;
  }
  return updates;
}

/**
 * A task without parent that ended by itself: evaluated from its own children, whatever they do (docs/spec/status-roll-up.md#walk
 * (W1)).
 */
function planStart(level: StatusLevel | undefined): StatusUpdate[] {
  if (level === undefined) return [];
  const { parent: task, counts } = level;
  const state = rollUpCounts(counts);
  if (state === undefined || (state === task.state && task.endTime !== undefined)) return [];
  return [statusUpdate(task, state)];
}

function statusUpdate({ taskId, runId, state: previous }: PipelineTask, state: TaskState): StatusUpdate {
  return { taskId, runId, state, endTimeOnly: state === previous };
}

/** Asks the parent's DAG only: the walk must also work for a task that failed because its component does not exist. */
function isExitTask({ tasks }: DagSpec, task: PipelineTask): boolean {
  const strategy = lookup(tasks, taskKeyOf(task))?.triggerPolicy?.strategy;
  return strategy === TriggerStrategy.ALL_UPSTREAM_TASKS_COMPLETED;
}

/** The level of a parent in a snapshot. */
export function statusLevelOf(tasks: TaskIndex, parentId: string): StatusLevel | undefined {
  const parent = tasks.get(parentId);
  if (parent === undefined) return undefined;
  const children = tasks.childrenOf(parentId);
  return { parent, counts: countStates(children.map(({ state }) => state)) };
}
