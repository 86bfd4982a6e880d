/**
 * A fixed number of places; whoever finds none waits its turn.
 *
 * @module
 */
export class Slots {
  #free: number;
  readonly #waiting: Array<() => void> = [];
  /** Those that wait for the line to be short. */
  #watching: Array<{ readonly limit: number; readonly resolve: () => void }> = [];

  /** @param count At least 1. */
  constructor(count: number) {
    this.#free = count;
  }

  /** Runs `work` in a place of its own, in the order of arrival. */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      // The place goes straight to the next in line, so nobody can slip in between.
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else {
        next();
        this.#tellWatching();
      }
    }
  }

  /** Waits until fewer than `limit` wait for a place. */
  async lineBelow(limit: number): Promise<void> {
    if (this.#waiting.length < limit) return;
    await new Promise<void>((resolve) => this.#watching.push({ limit, resolve }));
  }

  #tellWatching(): void {
    if (this.#watching.length === 0) return;
    const length = this.#waiting.length;
    const told = this.#watching.filter(({ limit }) => length < limit);
    if (told.length === 0) return;
    this.#watching = this.#watching.filter(({ limit }) => length >= limit);
    for (const { resolve } of told) resolve();
  }
}
