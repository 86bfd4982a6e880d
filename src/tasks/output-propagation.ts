/**
 * Output propagation with its reads and writes: what resolver/outputs/propagate-outputs.ts plans is queued, flushed and, for loops inside
 * loops, checked.
 *
 * Ancestors come from the rows at hand; one that was not read costs one GetTask, where its outputs may be missing: what it has already
 * is then sent once more, which changes nothing. The root costs none, its place says all that is needed of it. A loop inside a loop is always read fresh: all its
 * entries together become one list, and an old copy would publish a shorter one. Another iteration may publish between our reading
 * and our writing, so after the flush such loops are read again, with everything above them that they feed, and propagated once more,
 * until a read shows that each ancestor holds what the row below it gives. As with states (status-propagation.ts), whoever wrote a list
 * or one of its sources last has then seen the list right. Looking at the sources alone is not enough: the rows of a bulk write become
 * visible one by one, and a list can be overwritten between its own write and that of its source. Everything else is merged by the
 * server under a key of its own (output, producer, iteration), so several writers of one ancestor do not touch each other's entries.
 *
 * Source: docs/spec/output-propagation.md#algorithm, #at-a-loop-boundary, #lau-39, #propagation-by-the-driver,
 * #republishing-by-the-driver, #propagation-in-later-upstream, docs/spec/driver-flows.md#budget.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import { PipelineTaskSchema, TaskType, type PipelineSpec, type PipelineTask } from "../core/kfp-types.ts";
import { ROOT } from "../core/spec/scope-path.ts";
import type { KfpApi, LeanRows } from "../ports/kfp-api.ts";
import type { Logger } from "../ports/logger.ts";
import { planPropagation } from "../resolver/outputs/propagate-outputs.ts";
import { PropagationPlan } from "../resolver/outputs/propagation-plan.ts";
import { leavesAsList } from "../resolver/outputs/propagation-step.ts";
import { iterationCountOf, TaskIndex } from "../resolver/run/task-index.ts";
import type { BatchUpdater, FlushResult } from "./batch-updater.ts";
import { listAllTasks } from "./read-tasks.ts";

/** What propagating outputs takes. */
export interface OutputPropagationDeps {
  readonly api: KfpApi;
  readonly logger: Logger;
  /** Flushed by propagateOutputs; whatever else is queued goes along. */
  readonly batch: BatchUpdater;
}

/** The run as far as it was read. */
export interface OutputPropagationOptions {
  readonly runId: string;
  readonly spec: PipelineSpec;
  /** Rows at hand: a snapshot, or what a lean read brought. */
  readonly tasks: TaskIndex;
}

/**
 * Rounds beyond one for each iteration, after which a list that still changes is left alone. A round more needs an iteration that
 * published between two calls of this one, and each does so once an attempt. To stop while it grows would lose values: the list that
 * was just written may have landed over a longer one whose writer has looked and left.
 */
const SPARE_ROUNDS = 20;

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
  const readAncestor = ancestorReader(deps, options, {});
  const readTask = (taskId: string, child: PipelineTask): Promise<PipelineTask> =>
    options.tasks.get(taskId) === undefined && isBelowRoot(child)
      ? Promise.resolve(bareRoot(deps, child, taskId))
      : readAncestor(taskId);
  try {
    await planPropagation({ spec: options.spec, task, readTask, readChildren: childrenReader(deps, options) }, plan);
  } finally {
    // A level that cannot be read does not undo the levels below it (docs/spec/output-propagation.md#algorithm).
    queuePlan(deps.batch, plan);
  }
  return plan;
}

/** Queues what a plan, for example one of planRepublish, wants written. */
export function queuePlan(batch: BatchUpdater, plan: PropagationPlan): void {
  for (const link of plan.links) batch.queueLink(link);
  for (const [taskId, parameters] of plan.taskUpdates) batch.queueTaskUpdate(taskId, { outputs: { parameters } });
}

/**
 * Reads the inner loops of a written plan and what is above them again, and publishes what differs. No call when there are none.
 */
export async function settleInnerLoops(
  deps: OutputPropagationDeps,
  written: PropagationPlan,
  options: OutputPropagationOptions,
): Promise<void> {
  const { innerLoopIds } = written;
  for (let round = 1; innerLoopIds.length > 0; round += 1) {
    // Rows at hand are older than the write before, and every row is compared with what it should hold.
    const readTask = ancestorReader(deps, { ...options, tasks: NO_ROWS });
    const loops = await Promise.all(innerLoopIds.map((taskId) => readTask(taskId)));
    const plan = new PropagationPlan();
    const request = { spec: options.spec, readTask, readChildren: childrenReader(deps, options), outputs: "parameters" } as const;
    for (const task of loops) await planPropagation({ ...request, task }, plan);
    if (plan.isEmpty) return;
    if (round > SPARE_ROUNDS + Math.max(...loops.map((loop) => iterationCountOf(loop) ?? 0))) {
      deps.logger.warn("The outputs of a loop inside a loop do not settle, its list is left as it is", {
        loops: loops.map(({ scopePath }) => scopePath).join(", "),
        writes: round,
      });
      return;
    }
    queuePlan(deps.batch, plan);
    await deps.batch.flush();
  }
}

function isBelowRoot({ scopePath }: PipelineTask): boolean {
  return scopePath.split(".").length === 2;
}

/** The root's row as far as its place tells; it is taken to have no outputs. */
function bareRoot({ batch }: OutputPropagationDeps, { runId }: PipelineTask, taskId: string): PipelineTask {
  const row = create(PipelineTaskSchema, { taskId, runId, scopePath: ROOT, type: TaskType.ROOT });
  batch.noteTask(row);
  return row;
}

const NO_ROWS = new TaskIndex([], { completeParents: [] });

function childrenReader({ api }: OutputPropagationDeps, { runId }: OutputPropagationOptions) {
  return (parentId: string): Promise<PipelineTask[]> => listAllTasks(api, runId, { parentId });
}

function ancestorReader(
  { api, batch }: OutputPropagationDeps,
  { runId, tasks }: OutputPropagationOptions,
  lean?: LeanRows,
): (taskId: string) => Promise<PipelineTask> {
  const read = new Map<string, PipelineTask>();
  return async (taskId) => {
    const known = read.get(taskId) ?? tasks.get(taskId);
    if (known !== undefined && (read.has(taskId) || !leavesAsList(known))) {
      batch.noteTask(known);
      return known;
    }
    const row = await api.getTask(runId, taskId, lean);
    read.set(taskId, row);
    batch.noteTask(row);
    return row;
  };
}
