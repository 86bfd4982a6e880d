/**
 * A clock that tests move. A sleep without signal (a wait between tries) passes at once and is recorded; one with a signal (a deadline)
 * ends when `advance` reaches it.
 *
 * @module
 */
import type { Clock } from "../../src/ports/clock.ts";

export class FakeClock implements Clock {
  /** Waits between tries, in milliseconds. */
  readonly slept: number[] = [];
  #ms: number;
  readonly #startMs: number;
  #timers: { atMs: number; fire: () => void }[] = [];

  constructor(start = "2026-08-01T12:00:00Z") {
    this.#startMs = Date.parse(start);
    this.#ms = 0;
  }

  now(): Date {
    return new Date(this.#startMs + this.#ms);
  }

  monotonicMs(): number {
    return this.#ms;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal === undefined) {
      this.slept.push(ms);
      this.advance(ms);
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const timer = { atMs: this.#ms + ms, fire: resolve };
      this.#timers.push(timer);
      signal.addEventListener("abort", () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
        reject(signal.reason as Error);
      });
    });
  }

  advance(ms: number): void {
    this.#ms += ms;
    const due = this.#timers.filter(({ atMs }) => atMs <= this.#ms);
    this.#timers = this.#timers.filter(({ atMs }) => atMs > this.#ms);
    for (const { fire } of due) fire();
  }
}
