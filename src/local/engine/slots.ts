/**
 * A fixed number of places; whoever finds none waits its turn.
 *
 * @module
 */
export class Slots {
  #free: number;
  readonly #waiting: Array<() => void> = [];

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
      else next();
    }
  }
}
