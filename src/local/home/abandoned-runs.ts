/**
 * Runs whose process is gone: nobody else will end them.
 *
 * @module
 */
import type { ApiServer } from "../../apiserver/server.ts";
import { RuntimeState } from "../../core/kfp-types.ts";

/** Text on the tasks of a run whose process is gone. */
export const ABANDONED_MESSAGE = "The process of this run ended before the run did";

const UNFINISHED = [RuntimeState.PENDING, RuntimeState.RUNNING, RuntimeState.CANCELING, RuntimeState.PAUSED];

/**
 * Ends every run that is not final as FAILED, its unfinished tasks too. The caller holds the lock of the home.
 *
 * @returns One line for each run that could not be read and was set aside.
 */
export function finishAbandonedRuns({ runs }: Pick<ApiServer, "runs">): string[] {
  return runs.finishRuns(UNFINISHED, ABANDONED_MESSAGE).map(({ runId, displayName, createdSeconds, reason }) => {
    const time = new Date(createdSeconds * 1000).toISOString().slice(0, 19);
    const name = JSON.stringify(displayName);
    return `run ${runId} (${name}, made ${time}Z) cannot be read and was set aside in the home's database: ${reason}`;
  });
}
