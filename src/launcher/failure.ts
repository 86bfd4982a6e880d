/**
 * Why an attempt failed: the message its task gets, and the exit code of the launcher.
 *
 * @module
 */
import { errorMessage, HostError, UserCodeError } from "../core/errors.ts";

/** Why an attempt is over. */
export interface AttemptFailure {
  /** For the task, in the words of the stage that failed. */
  readonly message: string;
  readonly exitCode: number;
}

/** What an error means for the task and for the exit code. */
export function attemptFailure(error: unknown): AttemptFailure {
  return { message: errorMessage(error), exitCode: exitCodeOf(error) };
}

/** Both texts, the earlier one first. */
export function joinMessages(first: string, second: string): string {
  return first === "" ? second : `${first}; ${second}`;
}

/** The user's own code or 128 + signal where the error, or one it wraps, says so; else 1. */
function exitCodeOf(error: unknown): number {
  for (let current = error; current instanceof Error; current = current.cause) {
    if (!(current instanceof UserCodeError) && !(current instanceof HostError)) continue;
    if (current.details.exitCode !== undefined) return current.details.exitCode;
  }
  return 1;
}
