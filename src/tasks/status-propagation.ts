/**
 * Status propagation with its reads and writes: read, compute all ancestors (resolver/states/status-walk.ts), write those that change, and
 * again until a read shows nothing to write.
 *
 * Many drivers and launchers do this at the same time, and the API has no conditional write. Two rules make the end right all the same:
 *
 * 1. The caller has stored its task's final state before, and every read comes after this process' last write was acknowledged.
 * 2. No process that wrote an ancestor leaves before a read that came after that write showed nothing to write.
 *
 * Take any ancestor when everything has ended, and the last write to it or to anything below it. Its writer read after it, walked up
 * to this ancestor from rows that no longer change, and found nothing to write: so the ancestor's state is the one its children give.
 * A write planned from an old read (SUCCEEDED over FAILED, FAILED over the success of a retry) may stand for a moment; the process that
 * wrote it reads again and mends it. One read and one write are not enough: of two tasks that end together in different sub-DAGs each
 * reads before the other has closed its DAG, and nobody writes the ancestor they share.
 *
 * It ends: once no leaf changes, a process writes a level at most once from what it read before that level's children settled, and
 * after that only where a read shows another state than the children's. So levels settle from the lowest up.
 *
 * A step that changes no ancestor costs the one read, a step that does one write and one read more.
 *
 * A run of up to 200 tasks is read with GetRun FULL. In a larger one the walk reads each level by counting: one ListTasks filtered
 * to RUNNING and FAILED children, highest state first, page size 1, tells by its one row and its total whether a child failed (the
 * parent fails), some still run (the walk ends, the ordinary case of a wide loop), or none is open; then all are counted, and only when
 * none is yet to come, by state. Rows come lean.
 * Counts of one level are not of one moment; the argument does not need that, only that all of them come after the last write.
 *
 * Source: docs/spec/status-roll-up.md, #later-upstream, #in-the-driver, #drv-12, #in-the-launcher,
 * docs/spec/driver-flows.md#budget, #minimal-update-messages, docs/spec/output-propagation.md#lau-37, #lau-39.
 *
 * @module
 */
import { ApiError } from "../core/errors.ts";
import { TaskState, type PipelineSpec, type PipelineTask, type TaskInit } from "../core/kfp-types.ts";
import type { Clock } from "../ports/clock.ts";
import type { KfpApi } from "../ports/kfp-api.ts";
import type { Logger } from "../ports/logger.ts";
import { planStatusWalk, statusLevelOf, type StatusLevel, type StatusUpdate } from "../resolver/states/status-walk.ts";
import { expectedChildCount } from "../resolver/states/task-state.ts";
import { dagOf } from "../resolver/run/spec-lookup.ts";
import { TaskIndex } from "../resolver/run/task-index.ts";
import { timestampNow } from "./task-status.ts";
import { findTask } from "./read-tasks.ts";

/** What rolling up states takes. */
export interface StatusPropagationDeps {
  readonly api: KfpApi;
  readonly clock: Pick<Clock, "now">;
  readonly logger: Logger;
}

/** The run as far as it was read. */
export interface StatusPropagationOptions {
  readonly runId: string;
  readonly spec: PipelineSpec;
  /** Read level by level instead of the whole run: `!snapshot.complete` of readRun. */
  readonly isLargeRun: boolean;
  /** Rows at hand. A large run's parents are taken from here where only a RUNNING child is to be reported. */
  readonly tasks?: TaskIndex;
}

/**
 * Reads that show something to write before the rest is left to others. Every one but the first few needs a write of another process
 * between two calls of this one; only a server that drops writes gets here.
 */
const MAX_ROUNDS = 50;

/**
 * Rolls up the state of a task that has just ended.
 *
 * @param task With its new state, as stored. One that still runs changes nothing and costs no call.
 * @returns What was written, in this order; of an ancestor that was written more than once the last.
 * @throws {ApiError} When a call fails.
 */
export async function propagateStatus(
  deps: StatusPropagationDeps,
  task: PipelineTask,
  options: StatusPropagationOptions,
): Promise<StatusUpdate[]> {
  if (task.state === TaskState.RUNNING) return [];
  const written = new Map<string, StatusUpdate>();
  for (let round = 1; ; round += 1) {
    const updates = await planUpdates(deps, task, options, { extendEndTimes: round === 1 });
    if (updates.length === 0) break;
    if (round > MAX_ROUNDS) {
      deps.logger.warn("The states of the task's parents do not settle, they are left as they are", {
        task: task.scopePath,
        writes: MAX_ROUNDS,
      });
      break;
    }
    await writeStates(deps, options.runId, updates);
    for (const update of updates) written.set(update.taskId, update);
  }
  return [...written.values()];
}

