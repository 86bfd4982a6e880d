/**
 * What changes in runs, for those who follow one: the last changes with their numbers, and who wants to hear of the next ones.
 *
 * A change says where to look, not what is there: whoever hears of it reads the row, so that late is never wrong. Races: none of its
 * own, since all of it happens in the turn of the write that it tells of.
 *
 * @module
 */
import type { ArtifactTask } from "../../core/kfp-types.ts";

/** What was written. */
export type ChangedThing =
  | { readonly kind: "run" }
  | { readonly kind: "task"; readonly taskId: string }
  /** A task got an artifact. */
  | { readonly kind: "artifact"; readonly link: ArtifactTask };

/** A write that is done. */
export interface Change {
  /** Counts up by one from change to change, from 1. */
  readonly sequence: number;
  /** `undefined`: every run. */
  readonly runId: string | undefined;
  readonly thing: ChangedThing;
}

/** Hears of a change; must not throw. */
export type ChangeListener = (change: Change) => void;

const DEFAULT_KEPT = 20_000;

/** The changes of one process. */
export class ChangeFeed {
  /** Tells the numbers of this process from those of others. */
  readonly epoch: string;
  readonly #kept: number;
  readonly #listeners = new Map<string, Set<ChangeListener>>();
  #changes: Change[] = [];
  #last = 0;

  /** @param kept Changes to remember at most, of all runs together. */
  constructor(epoch: string, kept: number = DEFAULT_KEPT) {
    this.epoch = epoch;
    this.#kept = kept;
  }

  /** Number of the last change. */
  get position(): number {
    return this.#last;
  }

  publish(runId: string | undefined, thing: ChangedThing): void {
    const change = { sequence: ++this.#last, runId, thing };
    this.#changes.push(change);
    // Half of it at a time, so that dropping costs next to nothing for each change.
    if (this.#changes.length > this.#kept) this.#changes = this.#changes.slice(-Math.ceil(this.#kept / 2));
    const sets = runId === undefined ? [...this.#listeners.values()] : [this.#listeners.get(runId) ?? []];
    for (const listeners of sets) for (const listener of listeners) listener(change);
  }

  /** Changes of a run behind a position, oldest first; `undefined` when some of them are not remembered any more. */
  since(runId: string, position: number): Change[] | undefined {
    const oldest = this.#changes[0]?.sequence ?? this.#last + 1;
    if (position > this.#last || position + 1 < oldest) return undefined;
    return this.#changes.filter((change) => change.sequence > position && (change.runId === undefined || change.runId === runId));
  }

  /** @returns Ends it. */
  subscribe(runId: string, listener: ChangeListener): () => void {
    const listeners = this.#listeners.get(runId) ?? new Set();
    this.#listeners.set(runId, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#listeners.delete(runId);
    };
  }
}
