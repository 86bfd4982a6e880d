/**
 * A fixed number of places, and amounts of resources beside them; whoever does not find both waits its turn.
 *
 * @module
 */
import type { Amounts, StepNeed } from "./step-need.ts";

interface Waiting {
  readonly need: StepNeed;
  readonly resolve: () => void;
}

const NO_NEED: StepNeed = { amounts: {} };
/** Sums of decimal fractions are a little off. */
const TOLERANCE = 1e-9;

/** Places in the order of arrival: a large step at the head of the line is not passed by small ones behind it for ever. */
export class Slots {
  readonly #count: number;
  readonly #capacity: Amounts;
  readonly #held = new Set<StepNeed>();
  readonly #waiting: Waiting[] = [];
  /** Those that wait for the line to be short. */
  #watching: Array<{ readonly limit: number; readonly resolve: () => void }> = [];

  /**
   * @param count At least 1.
   * @param capacity What the needs of all that have a place may come to.
   */
  constructor(count: number, capacity: Amounts = {}) {
    this.#count = count;
    this.#capacity = capacity;
  }

  /** Runs `work` in a place of its own. */
  async run<Result>(work: () => Promise<Result>, given: StepNeed = NO_NEED): Promise<Result> {
    // An object of its own for each: two steps may need the same.
    const need = { ...given };
    if (this.#waiting.length === 0 && this.#fits(need)) this.#held.add(need);
    else await new Promise<void>((resolve) => this.#waiting.push({ need, resolve }));
    try {
      return await work();
    } finally {
      this.#held.delete(need);
      this.#serve();
    }
  }

  /** Waits until fewer than `limit` wait for a place. */
  async lineBelow(limit: number): Promise<void> {
    if (this.#waiting.length < limit) return;
    await new Promise<void>((resolve) => this.#watching.push({ limit, resolve }));
  }

  /** A place goes straight to the next in line, so nobody can slip in between. */
  #serve(): void {
    for (let [next] = this.#waiting; next !== undefined && this.#fits(next.need); [next] = this.#waiting) {
      this.#waiting.shift();
      this.#held.add(next.need);
      next.resolve();
    }
    if (this.#watching.length === 0) return;
    const length = this.#waiting.length;
    const told = this.#watching.filter(({ limit }) => length < limit);
    if (told.length === 0) return;
    this.#watching = this.#watching.filter(({ limit }) => length >= limit);
    for (const { resolve } of told) resolve();
  }

  #fits(need: StepNeed): boolean {
    if (this.#held.size === 0) return true;
    if (this.#held.size >= this.#count || need.excess !== undefined) return false;
    const held = [...this.#held];
    if (held.some(({ excess }) => excess !== undefined)) return false;
    return Object.entries(need.amounts).every(([resource, asked]) => {
      const taken = held.reduce((sum, { amounts }) => sum + (amounts[resource] ?? 0), 0);
      return taken + asked <= (this.#capacity[resource] ?? Infinity) * (1 + TOLERANCE);
    });
  }
}
