/**
 * Changes on their way to one client: each row once, however often it was written, in the order of the last writes. Pure.
 *
 * @module
 */
import type { Change } from "../../changes/change-feed.ts";

/** Rows that wait to be sent; more are not kept one by one. */
export const MAX_PENDING = 10_000;

/** Collects changes until they are taken. */
export class PendingChanges {
  readonly #max: number;
  #changes = new Map<string, Change>();
  #overflowed = false;

  constructor(max: number = MAX_PENDING) {
    this.#max = max;
  }

  add(change: Change): void {
    if (this.#overflowed) return;
    const key = keyOf(change);
    // Taken out first: a Map keeps the place of a key that it has.
    this.#changes.delete(key);
    this.#changes.set(key, change);
    if (this.#changes.size <= this.#max) return;
    this.#overflowed = true;
    this.#changes.clear();
  }

  /** Everything so far; `undefined` when there was too much of it, and the client has to begin anew. */
  take(): Change[] | undefined {
    const taken = this.#overflowed ? undefined : [...this.#changes.values()];
    this.#changes = new Map();
    this.#overflowed = false;
    return taken;
  }

  get isEmpty(): boolean {
    return this.#changes.size === 0 && !this.#overflowed;
  }
}

function keyOf({ thing }: Change): string {
  switch (thing.kind) {
    case "run":
      return "run";
    case "task":
      return `task ${thing.taskId}`;
    case "artifact":
      return `artifact ${thing.link.id}`;
  }
}
