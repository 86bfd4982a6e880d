/**
 * What Ctrl-C means for a run: its steps are asked to end, everything is over within ten seconds, every row says why.
 *
 * @module
 */
import { HostError } from "../../core/errors.ts";
import type { Clock } from "../../ports/clock.ts";

/** Text on the tasks that a cancelled run leaves unfinished. */
export const CANCELLED_MESSAGE = "cancelled by user";

/** Milliseconds from the cancellation on: steps get eight seconds, drivers and launchers the rest. Ten is what a person waits. */
const CANCEL_LIMIT_MS = 9300;

/** The same moment, with the reason a deleted pod gets, so that both isolations stop a step in the same way. */
export function terminationSignal(signal: AbortSignal): AbortSignal {
  const stop = new AbortController();
  const onAbort = (): void => stop.abort("SIGTERM");
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  return stop.signal;
}

/** Milliseconds from the cancellation on in which exit tasks may run: what is left of the ten seconds ends them. */
const EXIT_TASK_LIMIT_MS = 7000;

/** When exit tasks are to stop as well. */
export interface ExitTaskTime {
  readonly signal: AbortSignal;
  /** Of no use any more. */
  end(): void;
}

/**
 * Exit tasks clean up: they get some time when a run is stopped.
 *
 * @param isLeft Asked when it is: true for a run that another execution goes on with, which has its exit tasks then.
 */
export function exitTaskTime(
  { clock, signal }: { readonly clock: Pick<Clock, "sleep">; readonly signal: AbortSignal },
  isLeft: () => boolean,
): ExitTaskTime {
  const stop = new AbortController();
  const done = new AbortController();
  const onAbort = (): void => {
    if (isLeft()) stop.abort("SIGTERM");
    else {
      clock.sleep(EXIT_TASK_LIMIT_MS, done.signal).then(
        () => stop.abort("SIGTERM"),
        () => undefined,
      );
    }
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true, signal: done.signal });
  return { signal: stop.signal, end: () => done.abort(new Error("the run has ended")) };
}

/** What ends a run that does not end by itself. */
export interface CancellationDeps {
  readonly clock: Pick<Clock, "sleep">;
  readonly signal: AbortSignal;
  readonly killChildren: () => void;
}

/** What `work` comes to; once cancelled, "failed" after {@link CANCEL_LIMIT_MS}, whatever it does. Nothing it started is left then. */
export async function unlessStuck<Outcome>(
  { clock, signal, killChildren }: CancellationDeps,
  work: Promise<Outcome>,
): Promise<Outcome | "failed"> {
  const done = new AbortController();
  const limit = async (): Promise<"failed"> => {
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true, signal: done.signal });
    });
    await clock.sleep(CANCEL_LIMIT_MS, done.signal);
    return "failed";
  };
  const late = limit();
  late.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    done.abort(new Error("the run has ended"));
    if (signal.aborted) killChildren();
  }
}

/** A stopped step says how it was stopped, and what is above it says nothing; a person wants to read why. */
export function stoppedMessage(because: string): (message: string) => string | undefined {
  return (message) => (/^$|told to stop by SIG/.test(message) ? because : undefined);
}

/** The same of a run that a person stopped. */
export const cancelledMessage = stoppedMessage(CANCELLED_MESSAGE);

/** @throws {HostError} INTERRUPTED once the run is to stop, as long as there is no run yet that could say so. */
export function throwIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw new HostError("INTERRUPTED", "cancelled by user before the run began: nothing has run");
}
