/**
 * Being told to stop: what SIGTERM or SIGINT mean for a driver that is at work.
 *
 * No pod follows a driver that was stopped, so its task must not stay RUNNING. The work begins nothing new; what it has sent is waited
 * for, because an update that arrives after the report of the failure would undo it; then the failure is recorded. All of it takes
 * seconds where the API server answers, and ends within {@link CALLS_UNTIL_MS} where it does not.
 *
 * @module
 */
import type { Clock } from "../ports/clock.ts";
import type { KfpApi } from "../ports/kfp-api.ts";
import { interruptionsOf } from "../tasks/interruption.ts";

/** After the request; calls the work has sent are waited for until then. */
export const SENT_CALLS_UNTIL_MS = 3000;
/** After the request; calls to the API server under way or to come end by then. */
export const CALLS_UNTIL_MS = 10_000;

export const { interruptedError, throwIfInterrupted, unlessInterrupted } = interruptionsOf("driver");

/**
 * Why a driver stops whose task another process is about to take over: nothing is recorded, the row stays as it is, as after a process
 * that was killed.
 */
export class HandOver extends Error {}

/** The API of a driver that may be told to stop. */
export interface StoppableApi {
  /** Every call of it ends when the signal is aborted, and none begins any more. */
  readonly api: KfpApi;
  /** Waits until what was sent has an answer, {@link SENT_CALLS_UNTIL_MS} at most. */
  readonly settle: (clock: Pick<Clock, "sleep">) => Promise<void>;
}

/** The API as the work of a driver gets it; the report of its failure uses the one behind. */
export function stoppableApi(api: KfpApi, signal: AbortSignal | undefined): StoppableApi {
  const sent = new Set<Promise<unknown>>();
  const stoppable = new Proxy(api, {
    get(target, name): unknown {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return (...args: unknown[]) =>
        unlessInterrupted(signal, () => {
          const call = (Reflect.apply(member, target, args) as Promise<unknown>).finally(() => sent.delete(call));
          sent.add(call);
          call.catch(() => undefined);
          return call;
        });
    },
  });
  return {
    api: stoppable,
    async settle(clock) {
      if (sent.size === 0) return;
      const settled = new AbortController();
      const overdue = clock.sleep(SENT_CALLS_UNTIL_MS, settled.signal).catch(() => undefined);
      await Promise.race([Promise.allSettled(sent), overdue]);
      settled.abort(new Error("settled"));
    },
  };
}
