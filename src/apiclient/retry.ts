/**
 * Which failed calls are tried again, and when. Pure: clock and random numbers come from the caller.
 *
 * The reference retries nothing, so one unavailable server fails a finished task. We retry what cannot do harm: reads, updates and
 * CreateTask are idempotent; the two bulk creates are not, so they are repeated only when the request provably never left this machine.
 *
 * Source: docs/spec/connections.md#drv-3, #lau-7; numbers from docs/spec/connections.md#decision-deadlines-and-retries.
 *
 * @module
 */
import { backoffMs } from "../core/backoff.ts";
import type { CallFailure, GrpcStatus } from "../wire/grpc-status.ts";

/** How long and how often a call is tried again. */
export interface RetryPolicy {
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
  /** From the start of the first try to the end of the last one; 0: there is one try. */
  readonly totalMs: number;
}

/** Five minutes outlast a restart of the API server and the move of its pod to another node. */
export const DEFAULT_RETRY_POLICY: RetryPolicy = { minDelayMs: 500, maxDelayMs: 10_000, totalMs: 300_000 };

/** One try of an ordinary call. */
export const CALL_DEADLINE_MS = 30_000;
/** One try of GetRun with view FULL, which the server assembles from every task of the run. */
export const FULL_RUN_DEADLINE_MS = 120_000;

/** `idempotent`: a repeated request changes nothing. `once`: it may have worked although it failed here. */
export type Repeatability = "idempotent" | "once";

const RETRYABLE: ReadonlySet<GrpcStatus> = new Set(["UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "ABORTED"]);

/** Statuses after which it is unknown here whether the server did the work. */
const AMBIGUOUS: ReadonlySet<GrpcStatus> = new Set(["UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "UNKNOWN"]);

/** True when the transport says that the request never left this machine (texts of @grpc/grpc-js 1.14). */
export function wasNeverSent(failure: CallFailure): boolean {
  return failure.status === "UNAVAILABLE" && /^(No connection established|Name resolution failed)/.test(failure.details);
}

/** True when the server may have done the work although the call failed. */
export function isAmbiguous(failure: CallFailure): boolean {
  return AMBIGUOUS.has(failure.status) && !wasNeverSent(failure);
}

/** True when a later try of the same call may succeed and can do no harm. */
export function isRetryable(failure: CallFailure, repeatability: Repeatability): boolean {
  if (!RETRYABLE.has(failure.status)) return false;
  // The answer exceeds our receive limit: it will the next time as well.
  if (failure.status === "RESOURCE_EXHAUSTED" && /larger than max/i.test(failure.details)) return false;
  return repeatability === "idempotent" || wasNeverSent(failure);
}

/**
 * Milliseconds to wait before the next try: uniform between the minimum and a bound that starts at twice the minimum and doubles
 * with every try until it meets the maximum.
 *
 * @param attempt Number of the try that just failed, from 1.
 * @param random Uniform in [0, 1).
 */
export function retryDelayMs(attempt: number, random: number, policy: RetryPolicy = DEFAULT_RETRY_POLICY): number {
  const bound = backoffMs({ firstMs: policy.minDelayMs, longestMs: policy.maxDelayMs }, attempt);
  return Math.round(policy.minDelayMs + random * (bound - policy.minDelayMs));
}

/** A try that failed, and all that decides whether there is another. */
export interface FailedAttempt {
  readonly failure: CallFailure;
  readonly repeatability: Repeatability;
  /** Number of the try that just failed, from 1. */
  readonly attempt: number;
  /** Since the start of the first try, or since the server went silent, where that is longer ago. */
  readonly elapsedMs: number;
  /** Uniform in [0, 1). */
  readonly random: number;
}

/** How long to wait before the next try; `undefined` when there shall be none. */
export function nextRetryMs(failed: FailedAttempt, policy: RetryPolicy = DEFAULT_RETRY_POLICY): number | undefined {
  if (!isRetryable(failed.failure, failed.repeatability)) return undefined;
  const delayMs = retryDelayMs(failed.attempt, failed.random, policy);
  return failed.elapsedMs + delayMs < policy.totalMs ? delayMs : undefined;
}
