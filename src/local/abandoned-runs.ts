/**
 * Runs whose process is gone: nobody else will end them.
 *
 * @module
 */
import type { ApiServer } from "../apiserver/server.ts";
import { parseListRequest } from "../apiserver/list-query.ts";
import { RuntimeState } from "../core/kfp-types.ts";

export const ABANDONED_MESSAGE = "The process of this run ended before the run did";

const FILTER = JSON.stringify({
  predicates: [{ operation: "IN", key: "state", string_values: { values: ["PENDING", "RUNNING", "CANCELING", "PAUSED"] } }],
});

/** Ends every run that is not final as FAILED, its unfinished tasks too. The caller holds the lock of the home. */
export function finishAbandonedRuns({ store, runs }: Pick<ApiServer, "store" | "runs">): void {
  for (;;) {
    const query = parseListRequest("runs", { pageSize: 50, pageToken: "", sortBy: "", filter: FILTER });
    const { rows, next } = store.runs.list({}, query);
    for (const { run } of rows) runs.finishRun(run.runId, RuntimeState.FAILED, ABANDONED_MESSAGE);
    if (next === undefined) return;
  }
}
