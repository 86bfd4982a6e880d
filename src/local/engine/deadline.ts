/**
 * Active deadlines, of a pod or of a run: what takes longer is stopped as the kubelet stops it.
 *
 * @module
 */
import type { Clock } from "../../ports/clock.ts";

/** What a deadline needs; the signal stops the work in any case. */
export interface DeadlineDeps {
  readonly clock: Pick<Clock, "sleep">;
  readonly signal: AbortSignal;
}

/**
 * Runs `work` with a signal that also comes when the time is over.
 *
 * @param seconds Absent: no deadline.
 * @returns `isLate` when it was the deadline that came.
 */
export async function withDeadline<Outcome extends object>(
  { clock, signal }: DeadlineDeps,
  seconds: number | undefined,
  work: (signal: AbortSignal) => Promise<Outcome>,
): Promise<Outcome & { readonly isLate?: boolean }> {
  if (seconds === undefined) return work(signal);
  const deadline = new AbortController();
  const ended = new AbortController();
  const timer = clock.sleep(seconds * 1000, ended.signal).then(
    () => deadline.abort("SIGTERM"),
    () => undefined,
  );
  try {
    const outcome = await work(AbortSignal.any([signal, deadline.signal]));
    return { ...outcome, isLate: deadline.signal.aborted && !signal.aborted };
  } finally {
    ended.abort(new Error("the work has ended"));
    await timer;
  }
}
