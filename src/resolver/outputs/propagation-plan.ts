/**
 * What output propagation will write: links, parameters per task, and the inner loops to read again.
 *
 * Gathered over one task or many; keeps each link and each parameter once, and leaves out what a row already has.
 *
 * Source: docs/spec/output-propagation.md#flush, #algorithm, #at-a-loop-boundary, #lau-37.
 *
 * @module
 */
import type { IoParameter, PipelineTask } from "../../core/kfp-types.ts";
import { linkIdentity, parameterMergeKey, sameParameter } from "../run/io-entries.ts";
import type { LinkInit } from "../run/io-entries.ts";
import type { LevelOutputs, OutputArtifact } from "./propagation-step.ts";

type ParametersByKey = Map<string, IoParameter>;

/**
 * Links and output parameters that a propagation wants written. What a row holds already is not part of it, nor anything twice.
 */
export class PropagationPlan {
  readonly #links = new Map<string, LinkInit>();
  readonly #updates = new Map<string, ParametersByKey>();
  readonly #reached = new Map<string, { parameters: ParametersByKey; artifacts: Map<string, OutputArtifact> }>();
  readonly #innerLoopIds = new Set<string>();
  readonly #stored = new WeakMap<PipelineTask, ParametersByKey>();

  /** Links to make, without repeats. Some may exist already: see `linkStateOn` in io-entries.ts. */
  get links(): LinkInit[] {
    return [...this.#links.values()];
  }

  /** By task id: the output parameters the task lacks, or holds with another value. A complete update besides the ids. */
  get taskUpdates(): Map<string, IoParameter[]> {
    return new Map([...this.#updates].map(([taskId, entries]) => [taskId, [...entries.values()]]));
  }

  get isEmpty(): boolean {
    return this.#links.size === 0 && this.#updates.size === 0;
  }

  /**
   * Ids of the loops inside loops that handed on lists, lowest first. Another iteration may publish between our reading and our
   * writing, so each is to be propagated again after the write, parameters only, from rows read then.
   */
  get innerLoopIds(): string[] {
    return [...this.#innerLoopIds];
  }

  /** Everything that reached a task, present there or not. */
  reachedAt(taskId: string): LevelOutputs {
    const level = this.#reached.get(taskId);
    return { parameters: [...(level?.parameters.values() ?? [])], artifacts: [...(level?.artifacts.values() ?? [])] };
  }

  /** Records what a level gives to a task. */
  add(task: PipelineTask, level: { links: readonly LinkInit[] } & LevelOutputs): void {
    const reached = this.#reached.get(task.taskId) ?? { parameters: new Map(), artifacts: new Map() };
    this.#reached.set(task.taskId, reached);
    for (const artifact of level.artifacts) reached.artifacts.set(JSON.stringify(artifact), artifact);
    for (const link of level.links) {
      const identity = linkIdentity(link);
      if (!this.#links.has(identity)) this.#links.set(identity, link);
    }
    for (const entry of level.parameters) {
      const key = parameterMergeKey(entry);
      reached.parameters.set(key, entry);
      this.#addUpdate(task, key, entry);
    }
  }

  #addUpdate(task: PipelineTask, key: string, entry: IoParameter): void {
    const stored = this.#storedParameters(task).get(key);
    const updates = this.#updates.get(task.taskId);
    // A list that is what the row holds again must still replace the one gathered before.
    if (updates?.has(key) !== true && stored !== undefined && sameParameter(stored, entry)) return;
    if (updates === undefined) this.#updates.set(task.taskId, new Map([[key, entry]]));
    else updates.set(key, entry);
  }

  /** A task's output parameters as they will be once this plan is written. */
  parametersAfter(task: PipelineTask): IoParameter[] {
    return [...new Map([...this.#storedParameters(task), ...(this.#updates.get(task.taskId) ?? [])]).values()];
  }

  /** Records that a loop inside a loop handed on lists, made of {@link parametersAfter}. */
  noteInnerLoop(loop: PipelineTask): void {
    this.#innerLoopIds.add(loop.taskId);
  }

  #storedParameters(task: PipelineTask): ParametersByKey {
    let stored = this.#stored.get(task);
    if (stored === undefined) {
      stored = new Map((task.outputs?.parameters ?? []).map((entry) => [parameterMergeKey(entry), entry]));
      this.#stored.set(task, stored);
    }
    return stored;
  }
}
