/**
 * One failed request to a store, in words that no provider owns.
 *
 * @module
 */

/** What is known about a failed request beside its message. */
export interface StoreFailureOptions {
  /** HTTP status of the answer, absent when there was none. */
  readonly status?: number;
  /** Error code of the protocol (`NoSuchKey`) or of the operating system (`ECONNRESET`). */
  readonly reason?: string;
  /** Where the bucket lies, where the answer says so. */
  readonly region?: string;
  /** When the store answered, by its own clock, in ms since 1970. */
  readonly answeredAtMs?: number;
  /** How long the store asks to wait before the next try, in ms. */
  readonly retryAfterMs?: number;
  /** How often it was tried, where more than once. */
  readonly tries?: number;
  readonly cause?: unknown;
}

/** One failed request. store-errors.ts says whether to try again, and makes the error that a person reads. */
export class StoreFailure extends Error {
  readonly status: number | undefined;
  readonly reason: string | undefined;
  readonly region: string | undefined;
  readonly answeredAtMs: number | undefined;
  readonly retryAfterMs: number | undefined;
  readonly tries: number;

  constructor(message: string, options: StoreFailureOptions = {}) {
    super(message, { cause: options.cause });
    this.name = "StoreFailure";
    this.status = options.status;
    this.reason = options.reason;
    this.region = options.region;
    this.answeredAtMs = options.answeredAtMs;
    this.retryAfterMs = options.retryAfterMs;
    this.tries = options.tries ?? 1;
  }
}
