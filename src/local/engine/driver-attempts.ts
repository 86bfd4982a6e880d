/**
 * The attempts at one driver: one that could not do its work for lack of something is run again, one that says no is not.
 *
 * On a cluster Argo does so for pods that end in an error of their surroundings, twice, and not for an exit code other than zero. Drivers may
 * be repeated: each takes over the row of the one before.
 *
 * Source: docs/spec/argo-workflows.md#default-retries.
 *
 * @module
 */
import { backoffMs } from "../../core/backoff.ts";
import { errorMessage, HostError, StorageError } from "../../core/errors.ts";
import type { DriverResult } from "../../driver/result.ts";
import type { DeadlineDeps } from "./deadline.ts";
import type { TaskPlace } from "./task-executor.ts";

/** Attempts after the first one. */
const DRIVER_RETRIES = 2;
/** What the machine lacks for a moment is often there a second later. */
const PAUSE_MS = 1000;

/** A driver that is run again. */
export interface DriverAttemptEvent {
  readonly kind: "redriving";
  readonly place: TaskPlace;
  /** Of the attempt that begins, from 1. */
  readonly retryIndex: number;
  /** Why the one before ended. */
  readonly error: string;
}

/**
 * @param attempt One driver, in a place of its own.
 * @throws What the last attempt throws.
 */
export async function runDriverAttempts(
  { clock, signal, onEvent }: DeadlineDeps & { readonly onEvent: (event: DriverAttemptEvent) => void },
  place: TaskPlace,
  attempt: () => Promise<DriverResult>,
): Promise<DriverResult> {
  for (let retryIndex = 1; ; retryIndex += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (retryIndex > DRIVER_RETRIES || signal.aborted || !isTransient(error)) throw error;
      await clock.sleep(backoffMs({ firstMs: PAUSE_MS }, retryIndex - 1), signal).catch(() => undefined);
      if (signal.aborted) throw error;
      onEvent({ kind: "redriving", place, retryIndex, error: errorMessage(error) });
    }
  }
}

/** Codes of the system for what is short at the moment: processes, memory, descriptors, a file that is being written. */
const SHORTAGES: ReadonlySet<unknown> = new Set(["EAGAIN", "ENOMEM", "EMFILE", "ENFILE", "ENOBUFS", "ETXTBSY"]);
const LONGEST_CAUSE_CHAIN = 8;

/**
 * Whether a driver failed for something that may be over: the system was short of something, a signal ended the process, a store did not
 * answer. The client of the API server has tried again by itself.
 */
export function isTransient(error: unknown): boolean {
  let current = error;
  for (let depth = 0; depth < LONGEST_CAUSE_CHAIN && current instanceof Error; depth += 1) {
    if (current instanceof StorageError && current.details.transient === true) return true;
    if (current instanceof HostError && current.code === "INTERRUPTED" && current.details.signal !== undefined) return true;
    if (SHORTAGES.has((current as NodeJS.ErrnoException).code)) return true;
    current = current.cause;
  }
  return false;
}
