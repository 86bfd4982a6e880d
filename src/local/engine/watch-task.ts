/**
 * The start and the end of a task, as they are told to whoever watches the run.
 *
 * @module
 */
import { errorMessage, HostError } from "../../core/errors.ts";
import type { TaskOutcome } from "./dag-order.ts";
import type { EngineDeps } from "./engine-deps.ts";
import type { TaskKind } from "./engine-event.ts";
import type { TaskPlace } from "./task-executor.ts";

/** Called when a task has got its turn: it is announced then, not while it waits in line. */
export type Begin = () => void;

/** How a task ended. */
export interface Ending {
  readonly outcome: TaskOutcome;
  readonly cached?: boolean;
  readonly error?: string;
  readonly exitCode?: number;
  /** A program of the task ran. */
  readonly hasRun?: boolean;
}

/** A task that is watched. */
export interface WatchedTask {
  readonly place: TaskPlace;
  readonly taskKind: TaskKind;
  /** Stops it. */
  readonly signal: AbortSignal;
}

/** Reports start and end; an error of `work` ends the task as failed. A task that never got its turn is not reported. */
export async function watchTask(
  { clock, onEvent }: Pick<EngineDeps, "clock" | "onEvent">,
  { place, taskKind, signal }: WatchedTask,
  work: (begin: Begin) => Promise<Ending>,
): Promise<Ending> {
  let startMs: number | undefined;
  const begin = (): number => {
    if (startMs === undefined) {
      startMs = clock.monotonicMs();
      onEvent({ kind: "started", place, taskKind });
    }
    return startMs;
  };
  let ending: Ending;
  try {
    ending = await work(begin);
  } catch (error) {
    if (isNotBegun(error)) return { outcome: "omitted" };
    ending = { outcome: "failed", error: errorMessage(error) };
  }
  const beganMs = begin();
  const { hasRun = false, ...shown } = ending;
  const isCut = signal.aborted && ending.outcome === "failed" && !hasRun;
  onEvent({
    kind: "ended",
    place,
    taskKind,
    ...shown,
    ...(isCut ? { isCut } : {}),
    cached: ending.cached === true,
    durationMs: clock.monotonicMs() - beganMs,
  });
  return ending;
}

/** What ends a task that has not got its turn before the run was stopped. */
export function notBegun(): HostError {
  return new HostError("INTERRUPTED", "not begun: the run was stopped", { details: { notBegun: true } });
}

function isNotBegun(error: unknown): boolean {
  return error instanceof HostError && error.code === "INTERRUPTED" && error.details.notBegun === true;
}
