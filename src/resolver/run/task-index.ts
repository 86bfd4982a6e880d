/**
 * The tasks of a run, found by id, by parent, and by the name a sibling knows them under.
 *
 * Built from a whole snapshot, or from the few rows of a lean read; a partial index knows of which parents it holds every child,
 * so that "there is none" and "was not read" stay apart. Immutable: later rows make a new index.
 *
 * Source: docs/spec/resolver.md#looking-up-sibling-tasks, #drv-8, #drv-33, docs/spec/driver-flows.md#budget,
 * #decision-reading-a-run.
 *
 * @module
 */
import type { PipelineTask } from "../../core/kfp-types.ts";
import { TaskState, TaskType } from "../../core/kfp-types.ts";

/** How a consumer names a task below its own parent. */
export interface SiblingName {
  /** Task key, `PipelineTask.name`. */
  readonly name: string;
  readonly parentId: string;
  /** Absent outside loops. */
  readonly iteration?: number | undefined;
}

/** One logical DAG row, whatever type it was created under. */
export interface RowPlace {
  readonly scopePath: string;
  readonly parentId: string;
  /** The row's own `iteration_index`; absent is not 0. */
  readonly iteration?: number | undefined;
}

/** How much of the run the rows are. */
export interface TaskIndexOptions {
  /** Parents whose children are all among the rows. Default: of every parent, as in a snapshot of the run. */
  readonly completeParents?: Iterable<string>;
}

/** Rows of a run, found by id, by parent and by place. Never changes: adding rows makes another index. */
export class TaskIndex {
  readonly #byId: ReadonlyMap<string, PipelineTask>;
  readonly #byParent: ReadonlyMap<string, readonly PipelineTask[]>;
  /** Absent: every parent is complete. */
  readonly #completeParents: ReadonlySet<string> | undefined;

  constructor(rows: Iterable<PipelineTask>, options: TaskIndexOptions = {}) {
    const byId = new Map<string, PipelineTask>();
    for (const row of rows) byId.set(row.taskId, row);
    const byParent = new Map<string, PipelineTask[]>();
    for (const row of byId.values()) {
      const parentId = parentIdOf(row);
      if (parentId === undefined) continue;
      const siblings = byParent.get(parentId);
      if (siblings === undefined) byParent.set(parentId, [row]);
      else siblings.push(row);
    }
    for (const siblings of byParent.values()) siblings.sort(compareRows);
    this.#byId = byId;
    this.#byParent = byParent;
    this.#completeParents = options.completeParents === undefined ? undefined : new Set(options.completeParents);
  }

  /** Whether the index holds every task of the run, as far as its maker knew. */
  get isComplete(): boolean {
    return this.#completeParents === undefined;
  }

  get size(): number {
    return this.#byId.size;
  }

