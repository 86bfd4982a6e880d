/** Reading the object of `--output json` in tests. @module */
import type { RunResult, TaskResult } from "../../src/local/results/run-result.ts";

/** Exactly one JSON object, nothing else. */
export function parseResult(stdout: string): RunResult {
  if (!stdout.endsWith("\n") || stdout.trim().includes("\n")) throw new Error(`stdout is not one line: ${stdout.slice(0, 500)}`);
  return JSON.parse(stdout) as RunResult;
}

/** `scope path[iterations]` without `root.` to state, with the iterations of every enclosing loop. */
export function statesOf({ tasks }: RunResult): Record<string, string> {
  const byId = new Map(tasks.map((task) => [task.taskId, task]));
  const iterations = (task: TaskResult): number[] => {
    const parent = byId.get(task.parentTaskId ?? "");
    if (parent === undefined) return [];
    return parent.type === "LOOP" ? [...iterations(parent), task.iterationIndex ?? -1] : iterations(parent);
  };
  return Object.fromEntries(
    tasks.map((task) => {
      const label = task.scopePath.replace(/^root\./, "");
      const indices = iterations(task);
      return [indices.length === 0 ? label : `${label}[${indices.join(",")}]`, task.state];
    }),
  );
}

/** The result with what differs from run to run made equal: ids, times, folders. */
export function normalised(result: RunResult): unknown {
  const ids = new Map(result.tasks.map(({ taskId }, index) => [taskId, `task-${index}`]));
  const text = JSON.stringify({ ...result, durationMs: 0 })
    .replaceAll(/[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/g, (id) => ids.get(id) ?? "ID")
    .replaceAll(/\d{4}-\d\d-\d\d[ T]\d\d[:-]\d\d[:-]\d\dZ?/g, "TIME")
    .replaceAll(/"(?:\/[^"/]+)*\/artifacts\//g, '"ARTIFACTS/')
    .replaceAll(/(?<=[a-z]-)[0-9a-f]{5}(?=[\\\\"])/g, "XXXXX");
  return JSON.parse(text);
}
