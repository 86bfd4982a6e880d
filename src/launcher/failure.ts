/**
 * Why an attempt failed: the message its task gets, and the exit code of the launcher.
 *
 * @module
 */
import { errorMessage, HostError, UserCodeError } from "../core/errors.ts";

export interface AttemptFailure {
  readonly message: string;
  readonly exitCode: number;
}

/** @param prefix What the stage calls itself, as the reference does; put in front of the error's own text. */
export function attemptFailure(prefix: string, error: unknown): AttemptFailure {
  return { message: `${prefix}${errorMessage(error)}`, exitCode: exitCodeOf(error) };
}

/** An error that names its stage and keeps what it wraps. */
export function stageError(stage: string, error: unknown): Error {
  return new Error(`${stage}: ${errorMessage(error)}`, { cause: error });
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