  all(): PipelineTask[] {
    return [...this.#byId.values()].toSorted(compareRows);
  }

  get(taskId: string): PipelineTask | undefined {
    return this.#byId.get(taskId);
  }

  /** Direct children that were read, in a stable order: iteration, creation time, id. */
  childrenOf(parentId: string): readonly PipelineTask[] {
    return this.#byParent.get(parentId) ?? [];
  }

  /** Whether {@link childrenOf} is the whole list. */
  hasAllChildrenOf(parentId: string): boolean {
    return this.#completeParents === undefined || this.#completeParents.has(parentId);
  }

  /**
   * A direct child of the same parent, in the same iteration. A child without an index of its own counts as in its parent's.
   *
   * Where two rows answer (a run that was upgraded between attempts made one row per task type), the younger one is taken.
   */
  findSibling({ name, parentId, iteration }: SiblingName): PipelineTask | undefined {
    const inherited = iterationOf(this.#byId.get(parentId));
    return this.childrenOf(parentId).findLast((row) => row.name === name && (iterationOf(row) ?? inherited) === iteration);
  }

  /** The row at one place in the run: of the given type if there is one, else of any type. */
  findRow({ scopePath, parentId, iteration }: RowPlace, type: TaskType): PipelineTask | undefined {
    const rows = this.childrenOf(parentId).filter((row) => row.scopePath === scopePath && iterationOf(row) === iteration);
    return rows.find((row) => row.type === type) ?? rows.at(-1);
  }

  /** Parent first, root last; ends early at an ancestor that was not read. */
  ancestorsOf(task: PipelineTask): PipelineTask[] {
    const ancestors: PipelineTask[] = [];
    let parentId = parentIdOf(task);
    while (parentId !== undefined) {
      const parent = this.#byId.get(parentId);
      if (parent === undefined || ancestors.includes(parent)) break;
      ancestors.push(parent);
      parentId = parentIdOf(parent);
    }
    return ancestors;
  }

  /** An index in which these rows replace earlier ones of the same id. What is known to be complete stays so. */
  withRows(rows: Iterable<PipelineTask>): TaskIndex {
    return new TaskIndex([...this.#byId.values(), ...rows], this.#options());
  }

  /** As {@link withRows}, with rows that are all the children of one parent. */
  withChildrenOf(parentId: string, rows: Iterable<PipelineTask>): TaskIndex {
    const options = this.#completeParents === undefined ? {} : { completeParents: [...this.#completeParents, parentId] };
    return new TaskIndex([...this.#byId.values(), ...rows], options);
  }

  #options(): TaskIndexOptions {
    return this.#completeParents === undefined ? {} : { completeParents: this.#completeParents };
  }
}

/** An absent and an empty parent id both mean "no parent" (docs/spec/status-roll-up.md#walk (W1)). */
export function parentIdOf(task: PipelineTask): string | undefined {
  return task.parentTaskId === "" ? undefined : task.parentTaskId;
}

/** The row's own iteration index; absent outside loops. */
export function iterationOf(task: PipelineTask | undefined): number | undefined {
  const index = task?.typeAttributes?.iterationIndex;
  return index === undefined ? undefined : Number(index);
}

/**
 * Iterations of a LOOP; an absent count reads as 0 (docs/spec/resolver.md#task-output-parameter). Absent for every other type.
 */
export function iterationCountOf(task: PipelineTask): number | undefined {
  if (task.type !== TaskType.LOOP) return undefined;
  return Number(task.typeAttributes?.iterationCount ?? 0n);
}

/** Task key: the last element of the scope path, which a ROOT row's name differs from in case. */
export function taskKeyOf(task: PipelineTask): string {
  return task.scopePath === "" ? task.name : task.scopePath.slice(task.scopePath.lastIndexOf(".") + 1);
}

const DAG_TYPES: ReadonlySet<TaskType> = new Set([
  TaskType.LOOP,
  TaskType.DAG,
  TaskType.ROOT,
  TaskType.CONDITION,
  TaskType.CONDITION_BRANCH,
]);

/** Types whose outputs come from their children, and may be collections (docs/spec/resolver.md#drv-32). */
export function isDagTask(task: PipelineTask): boolean {
  return DAG_TYPES.has(task.type);
}

/** Whether a run retry keeps the task as it is (docs/spec/output-propagation.md#republishing-by-the-driver (step 5)). */
export function isPreserved(task: PipelineTask): boolean {
  return task.state === TaskState.SUCCEEDED || task.state === TaskState.CACHED || task.state === TaskState.SKIPPED;
}

function compareRows(a: PipelineTask, b: PipelineTask): number {
  return (
    (iterationOf(a) ?? -1) - (iterationOf(b) ?? -1) ||
    Number((a.createTime?.seconds ?? 0n) - (b.createTime?.seconds ?? 0n)) ||
    (a.createTime?.nanos ?? 0) - (b.createTime?.nanos ?? 0) ||
    compareText(a.taskId, b.taskId)
  );
}

/** Order by UTF-16 unit, the one `Array.prototype.sort` uses. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
