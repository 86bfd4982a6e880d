/**
 * How many drivers and steps of a run are under way at the same time.
 *
 * @module
 */
import { Slots } from "./slots.ts";
import type { Amounts, StepNeed } from "./step-need.ts";

/** Places for the steps and the drivers of all runs together. */
export interface SharedSlots {
  readonly steps: Slots;
  readonly drivers: Slots;
}

/** The places of one run: as many for drivers as for steps. */
export class RunPlaces {
  readonly #steps: Slots;
  readonly #drivers: Slots;
  readonly #entering: Slots;
  readonly #shared: SharedSlots | undefined;
  readonly #parallelism: number;

  /** @param shared Of all runs of this process, taken in addition; what steps need is weighed there then. */
  constructor(parallelism: number, capacity: Amounts, shared: SharedSlots | undefined) {
    this.#steps = new Slots(parallelism, capacity);
    this.#drivers = new Slots(parallelism);
    this.#entering = new Slots(parallelism);
    this.#shared = shared;
    this.#parallelism = parallelism;
  }

  /**
   * Runs a step, or an importer, when there is a place for it, and what it needs.
   *
   * @param need Absent: nothing but the place.
   */
  step<Result>(work: () => Promise<Result>, need?: StepNeed): Promise<Result> {
    const shared = this.#shared;
    // In that order a run that waits keeps only its own places.
    return shared === undefined ? this.#steps.run(work, need) : this.#steps.run(() => shared.steps.run(work, need));
  }

  /**
   * Runs a driver when there is a place for it and fewer steps wait for theirs than may run: drivers that run ahead of the steps only
   * keep what those will be launched with in memory, and the steps from the processors.
   */
  driver<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#drivers.run(async () => {
      await this.#steps.lineBelow(this.#parallelism);
      return await (this.#shared === undefined ? work() : this.#shared.drivers.run(work));
    });
  }

  /**
   * Runs the body of an iteration, when few others have yet to begin their first task: of thousands that wait for a driver each would
   * keep its own memory.
   *
   * @param body Calls back when it has begun something; its end counts as well.
   */
  enter<Result>(body: (onBegun: () => void) => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      void this.#entering.run(
        () =>
          new Promise<void>((begun) => {
            body(begun).then(resolve, reject).finally(begun);
          }),
      );
    });
  }
}
