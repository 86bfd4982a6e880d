/**
 * Repeats one request: exponential pauses with full jitter, a bound on tries, an end when the store is closed.
 *
 * Source: docs/spec/object-stores.md#clients (`maxRetries` is the number of tries in all; 0 is the library's default).
 *
 * @module
 */
import { backoffMs } from "../core/backoff.ts";
import type { Clock } from "../ports/clock.ts";
import { StoreFailure } from "./store-failure.ts";
import { isRetryable, systemFailure } from "./store-errors.ts";

/** Tries when the session asks for the library's default, as the AWS SDKs. */
export const DEFAULT_ATTEMPTS = 3;

const FIRST_PAUSE_MS = 100;
const FIRST_THROTTLED_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 20_000;

/** Repeats requests. */
export interface Retrier {
  readonly attempts: number;
  /** Runs `request` until it succeeds, fails for good, or the tries are used up. `attempt` counts from 1. */
  run<T>(request: (attempt: number) => Promise<T>): Promise<T>;
}

/** How often, and until when. */
export interface RetrierOptions {
  /** Tries in all; 0 = default. */
  readonly attempts: number;
  readonly signal: AbortSignal;
  /** In [0, 1). */
  readonly random: () => number;
}

/** @throws What the last try throws; the signal's reason once it is aborted. */
export function createRetrier(clock: Clock, options: RetrierOptions): Retrier {
  const attempts = options.attempts > 0 ? options.attempts : DEFAULT_ATTEMPTS;
  return {
    attempts,
    async run(request) {
      for (let attempt = 1; ; attempt++) {
        options.signal.throwIfAborted();
        try {
          return await request(attempt);
        } catch (error) {
          options.signal.throwIfAborted();
          const failure = systemFailure(error);
          if (!isRetryable(failure)) throw error;
          if (attempt >= attempts) throw withAttempts(failure, attempts);
          await clock.sleep(pauseMs(attempt, failure, options.random()), options.signal);
        }
      }
    },
  };
}

/**
 * Pause after the `attempt`-th try, in ms; on average half of 100, 200, 400… (throttled: 500, 1000, 2000…), at most 20 s. Where the store
 * says how long to wait (`Retry-After`), at least that long, within the same limit.
 */
export function pauseMs(attempt: number, failure: StoreFailure, random: number): number {
  const throttled = failure.status === 429 || failure.status === 503;
  const firstMs = throttled ? FIRST_THROTTLED_PAUSE_MS : FIRST_PAUSE_MS;
  const ownMs = Math.floor(random * backoffMs({ firstMs, longestMs: LONGEST_PAUSE_MS }, attempt - 1));
  return Math.max(ownMs, Math.min(failure.retryAfterMs ?? 0, LONGEST_PAUSE_MS));
}

function withAttempts(failure: StoreFailure, attempts: number): StoreFailure {
  if (attempts === 1) return failure;
  return new StoreFailure(failure.message, {
    tries: attempts,
    ...(failure.status === undefined ? {} : { status: failure.status }),
    ...(failure.reason === undefined ? {} : { reason: failure.reason }),
    ...(failure.region === undefined ? {} : { region: failure.region }),
    ...(failure.answeredAtMs === undefined ? {} : { answeredAtMs: failure.answeredAtMs }),
    cause: failure,
  });
}
