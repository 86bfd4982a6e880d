/**
 * Two stored runs side by side: what was asked for, what became of their tasks, metrics, and artifacts by content.
 *
 * @module
 */
import { stat } from "node:fs/promises";
import type { JsonValue } from "@bufbuild/protobuf";
import { isLocalUri } from "../../core/executor/artifact-uri.ts";
import { goJson } from "../../core/go/json.ts";
import { rootParameters } from "../executors/root-parameters.ts";
import type { ArtifactResult } from "../results/run-result.ts";
import { keyDifferences, taskCacheKey } from "./cache-key.ts";
import { CONTENT_LIMITS, hashContent, type ContentLimits } from "./content-hash.ts";
import { runArtifacts, type RunArtifact } from "./run-artifacts.ts";
import type { HistoryRun, HistoryTask } from "./stored-run.ts";

/** A value that is not the same on both sides; absent where a side has none. */
export interface ValueDifference {
  readonly name: string;
  readonly a?: JsonValue;
  readonly b?: JsonValue;
}

/** A task that is not the same on both sides. */
export interface TaskDifference {
  /** Label. */
  readonly task: string;
  /** State; absent where a side has no such task. */
  readonly a?: string;
  readonly b?: string;
  /** Parts of the cache key that differ; empty where only the states do, or where that cannot be told. */
  readonly parts: readonly string[];
}

/** An artifact that is not the same on both sides, or cannot be compared. */
export interface ArtifactDifference {
  readonly task: string;
  readonly key: string;
  /** Place in the list of the key. */
  readonly index: number;
  readonly result: "different" | "only-a" | "only-b" | "unknown";
  /** Why it is unknown. */
  readonly reason?: string;
}

/** What differs, and how much does not. */
export interface RunDifference {
  readonly parameters: readonly ValueDifference[];
  readonly tasks: readonly TaskDifference[];
  readonly metrics: readonly ValueDifference[];
  readonly artifacts: readonly ArtifactDifference[];
  readonly same: { readonly parameters: number; readonly tasks: number; readonly metrics: number; readonly artifacts: number };
}

/** Reads the artifacts that lie on this machine. Outputs that came from the cache are the same where they are the same files. */
export async function diffRuns(a: HistoryRun, b: HistoryRun, limits: ContentLimits = CONTENT_LIMITS): Promise<RunDifference> {
  const parameters = diffValues(allParameters(a), allParameters(b));
  const tasks = diffTasks(a, b);
  const metrics = diffValues(metricsOf(a), metricsOf(b));
  const artifacts = await diffArtifacts(a, b, limits);
  return {
    ...{ parameters: parameters.differences, tasks: tasks.differences },
    ...{ metrics: metrics.differences, artifacts: artifacts.differences },
    same: { parameters: parameters.same, tasks: tasks.same, metrics: metrics.same, artifacts: artifacts.same },
  };
}

/** Whether there is nothing to tell. What cannot be compared counts as a difference. */
export function isSame({ parameters, tasks, metrics, artifacts }: RunDifference): boolean {
  return parameters.length + tasks.length + metrics.length + artifacts.length === 0;
}

function allParameters({ pipeline, parameters }: HistoryRun): ReadonlyMap<string, JsonValue> {
  return new Map(Object.entries(pipeline === undefined ? parameters : rootParameters(pipeline.spec, parameters)));
}

function metricsOf(run: HistoryRun): ReadonlyMap<string, JsonValue> {
  const metrics = new Map<string, JsonValue>();
  for (const { task, key, artifact } of runArtifacts(run, { withLogs: false })) {
    if (artifact.numberValue !== undefined) metrics.set(`${task}.${key}.${artifact.name}`, artifact.numberValue);
    else if (artifact.type === "Metric" || artifact.type === "ClassificationMetric") {
      for (const [name, value] of Object.entries(artifact.metadata)) metrics.set(`${task}.${key}.${name}`, value);
    }
  }
  return metrics;
}

interface Compared<Difference> {
  readonly differences: readonly Difference[];
  readonly same: number;
}