async function writeStates(
  { api, clock }: StatusPropagationDeps,
  runId: string,
  updates: readonly StatusUpdate[],
): Promise<void> {
  const endTime = timestampNow(clock);
  const messages = updates.map(({ taskId, state }): [string, TaskInit] => [taskId, { taskId, runId, state, endTime }]);
  await api.updateTasks(runId, new Map(messages));
}

async function planUpdates(
  deps: StatusPropagationDeps,
  start: PipelineTask,
  { runId, spec, isLargeRun, tasks }: StatusPropagationOptions,
  { extendEndTimes }: { readonly extendEndTimes: boolean },
): Promise<StatusUpdate[]> {
  if (isLargeRun) {
    try {
      const readLevel = (parentId: string) =>
        parentId === start.parentTaskId
          ? probeLevel(deps.api, { runId, spec, parentId, known: tasks?.get(parentId) })
          : countLevel(deps.api, runId, parentId);
      return await planStatusWalk({ spec, start, readLevel, extendEndTimes });
    } catch (error) {
      // Filters and sort keys differ from server to server; the snapshot works everywhere.
      if (!(error instanceof ApiError) || error.details.status !== "INVALID_ARGUMENT") throw error;
      deps.logger.warn("The server does not count tasks by state, the whole run is read", { reason: error.message });
    }
  }
  const snapshot = new TaskIndex((await deps.api.getRun(runId, "FULL")).tasks);
  const readLevel = (parentId: string) => Promise.resolve(statusLevelOf(snapshot, parentId));
  return planStatusWalk({ spec, start, readLevel, extendEndTimes });
}

interface Probe {
  readonly runId: string;
  readonly spec: PipelineSpec;
  readonly parentId: string;
  /** The parent's row as read before. What it says of its state may be old, how many children it will have does not change. */
  readonly known: PipelineTask | undefined;
}

/** The level of the task that ended: its own state is stored, so the first counts that decide are enough. */
async function probeLevel(api: KfpApi, { runId, spec, parentId, known }: Probe): Promise<StatusLevel | undefined> {
  const open = await countChildren(api, runId, parentId, [TaskState.RUNNING, TaskState.FAILED]);
  if (open.highest?.state === TaskState.RUNNING) {
    // The parent stays as it is, so an older copy of its row will do.
    const parent = known ?? (await findTask(api, runId, parentId, {}));
    return parent === undefined ? undefined : { parent, counts: { ...NONE, total: open.total, running: open.total } };
  }
  if (open.highest === undefined && known !== undefined) {
    const { total } = await countChildren(api, runId, parentId, []);
    // Nobody runs and nobody failed, but some are yet to come: the parent stays as it is.
    if (total < expectedChildCount(dagOf(spec, known).component, known)) return { parent: known, counts: { ...NONE, total } };
  }
  if (open.highest === undefined) return countLevel(api, runId, parentId);
  const parent = await findTask(api, runId, parentId, {});
  if (parent === undefined) return undefined;
  // One failed child decides; how many run beside it does not matter.
  return { parent, counts: { ...NONE, total: open.total, failed: open.total } };
}

/** Every child of a parent, by state. */
async function countLevel(api: KfpApi, runId: string, parentId: string): Promise<StatusLevel | undefined> {
  const count = (...states: TaskState[]) => countChildren(api, runId, parentId, states);
  const [parent, all, running, failed, cached, skipped] = await Promise.all([
    findTask(api, runId, parentId, {}),
    count(),
    count(TaskState.RUNNING),
    count(TaskState.FAILED),
    count(TaskState.CACHED),
    count(TaskState.SKIPPED),
  ]);
  if (parent === undefined) return undefined;
  const counts = {
    total: all.total,
    running: running.total,
    failed: failed.total,
    cached: cached.total,
    skipped: skipped.total,
  };
  return { parent, counts };
}

const NONE = { total: 0, failed: 0, running: 0, cached: 0, skipped: 0 };

/** How many children are in one of these states (none given: in any), and one of those with the highest state number. */
async function countChildren(
  api: KfpApi,
  runId: string,
  parentId: string,
  states: readonly TaskState[],
): Promise<{ total: number; highest: PipelineTask | undefined }> {
  const filter = states.length === 0 ? {} : { states };
  const page = await api.listTasks(runId, { parentId, ...filter, orderBy: "status desc", pageSize: 1, lean: {} });
  return { total: page.totalSize, highest: page.tasks[0] };
}
