/**
 * Which run a person means: by id, the beginning of an id, `last`, or name.
 *
 * @module
 */
import type { RunOverview } from "../../apiserver/store.ts";
import { UsageError } from "../../core/errors.ts";

/** The word for the newest run. */
export const LAST = "last";

/** Candidates named at most where a word fits several runs. */
const SHOWN_CANDIDATES = 5;

/**
 * Finds the run, by the first of these that fits: its id, `last`, its name, the beginning of its id, the beginning of its name.
 *
 * @param runs Newest first.
 * @param where Folder of the home, for the message.
 * @throws {UsageError} USAGE_INVALID when no run fits, or several do.
 */
export function findRun(runs: readonly RunOverview[], text: string, where: string): RunOverview {
  if (runs.length === 0) throw refusal(text, `${where} has no runs; choose another folder with --home`);
  const [newest] = runs;
  const byId = runs.find(({ runId }) => runId === text);
  if (byId !== undefined) return byId;
  if (text === LAST && newest !== undefined) return newest;
  const ways: ((run: RunOverview) => boolean)[] = [
    ({ displayName }) => displayName === text,
    ({ runId }) => text !== "" && runId.startsWith(text),
    ({ displayName }) => text !== "" && displayName.startsWith(text),
  ];
  for (const fits of ways) {
    const [first, ...others] = runs.filter(fits);
    if (first !== undefined && others.length === 0) return first;
    if (first !== undefined) throw refusal(text, `it fits ${candidates([first, ...others])}; write more of the id`);
  }
  throw refusal(text, `${where} has no such run; kfp-runtime runs lists them`);
}

function refusal(text: string, reason: string): UsageError {
  return new UsageError("USAGE_INVALID", `Cannot find run "${text}": ${reason}`);
}

function candidates(runs: readonly RunOverview[]): string {
  const shown = runs.slice(0, SHOWN_CANDIDATES).map(({ runId, displayName }) => `${runId} (${displayName})`);
  const hidden = runs.length - shown.length;
  return [...shown, ...(hidden > 0 ? [`${hidden} more`] : [])].join(", ");
}

/** Characters of an id that tell it from all others of the home, at least eight: what people type again. */
export function shortIds(runs: readonly Pick<RunOverview, "runId">[]): ReadonlyMap<string, string> {
  const sorted = runs.map(({ runId }) => runId).toSorted();
  const short = sorted.map((runId, index): [string, string] => {
    const common = Math.max(commonStart(runId, sorted[index - 1] ?? ""), commonStart(runId, sorted[index + 1] ?? ""));
    return [runId, runId.slice(0, Math.max(8, common + 1))];
  });
  return new Map(short);
}

function commonStart(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length += 1;
  return length;
}