function diffValues(a: ReadonlyMap<string, JsonValue>, b: ReadonlyMap<string, JsonValue>): Compared<ValueDifference> {
  const names = [...new Set([...a.keys(), ...b.keys()])];
  const differences = names.flatMap((name): ValueDifference[] => {
    const [left, right] = [a.get(name), b.get(name)];
    // Members of maps come in any order.
    if (left !== undefined && right !== undefined && goJson(left) === goJson(right)) return [];
    return [{ name, ...(left === undefined ? {} : { a: left }), ...(right === undefined ? {} : { b: right }) }];
  });
  return { differences, same: names.length - differences.length };
}

function diffTasks(a: HistoryRun, b: HistoryRun): Compared<TaskDifference> {
  const [left, right] = [byLabel(a), byLabel(b)];
  const labels = [...new Set([...left.keys(), ...right.keys()])];
  const differences = labels.flatMap((label): TaskDifference[] => {
    const [first, second] = [left.get(label), right.get(label)];
    const states = {
      ...(first === undefined ? {} : { a: first.result.state }),
      ...(second === undefined ? {} : { b: second.result.state }),
    };
    if (first === undefined || second === undefined) return [{ task: label, ...states, parts: [] }];
    const hasSameKey = first.row.cacheFingerprint === second.row.cacheFingerprint;
    if (hasSameKey && cameTo(first) === cameTo(second)) return [];
    const parts = hasSameKey ? [] : keyDifferences(taskCacheKey(a, first), taskCacheKey(b, second)).map(({ part }) => part);
    return [{ task: label, ...states, parts }];
  });
  return { differences, same: labels.length - differences.length };
}

/** Where its outputs come from makes no difference. */
function cameTo({ result: { state } }: HistoryTask): string {
  return state === "CACHED" ? "SUCCEEDED" : state;
}

function byLabel({ tasks }: HistoryRun): Map<string, HistoryTask> {
  return new Map(tasks.map((task) => [task.label, task]));
}

async function diffArtifacts(a: HistoryRun, b: HistoryRun, limits: ContentLimits): Promise<Compared<ArtifactDifference>> {
  const [left, right] = [storedArtifacts(a), storedArtifacts(b)];
  const places = [...new Map([...left, ...right])];
  const differences: ArtifactDifference[] = [];
  for (const [place, { task, key, index }] of places) {
    const at = { task, key, index };
    const [first, second] = [left.get(place), right.get(place)];
    if (first === undefined) differences.push({ ...at, result: "only-b" });
    else if (second === undefined) differences.push({ ...at, result: "only-a" });
    else {
      const result = await compareContent(first.artifact, second.artifact, limits);
      if (result !== "same") differences.push({ ...at, ...result });
    }
  }
  return { differences, same: places.length - differences.length };
}

/** By a text that no other of the run has. */
function storedArtifacts(run: HistoryRun): Map<string, RunArtifact> {
  const artifacts = runArtifacts(run, { withLogs: false }).filter(({ artifact }) => artifact.uri !== "");
  return new Map(artifacts.map((artifact) => [JSON.stringify([artifact.task, artifact.key, artifact.index]), artifact]));
}

async function compareContent(
  { uri: a }: ArtifactResult,
  { uri: b }: ArtifactResult,
  limits: ContentLimits,
): Promise<"same" | Pick<ArtifactDifference, "result" | "reason">> {
  if (a === b) return "same";
  if (!isLocalUri(a) || !isLocalUri(b)) return { result: "unknown", reason: "it is in a store, which is not asked" };
  // Files of different sizes need not be read.
  const [sizeA, sizeB] = await Promise.all([fileSize(a), fileSize(b)]);
  if (sizeA !== undefined && sizeB !== undefined && sizeA !== sizeB) return { result: "different" };
  const [first, second] = [await hashContent(a, limits), await hashContent(b, limits)];
  if ("problem" in first) return { result: "unknown", reason: first.problem };
  if ("problem" in second) return { result: "unknown", reason: second.problem };
  return first.hash === second.hash ? "same" : { result: "different" };
}

async function fileSize(path: string): Promise<number | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() === true ? found.size : undefined;
}
