/**
 * Being told to stop: what SIGTERM, SIGINT or a cancelled local run mean for the step that is under way.
 *
 * Everything is saved within 20 s of the request (decisions.md, "deadlines and retries"): the user's program gets 8 s, its log may be
 * uploaded until 14 s have passed, the rest is for the last calls to the API server.
 *
 * Source: contract/launcher.md DB-12.
 *
 * @module
 */
import { errorMessage, HostError } from "../core/errors.ts";
import type { Clock } from "../ports/clock.ts";
import { signalNumber, signalWords } from "./signal-words.ts";

/** Between the forwarded signal and SIGKILL. */
export const COMMAND_GRACE_MS = 8000;
/** After the request; what is not uploaded by then stays behind. */
export const LOG_UPLOAD_UNTIL_MS = 14_000;
/** After the request; calls to the API server under way or to come end by then. */
export const CALLS_UNTIL_MS = 18_500;

/** The error a stopped step ends with. `details.exitCode` is 128 + signal, as a shell would say. */
export function interruptedError(reason: unknown): HostError {
  const number = typeof reason === "string" ? signalNumber(reason) : undefined;
  if (typeof reason !== "string" || number === undefined) {
    const why = reason instanceof Error ? errorMessage(reason) : "cancelled";
    return new HostError("INTERRUPTED", why, { details: { exitCode: 1 } });
  }
  return new HostError("INTERRUPTED", `the launcher was told to stop by ${reason} (signal: ${signalWords(reason)})`, {
    details: { signal: reason, exitCode: 128 + number },
  });
}

export function throwIfInterrupted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw interruptedError(signal.reason);
}

/**
 * Waits for `work`, or rejects as soon as the signal is aborted; the work itself goes on unobserved.
 *
 * @throws {HostError} INTERRUPTED
 */
export async function unlessInterrupted<Result>(signal: AbortSignal | undefined, work: () => Promise<Result>): Promise<Result> {
  throwIfInterrupted(signal);
  if (signal === undefined) return work();
  let stop: (() => void) | undefined;
  const interrupted = new Promise<never>((_, reject) => {
    stop = () => reject(interruptedError(signal.reason));
    signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([work(), interrupted]);
  } finally {
    if (stop !== undefined) signal.removeEventListener("abort", stop);
  }
}

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
