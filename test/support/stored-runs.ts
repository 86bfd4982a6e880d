/** What a home's database says after a run, without the programs under test. @module */
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { TaskState } from "../../src/core/kfp-types.ts";

export interface StoredRunState {
  /** Enum name of the run's state. */
  readonly state: string;
  /** Enum names of the states of its tasks, counted. */
  readonly tasks: Readonly<Record<string, number>>;
}

export function storedRuns(home: string): StoredRunState[] {
  const db = new DatabaseSync(join(home, "state.db"), { readOnly: true });
  try {
    const runs = db.prepare("SELECT run_id, state FROM runs ORDER BY created_at, run_id").all();
    return runs.map(({ run_id: runId = "", state }) => {
      const counts = db.prepare("SELECT state, count(*) AS number FROM tasks WHERE run_id = ? GROUP BY state").all(runId);
      const tasks = counts.map(({ state: number, number: count }) => [TaskState[Number(number)] ?? "", Number(count)] as const);
      return { state: String(state), tasks: Object.fromEntries(tasks) };
    });
  } finally {
    db.close();
  }
}

/** Tasks of the only run that have succeeded so far: 0 while there is no database yet, or while its writer has it for itself. */
export function succeededTasks(home: string): number {
  try {
    return storedRuns(home)[0]?.tasks["SUCCEEDED"] ?? 0;
  } catch {
    return 0;
  }
}
