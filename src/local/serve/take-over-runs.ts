/**
 * What a server does with the runs that an earlier process of this home left unfinished: docs/serve.md "After a restart".
 *
 * A run that a server executed goes on: its tasks that succeeded stay, all others start again, as in a retry. A run of
 * `kfp-runtime run` ends FAILED, since the person who watched it has seen it end. One that was being cancelled ends as cancelled.
 *
 * @module
 */
import type { ApiServer } from "../../apiserver/server.ts";
import { RuntimeState } from "../../core/kfp-types.ts";
import { CANCELLED_MESSAGE, cancelledMessage } from "../engine/cancellation.ts";
import { finishAbandonedRuns, setAsideLine } from "../home/abandoned-runs.ts";
import type { Home } from "../home/home.ts";
import { runFolder } from "../run/local-run.ts";
import { isServed } from "./run-settings.ts";

/** What was found. */
export interface TakenOverRuns {
  /** They were under way, and are PENDING again. */
  readonly resumed: readonly string[];
  /** One for each run that could not be read and was set aside. */
  readonly lines: readonly string[];
}

/** Brings every run of the home into a state that this process can go on from. The caller holds the lock of the home. */
export function takeOverRuns({ runs, store }: Pick<ApiServer, "runs" | "store">, home: Home, nowSeconds: number): TakenOverRuns {
  const lines = finishAbandonedRuns({ runs }, (runId) => isServed(runFolder(home, runId)));
  const resumed: string[] = [];
  const readable = (states: readonly RuntimeState[]): string[] =>
    store.runs.idsInStates(states).filter((runId) => {
      const unreadable = store.runs.setAsideUnreadable(runId, nowSeconds);
      if (unreadable === undefined) return true;
      runs.finishRun(runId, RuntimeState.FAILED);
      lines.push(setAsideLine(unreadable));
      return false;
    });
  for (const runId of readable([RuntimeState.CANCELING])) {
    runs.finishRun(runId, RuntimeState.FAILED, CANCELLED_MESSAGE, { rewordFailure: cancelledMessage });
  }
  for (const runId of readable([RuntimeState.RUNNING, RuntimeState.PAUSED])) {
    store.transaction(() => {
      runs.resetTasksForRetry(runId);
      runs.setRunState(runId, RuntimeState.PENDING);
    });
    resumed.push(runId);
  }
  readable([RuntimeState.PENDING]);
  return { resumed, lines };
}
