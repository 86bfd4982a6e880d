/**
 * Runs whose process is gone: nobody else will end them.
 *
 * @module
 */
import type { ApiServer } from "../../apiserver/server.ts";
import type { SetAsideRun } from "../../apiserver/store.ts";
import { RuntimeState } from "../../core/kfp-types.ts";

/** Text on the tasks of a run whose process is gone. */
export const ABANDONED_MESSAGE = "The process of this run ended before the run did";

/** Not PENDING: such a run waits for a server. */
const UNFINISHED = [RuntimeState.RUNNING, RuntimeState.CANCELING, RuntimeState.PAUSED];

/**
 * Ends every run that was under way as FAILED, its unfinished tasks too. The caller holds the lock of the home.
 *
 * @param isServed Runs of a server, which goes on with them when it starts again.
 * @returns One line for each run that could not be read and was set aside.
 */
export function finishAbandonedRuns({ runs }: Pick<ApiServer, "runs">, isServed?: (runId: string) => boolean): string[] {
  return runs.finishRuns(UNFINISHED, ABANDONED_MESSAGE, isServed).map(setAsideLine);
}

/** What a person is told of a run that could not be read. */
export function setAsideLine({ runId, displayName, createdSeconds, reason }: SetAsideRun): string {
  const time = new Date(createdSeconds * 1000).toISOString().slice(0, 19);
  const name = JSON.stringify(displayName);
  return `run ${runId} (${name}, made ${time}Z) cannot be read and was set aside in the home's database: ${reason}`;
}
