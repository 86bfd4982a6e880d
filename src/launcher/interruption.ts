/**
 * Being told to stop: what SIGTERM, SIGINT or a cancelled local run mean for the step that is under way.
 *
 * Everything is saved within 20 s of the request (docs/spec/connections.md#decision-deadlines-and-retries): the user's program
 * gets 8 s, its log may be uploaded until 14 s have passed, the rest is for the last calls to the API server.
 *
 * Source: docs/spec/launcher-flow.md#lau-12.
 *
 * @module
 */
import type { Clock } from "../ports/clock.ts";
import { interruptionsOf } from "../tasks/interruption.ts";

/** Between the forwarded signal and SIGKILL. */
export const COMMAND_GRACE_MS = 8000;
/** After the request; what is not uploaded by then stays behind. */
export const LOG_UPLOAD_UNTIL_MS = 14_000;
/** After the request; calls to the API server under way or to come end by then. */
export const CALLS_UNTIL_MS = 18_500;

/** Of a stopped step; see tasks/interruption.ts. */
export const { interruptedError, throwIfInterrupted, unlessInterrupted } = interruptionsOf("launcher");

/** Remembers when the launcher was told to stop. */
export class StopWatch {
  readonly #signal: AbortSignal | undefined;
  readonly #clock: Clock;
  readonly #onAbort = (): void => {
    this.#askedAtMs = this.#clock.monotonicMs();
  };
  #askedAtMs: number | undefined;

  constructor({ clock, signal }: { readonly clock: Clock; readonly signal?: AbortSignal | undefined }) {
    this.#clock = clock;
    this.#signal = signal;
    if (signal?.aborted === true) this.#onAbort();
    else signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Waits for work that is nice to have; once the launcher is told to stop, only until {@link LOG_UPLOAD_UNTIL_MS} have passed. */
  async settle(work: Promise<unknown>): Promise<void> {
    const finished = new AbortController();
    const done = work
      .then(
        () => undefined,
        () => undefined,
      )
      .finally(() => finished.abort(new Error("finished")));
    await Promise.race([done, this.#deadline(finished.signal)]);
  }

  close(): void {
    this.#signal?.removeEventListener("abort", this.#onAbort);
  }

  /** Resolves when the time is over; never, as far as anybody looks, when `finished` comes first. */
  async #deadline(finished: AbortSignal): Promise<void> {
    const signal = this.#signal;
    if (signal === undefined) return new Promise(() => undefined);
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true, signal: finished });
    });
    const leftMs = LOG_UPLOAD_UNTIL_MS - (this.#clock.monotonicMs() - (this.#askedAtMs ?? this.#clock.monotonicMs()));
    await this.#clock.sleep(Math.max(0, leftMs), finished).catch(() => undefined);
  }
}
