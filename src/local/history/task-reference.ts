/**
 * Which tasks of a run a person means: by label, scope path, id, or name.
 *
 * @module
 */
import { UsageError } from "../../core/errors.ts";
import type { HistoryRun, HistoryTask } from "./stored-run.ts";

/** Labels named at most where a word fits nothing. */
const SHOWN_LABELS = 10;

/**
 * Finds tasks by the first of these that fits any: the label (`for-loop-1.train[2]`), all iterations of a label (`for-loop-1.train`),
 * the scope path, the id or its beginning, the name, the display name.
 *
 * @throws {UsageError} USAGE_INVALID when none fits.
 */
export function findTasks({ tasks, result, runId }: HistoryRun, text: string): readonly HistoryTask[] {
  const ways: ((task: HistoryTask) => boolean)[] = [
    ({ label }) => label === text,
    ({ row }) => row.scopePath === text || row.scopePath === `root.${text}`,
    ({ row }) => row.taskId === text,
    ({ row }) => row.name === text,
    ({ result: { displayName } }) => displayName === text,
    ({ row }) => text.length >= 4 && row.taskId.startsWith(text),
  ];
  for (const fits of ways) {
    const found = tasks.filter(fits);
    if (found.length > 0) return found;
  }
  const refuse = (reason: string): UsageError =>
    new UsageError("USAGE_INVALID", `Cannot find task "${text}" in run ${runId}: ${reason}`);
  const notRun = result.notRun.find(({ name, scopePath }) => name === text || scopePath === text || scopePath === `root.${text}`);
  if (notRun !== undefined) throw refuse(`it was not run: ${notRun.reason}`);
  const labels = tasks.map(({ label }) => label);
  const more = labels.length > SHOWN_LABELS ? `, and ${labels.length - SHOWN_LABELS} more` : "";
  throw refuse(labels.length === 0 ? "it has no tasks" : `its tasks are ${labels.slice(0, SHOWN_LABELS).join(", ")}${more}`);
}
