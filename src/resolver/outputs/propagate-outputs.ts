/**
 * Output propagation: from a task to every ancestor whose outputs it feeds.
 *
 * Only plans. The caller makes the links, then writes the parameters, each task's new entries alone, since the server merges them.
 *
 * Source: docs/spec/output-propagation.md#algorithm, #at-a-loop-boundary, #lau-37, #lau-39, #propagation-by-the-driver,
 * docs/spec/driver-flows.md#minimal-update-messages.
 *
 * @module
 */
import { InternalError } from "../../core/errors.ts";
import type { PipelineSpec, PipelineTask } from "../../core/kfp-types.ts";
import { PropagationPlan } from "./propagation-plan.ts";
import { entriesByIteration } from "./lost-iterations.ts";
import { isEmptyLevel, leavesAsList, leavingOutputs, outputsOf, propagateOneLevel } from "./propagation-step.ts";
import type { LevelOutputs } from "./propagation-step.ts";
import { artifactKeysFedBy, dagAt, dagOf, parameterKeysFedBy } from "../run/spec-lookup.ts";
import { iterationOfEntry } from "../run/io-entries.ts";
import { parentIdOf, taskKeyOf } from "../run/task-index.ts";

/** A task whose outputs climb. */
export interface PropagationRequest {
  readonly spec: PipelineSpec;
  /** Where to begin: its outputs as stored, artifacts with their ids. */
  readonly task: PipelineTask;
  /** The row above a child, from a snapshot or from GetTask. Called only for ancestors whose outputs are fed. */
  readonly readTask: (taskId: string, child: PipelineTask) => Promise<PipelineTask | undefined>;
  /**
   * The children of a loop inside a loop as they are now. Asked only where the loop's row has entries without an iteration, which the
   * reference leaves; without it such an entry is an error.
   */
  readonly readChildren?: ((loopId: string) => Promise<readonly PipelineTask[]>) | undefined;
  /** `parameters` leaves the artifacts alone, for the repeat of {@link PropagationPlan.innerLoopIds}. Default `all`. */
  readonly outputs?: "all" | "parameters";
  /** Id of the ancestor to end at. Default: the root. */
  readonly upTo?: string;
}

/**
 * Adds to a plan what a task's outputs mean for its ancestors. Ends at the root, at an ancestor that declares no outputs, and
 * where nothing matches: an output that skips a level is never picked up higher.
 *
 * @param plan Filled level by level: when this throws, it holds what the lower levels need.
 * @throws {InternalError} INVARIANT_BROKEN when an ancestor does not exist. {@link PropagationRequest.readTask} may throw too.
 * @throws {SpecError} when an ancestor's scope path is not that of a DAG.
 * @throws {ResolveError} VALUE_INVALID when an output of a loop inside a loop has no iteration, and no child tells it.
 */
export async function planPropagation(
  { spec, task, readTask, readChildren, outputs = "all", upTo }: PropagationRequest,
  plan: PropagationPlan = new PropagationPlan(),
): Promise<PropagationPlan> {
  let child = task;
  const own = outputsOf(task);
  let changed: LevelOutputs = outputs === "all" ? own : { parameters: own.parameters, artifacts: [] };
  for (let parentId = parentIdOf(child); parentId !== undefined && child.taskId !== upTo; parentId = parentIdOf(child)) {
    if (isEmptyLevel(changed) || !feedsParent(spec, child, changed)) break;
    const parent = await readTask(parentId, child);
    if (parent === undefined) {
      throw new InternalError(
        "INVARIANT_BROKEN",
        `Cannot propagate outputs of "${child.scopePath}": its parent is not part of the run`,
      );
    }
    const { component: parentComponent } = dagOf(spec, parent);
    const leaving = await leaveTask({ spec, readChildren }, child, changed, plan);
    const step = propagateOneLevel({ child, outputs: leaving, parent, parentComponent });
    plan.add(parent, { links: step.links, parameters: step.parameters, artifacts: step.carried.artifacts });
    child = parent;
    changed = step.carried;
  }
  return plan;
}

/** Whether anything matches one level up, which the spec alone tells: it saves reading an ancestor for nothing. */
function feedsParent(spec: PipelineSpec, child: PipelineTask, { parameters, artifacts }: LevelOutputs): boolean {
  const end = child.scopePath.lastIndexOf(".");
  if (end < 0) return true;
  const { component } = dagAt(spec, child.scopePath.slice(0, end));
  const producerSubtask = taskKeyOf(child);
  return (
    parameters.some(
      ({ parameterKey }) => parameterKeysFedBy(component, { producerSubtask, outputKey: parameterKey }).length > 0,
    ) || artifacts.some(({ key }) => artifactKeysFedBy(component, { producerSubtask, outputKey: key }).length > 0)
  );
}

async function leaveTask(
  { spec, readChildren }: Pick<PropagationRequest, "spec" | "readChildren">,
  child: PipelineTask,
  changed: LevelOutputs,
  plan: PropagationPlan,
): Promise<LevelOutputs> {
  if (!leavesAsList(child) || changed.parameters.length === 0) return changed;
  plan.noteInnerLoop(child);
  const keys = new Set(changed.parameters.map(({ parameterKey }) => parameterKey));
  const entries = plan.parametersAfter(child).filter(({ parameterKey }) => keys.has(parameterKey));
  const isClear = entries.every((entry) => iterationOfEntry(entry) !== undefined);
  if (isClear || readChildren === undefined) return leavingOutputs(child, changed, entries);
  const { component } = dagOf(spec, child);
  return leavingOutputs(child, changed, entriesByIteration(component, entries, await readChildren(child.taskId)));
}
