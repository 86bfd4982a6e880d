/**
 * How many drivers and steps of a run are under way at the same time.
 *
 * @module
 */
import { Slots } from "./slots.ts";

/** Places for the steps and the drivers of all runs together. */
export interface SharedSlots {
  readonly steps: Slots;
  readonly drivers: Slots;
}

/** The places of one run: as many for drivers as for steps. */
export class RunPlaces {
  readonly #steps: Slots;
  readonly #drivers: Slots;
  readonly #shared: SharedSlots | undefined;

  /** @param shared Of all runs of this process, taken in addition. */
  constructor(parallelism: number, shared: SharedSlots | undefined) {
    this.#steps = new Slots(parallelism);
    this.#drivers = new Slots(parallelism);
    this.#shared = shared;
  }

  /** Runs a step, or an importer, when there is a place for it. */
  step<Result>(work: () => Promise<Result>): Promise<Result> {
    return inBoth(this.#steps, this.#shared?.steps, work);
  }

  /** Runs a driver when there is a place for it. */
  driver<Result>(work: () => Promise<Result>): Promise<Result> {
    return inBoth(this.#drivers, this.#shared?.drivers, work);
  }
}

/** In a place of the run, then in one of all runs: in that order a run that waits keeps only its own places. */
function inBoth<Result>(own: Slots, shared: Slots | undefined, work: () => Promise<Result>): Promise<Result> {
  return own.run(() => (shared === undefined ? work() : shared.run(work)));
}
