/**
 * Task rows on demand: an index first, and what it lacks from whoever reads the API.
 *
 * The ordinary cases of resolution need the parent and the named producers only. Repairs after a run retry, and the order of
 * artifact lists, look further up and down; with a partial index they ask the reader, and only then.
 *
 * Source: docs/spec/driver-flows.md#decision-reading-a-run, docs/spec/resolver.md#drv-5, #drv-25,
 * docs/spec/output-propagation.md#drv-15.
 *
 * @module
 */
import type { PipelineTask } from "../../core/kfp-types.ts";
import { iterationOf, parentIdOf } from "./task-index.ts";
import type { SiblingName, TaskIndex } from "./task-index.ts";

/** Reads rows that a lean read left out. Errors pass through. */
export interface TaskReader {
  task(taskId: string): Promise<PipelineTask | undefined>;
  /** Every direct child, all pages. */
  childrenOf(parentId: string): Promise<readonly PipelineTask[]>;
}

/** Rows at hand, with those that are missing read when they are asked for, each once. */
export class TaskRows {
  #index: TaskIndex;
  readonly #reader: TaskReader | undefined;

  constructor(index: TaskIndex, reader?: TaskReader) {
    this.#index = index;
    this.#reader = reader;
  }

  /** The index with every row read so far. */
  get index(): TaskIndex {
    return this.#index;
  }

  async task(taskId: string): Promise<PipelineTask | undefined> {
    const known = this.#index.get(taskId);
    if (known !== undefined || this.#reader === undefined || this.#index.isComplete) return known;
    const row = await this.#reader.task(taskId);
    if (row !== undefined) this.#index = this.#index.withRows([row]);
    return row;
  }

  async childrenOf(parentId: string): Promise<readonly PipelineTask[]> {
    if (this.#reader !== undefined && !this.#index.hasAllChildrenOf(parentId)) {
      this.#index = this.#index.withChildrenOf(parentId, await this.#reader.childrenOf(parentId));
    }
    return this.#index.childrenOf(parentId);
  }

  async parentOf(task: PipelineTask): Promise<PipelineTask | undefined> {
    const parentId = parentIdOf(task);
    return parentId === undefined ? undefined : await this.task(parentId);
  }

  async findSibling(name: SiblingName): Promise<PipelineTask | undefined> {
    const known = this.#index.findSibling(name);
    if (known !== undefined) return known;
    await this.childrenOf(name.parentId);
    return this.#index.findSibling(name);
  }

  /** Children with that task key, in every iteration. */
  async childrenNamed(parent: PipelineTask, name: string): Promise<readonly PipelineTask[]> {
    return (await this.childrenOf(parent.taskId)).filter((row) => row.name === name);
  }

  /** The iteration a task's siblings are looked up in: its own, else its parent's (docs/spec/resolver.md#drv-33). */
  async lookupIterationOf(task: PipelineTask): Promise<number | undefined> {
    return iterationOf(task) ?? iterationOf(await this.parentOf(task));
  }
}
