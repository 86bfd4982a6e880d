/**
 * Output propagation with its reads and writes: what resolver/propagate-outputs.ts plans is queued, flushed and, for loops inside
 * loops, checked.
 *
 * Ancestors come from the rows at hand; one that was not read costs one GetTask. A loop inside a loop is always read fresh: all its
 * entries together become one list, and an old copy would publish a shorter one. Another iteration may publish between our reading
 * and our writing, so after the flush such loops are read again, and those that grew are propagated once more.
 *
 * Source: contract/launcher.md 8.1, 8.6, DB-39; driver.md 3.7, 3.8, 10.3; upstream-v2.md 11.3.
 *
 * @module
 */
import type { PipelineSpec, PipelineTask } from "../core/kfp-types.ts";
import type { KfpApi } from "../ports/kfp-api.ts";
import type { Logger } from "../ports/logger.ts";
import { planPropagation } from "../resolver/propagate-outputs.ts";
import { PropagationPlan } from "../resolver/propagation-plan.ts";
import { leavesAsList } from "../resolver/propagation-step.ts";
import type { TaskIndex } from "../resolver/task-index.ts";
import type { BatchUpdater, FlushResult } from "./batch-updater.ts";

export interface OutputPropagationDeps {
  readonly api: KfpApi;
  readonly logger: Logger;
  /** Flushed by propagateOutputs; whatever else is queued goes along. */
  readonly batch: BatchUpdater;
}

export interface OutputPropagationOptions {
  readonly runId: string;
  readonly spec: PipelineSpec;
  /** Rows at hand: a snapshot, or what a lean read brought. */
  readonly tasks: TaskIndex;
}

/** After so many rounds a list that still grows is left to the iterations that make it grow: each of them publishes as well. */
const MAX_ROUNDS = 5;

/**
 * Publishes a task's outputs to its ancestors and flushes.
 *
 * @param task Its outputs as stored, artifacts with their ids.
 * @throws {ApiError} When a read or the flush fails; what the lower levels need stays queued.
 */
export async function propagateOutputs(
  deps: OutputPropagationDeps,
  task: PipelineTask,
  options: OutputPropagationOptions,
): Promise<FlushResult> {
  const plan = await queueOutputs(deps, task, options);
  const flushed = await deps.batch.flush();
  await settleInnerLoops(deps, plan, options);
  return flushed;
}

/** The same without the flush: for callers with more to queue. They flush and then call `settleInnerLoops`. */
export async function queueOutputs(
  deps: OutputPropagationDeps,
  task: PipelineTask,
  options: OutputPropagationOptions,
): Promise<PropagationPlan> {
  const plan = new PropagationPlan();
  const readTask = ancestorReader(deps, options);
  try {
    await planPropagation({ spec: options.spec, task, readTask }, plan);
  } finally {
    // A level that cannot be read does not undo the levels below it (contract/launcher.md 8.1).
    queuePlan(deps.batch, plan);
  }
  return plan;
}

/** Queues what a plan, for example one of planRepublish, wants written. */
export function queuePlan(batch: BatchUpdater, plan: PropagationPlan): void {
  for (const link of plan.links) batch.queueLink(link);
  for (const [taskId, parameters] of plan.taskUpdates) batch.queueTaskUpdate(taskId, { outputs: { parameters } });
}

/** Reads the inner loops of a written plan again and republishes those that grew meanwhile. No call when there are none. */
export async function settleInnerLoops(
  deps: OutputPropagationDeps,
  written: PropagationPlan,
  options: OutputPropagationOptions,
): Promise<void> {
  let plan = written;
  for (let round = 1; plan.innerLoopIds.length > 0; round += 1) {
    const rows = await Promise.all(plan.innerLoopIds.map((taskId) => deps.api.getTask(options.runId, taskId)));
    const grown = plan.grownInnerLoops(rows);
    if (grown.length === 0) return;
    if (round > MAX_ROUNDS) {
      deps.logger.info("A loop inside a loop keeps growing, its last iteration publishes the rest", { loops: grown.length });
      return;
    }
    plan = new PropagationPlan();
    const readTask = ancestorReader(deps, options);
    for (const loop of grown) await planPropagation({ spec: options.spec, task: loop, readTask, outputs: "parameters" }, plan);
    queuePlan(deps.batch, plan);
    await deps.batch.flush();
  }
}

function ancestorReader(
  { api, batch }: OutputPropagationDeps,
  { runId, tasks }: OutputPropagationOptions,
): (taskId: string) => Promise<PipelineTask> {
  const read = new Map<string, PipelineTask>();
  return async (taskId) => {
    const known = read.get(taskId) ?? tasks.get(taskId);
    if (known !== undefined && (read.has(taskId) || !leavesAsList(known))) {
      batch.noteTask(known);
      return known;
    }
    const row = await api.getTask(runId, taskId);
    read.set(taskId, row);
    batch.noteTask(row);
    return row;
  };
}
