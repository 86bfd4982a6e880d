/**
 * What the steps of a run print while they run: from the journal of the run's steps, for whoever reads logs over REST.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { fromBinary } from "@bufbuild/protobuf";
import type { LiveLogs } from "../../apiserver/rest/logs/task-log.ts";
import type { Store } from "../../apiserver/store.ts";
import { PipelineTaskSchema, type PipelineTask } from "../../core/kfp-types.ts";
import { taskLabel } from "../engine/task-label.ts";
import type { Home } from "../home/home.ts";
import { taskPlaces } from "../results/run-result.ts";
import { runFolder } from "../run/local-run.ts";
import { JournalReader, journalPath } from "../steps/step-journal.ts";

/** The runs that this home executes. */
export function homeLiveLogs({ home, store }: { readonly home: Home; readonly store: Pick<Store, "tasks"> }): LiveLogs {
  return {
    reader(runId, taskId) {
      const folder = runFolder(home, runId);
      const label = labelOf(store, taskId);
      if (label === undefined || !existsSync(folder)) return undefined;
      const reader = new JournalReader(journalPath(folder));
      return {
        async *read() {
          for await (const record of reader.read()) {
            if ("full" in record)
              yield "[the steps of this run have printed too much to be shown here: see the log of the step]\n";
            else if (record.task === label) yield `${record.text}\n`;
          }
        },
      };
    },
  };
}

/** Label of a task, from its row and those above it. */
function labelOf({ tasks }: Pick<Store, "tasks">, taskId: string): string | undefined {
  const rows: PipelineTask[] = [];
  for (let id: string | undefined = taskId; id !== undefined && id !== "";) {
    const stored = tasks.find(id);
    if (stored === undefined) break;
    const row = fromBinary(PipelineTaskSchema, stored.body);
    rows.push(row);
    id = row.parentTaskId;
  }
  const place = taskPlaces(rows).get(taskId);
  return place === undefined ? undefined : taskLabel(place);
}
