/** Time as a value. @module */

/** Wall clock, stopwatch and waiting in one; tests hand in their own. */
export interface Clock {
  now(): Date;
  /** Milliseconds from an arbitrary start, never going back. */
  monotonicMs(): number;
  /** Rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
