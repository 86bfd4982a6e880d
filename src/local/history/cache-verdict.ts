/**
 * Why a stored task ran, or did not: what the cache had for it.
 *
 * @module
 */
import { fromBinary } from "@bufbuild/protobuf";
import { PipelineTaskSchema, TaskState, type PipelineTask } from "../../core/kfp-types.ts";
import { keyDifferences, taskCacheKey, type KeyDifference, type TaskCacheKey } from "./cache-key.ts";
import type { HomeHistory } from "./open-history.ts";
import { pipelineName, readHistoryRun, type HistoryRun, type HistoryTask } from "./stored-run.ts";

/** What the cache had. */
export type CacheVerdictKind =
  /** Its outputs come from the cache. */
  | "hit"
  /** No earlier task of this name. */
  | "first"
  /** The earlier task differs. */
  | "differs"
  /** The earlier task is the same, but could not be taken. */
  | "unusable"
  /** The cache was not asked. */
  | "not-asked";

/** A task that another is compared with. */
export interface ComparedTask {
  readonly run: HistoryRun;
  readonly task: HistoryTask;
}

/** The verdict, and what it rests on. */
export interface CacheVerdict {
  readonly kind: CacheVerdictKind;
  /** One sentence. */
  readonly reason: string;
  /** The task whose outputs were taken, or the newest earlier one. */
  readonly other?: ComparedTask;
  readonly differences: readonly KeyDifference[];
}

/** Earlier tasks of the same name that are looked at. */
const LOOKED_AT = 200;

/** @param task Of the run. */
export function cacheVerdict(history: HomeHistory, run: HistoryRun, task: HistoryTask): CacheVerdict {
  const { row, result } = task;
  const notAsked = (reason: string): CacheVerdict => ({ kind: "not-asked", reason, differences: [] });
  if (result.type !== "RUNTIME") return notAsked("only steps have a place in the cache");
  if (row.state === TaskState.SKIPPED) return notAsked("its condition was false, so the cache was not asked");
  if (row.cacheFingerprint === "") {
    return notAsked("it was not to be cached: the pipeline or --no-cache says so, or it failed before the cache was asked");
  }
  const earlier = earlierTask(history, run, task);
  if (row.state === TaskState.CACHED) {
    const reason = earlier === undefined ? "the task that made its outputs is gone" : "it is the same as an earlier task";
    return { kind: "hit", reason, differences: [], ...(earlier === undefined ? {} : { other: earlier }) };
  }
  if (earlier === undefined) return { kind: "first", reason: "this home has no earlier task of this name", differences: [] };
  const before = earlier.task.row;
  if (before.cacheFingerprint === "") {
    return {
      kind: "unusable",
      reason: "the earlier task was not to be cached, or was taken out",
      other: earlier,
      differences: [],
    };
  }
  if (before.cacheFingerprint === row.cacheFingerprint) return { ...sameKey(before), other: earlier, differences: [] };
  const keys = [taskCacheKey(earlier.run, earlier.task), taskCacheKey(run, task)] as const;
  const differences = keyDifferences(...keys);
  const reason = differenceReason(keys, differences);
  return { kind: "differs", reason, other: earlier, differences };
}

function differenceReason(keys: readonly TaskCacheKey[], differences: readonly KeyDifference[]): string {
  const unknown = keys.find((key) => key.kind === "unknown");
  if (unknown?.kind === "unknown") return `it differs from the earlier task, in what cannot be told: ${unknown.reason}`;
  const notStored = "something that is not stored: claims, or the driver's cache settings";
  if (differences.length === 0) return `it differs from the earlier task in ${notStored}`;
  const names = differences.map(({ part }) => part).join(", ");
  const isWhole = keys.every((key) => key.kind !== "parts" || key.isWhole);
  return `it differs from the earlier task: ${names}${isWhole ? "" : `, and perhaps in ${notStored}`}`;
}

function sameKey({ state }: PipelineTask): Pick<CacheVerdict, "kind" | "reason"> {
  const isEntry = state === TaskState.SUCCEEDED;
  const reason = isEntry
    ? "the earlier task is the same; its outputs were gone, or it ended after this one began, or the cache was off"
    : `the earlier task is the same, but it is ${TaskState[state] ?? String(state)}, and only one that SUCCEEDED itself is taken`;
  return { kind: "unusable", reason };
}

/**
 * For a cached task the one that it was taken from; else the newest that began before: of another run in the same iteration if there
 * is one, else any.
 */
function earlierTask(history: HomeHistory, run: HistoryRun, { row, label }: HistoryTask): ComparedTask | undefined {
  const rows = history.store.tasks.ofScopePath(row.scopePath, LOOKED_AT).map(({ body }) => fromBinary(PipelineTaskSchema, body));
  // Stored one after the other: what comes after the task itself is older.
  const own = rows.findIndex(({ taskId }) => taskId === row.taskId);
  const names = new Map([[run.runId, pipelineName(history.store, run.runId)]]);
  const isOfPipeline = ({ runId }: PipelineTask): boolean => {
    if (!names.has(runId)) names.set(runId, pipelineName(history.store, runId));
    return names.get(runId) === names.get(run.runId);
  };
  const older = (own < 0 ? rows : rows.slice(own + 1)).filter(isOfPipeline);
  const iteration = row.typeAttributes?.iterationIndex;
  const isSameIteration = (other: PipelineTask): boolean => other.typeAttributes?.iterationIndex === iteration;
  const candidates =
    row.state === TaskState.CACHED
      ? [older.find((other) => other.cacheFingerprint === row.cacheFingerprint && other.state === TaskState.SUCCEEDED)]
      : [
          // An earlier task of the same key says more than a newer one of another.
          older.find((other) => other.cacheFingerprint === row.cacheFingerprint),
          older.find((other) => other.runId !== run.runId && isSameIteration(other)),
          older.find((other) => other.runId !== run.runId),
          older[0],
        ];
  const found = candidates.find((candidate) => candidate !== undefined) ?? elsewhere(history, row);
  if (found === undefined) return undefined;
  const otherRun = found.runId === run.runId ? run : readHistoryRun(history, found.runId, new Date());
  const task = otherRun.tasks.find((other) => other.row.taskId === found.taskId);
  return task === undefined || (task.label === label && otherRun === run) ? undefined : { run: otherRun, task };
}

/** Two steps of other names that do the same share an entry. */
function elsewhere({ store }: HomeHistory, { cacheFingerprint, state, taskId }: PipelineTask): PipelineTask | undefined {
  const stored = state === TaskState.CACHED ? store.tasks.findCached(cacheFingerprint) : undefined;
  return stored === undefined || stored.taskId === taskId ? undefined : fromBinary(PipelineTaskSchema, stored.body);
}
