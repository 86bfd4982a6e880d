/**
 * Publishes the outputs of children that an earlier attempt of the run left behind.
 *
 * A run retry empties the outputs of failed DAGs and keeps their successful children, which do not run again. A row that is new has no
 * such children, so this costs nothing on a fresh run.
 *
 * Source: docs/spec/output-propagation.md#republishing-by-the-driver, #republishing, docs/spec/driver-flows.md#budget.
 *
 * @module
 */
import type { PipelineTask } from "../../core/kfp-types.ts";
import { planRepublish } from "../../resolver/outputs/republish.ts";
import { isPreserved, parentIdOf, type TaskIndex } from "../../resolver/run/task-index.ts";
import type { BatchUpdater } from "../../tasks/batch-updater.ts";
import { queuePlan, settleInnerLoops } from "../../tasks/output-propagation.ts";
import { propagationOptions, type RunSnapshot } from "../../tasks/read-run.ts";
import { listAllTasks } from "../../tasks/read-tasks.ts";
import type { DriverDeps } from "../deps.ts";

/** A row that was taken over. */
export interface RepublishRequest {
  readonly snapshot: RunSnapshot;
  /** The adopted row. */
  readonly task: PipelineTask;
  /** Flushed here, with whatever else is queued. */
  readonly batch: BatchUpdater;
}

/**
 * Publishes what preserved children give to the row and its ancestors.
 *
 * @throws {ApiError} When a read or the flush fails; what was not stored stays queued.
 */
export async function republishPreservedChildren(deps: DriverDeps, { snapshot, task, batch }: RepublishRequest): Promise<void> {
  let tasks = snapshot.tasks.withRows([task]);
  if (!tasks.hasAllChildrenOf(task.taskId)) {
    tasks = tasks.withChildrenOf(task.taskId, await listAllTasks(deps.api, snapshot.runId, { parentId: task.taskId }));
  }
  if (tasks.childrenOf(task.taskId).some(isPreserved)) tasks = await withAncestors(deps, tasks, task);
  for (const row of [task, ...tasks.ancestorsOf(task)]) batch.noteTask(row);
  const plan = await planRepublish(snapshot.spec, task, tasks);
  queuePlan(batch, plan);
  await batch.flush();
  await settleInnerLoops({ ...deps, batch }, plan, { ...propagationOptions(snapshot), tasks });
}

/** A lean read has the parent only, and outputs climb to the root. */
async function withAncestors({ api }: DriverDeps, tasks: TaskIndex, task: PipelineTask): Promise<TaskIndex> {
  if (tasks.isComplete) return tasks;
  const read: PipelineTask[] = [];
  for (let above = parentIdOf(task); above !== undefined;) {
    const row: PipelineTask = tasks.get(above) ?? (await api.getTask(task.runId, above));
    read.push(row);
    above = parentIdOf(row);
  }
  return tasks.withRows(read);
}
