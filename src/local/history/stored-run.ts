/**
 * A stored run as a value: what was asked for, what became of it, and each of its tasks with its place.
 *
 * Source: docs/spec/status-roll-up.md#run-state-and-root-state.
 *
 * @module
 */
import { fromBinary, toJson, type JsonValue } from "@bufbuild/protobuf";
import { StructSchema, timestampDate, ValueSchema, type Timestamp } from "@bufbuild/protobuf/wkt";
import { hydrateTasks } from "../../apiserver/services/task-hydration.ts";
import type { Store, StoredRun } from "../../apiserver/store.ts";
import { errorMessage, HostError, UsageError } from "../../core/errors.ts";
import { PipelineTaskSchema, RuntimeState, TaskState, TaskType, type PipelineTask } from "../../core/kfp-types.ts";
import { parsePipelineSpec, type ParsedPipeline } from "../../core/spec/pipeline-spec.ts";
import { isJsonObject } from "../../core/values/json-object.ts";
import { CANCELLED_MESSAGE } from "../engine/cancellation.ts";
import type { TaskPlace } from "../engine/task-executor.ts";
import { taskLabel } from "../engine/task-label.ts";
import { placeTasks } from "../pipeline/pipeline-tasks.ts";
import { displayNames } from "../results/display-names.ts";
import { notRunTasks } from "../results/not-run.ts";
import { buildRunResult, taskPlaces, type RunResult, type TaskResult } from "../results/run-result.ts";
import type { HomeHistory } from "./open-history.ts";

/** A task of a stored run. */
export interface HistoryTask {
  readonly row: PipelineTask;
  readonly place: TaskPlace;
  /** As everywhere: the path without `root.`, the iterations in brackets. */
  readonly label: string;
  readonly result: TaskResult;
}

/** What a stored run was and came to. */
export interface HistoryRun {
  readonly runId: string;
  readonly name: string;
  /** Absent where the run has no readable pipeline. */
  readonly pipeline?: ParsedPipeline;
  /** Why there is none. */
  readonly pipelineProblem?: string;
  /** Enum name of RuntimeState. */
  readonly state: string;
  /** Somebody stopped it. */
  readonly cancelled: boolean;
  /** It is not over, and the process that ran it is gone. */
  readonly abandoned: boolean;
  readonly createdAt: Date | undefined;
  readonly finishedAt: Date | undefined;
  readonly pipelineRoot: string;
  /** As the run was given them, without defaults. */
  readonly parameters: Readonly<Record<string, JsonValue>>;
  readonly result: RunResult<string>;
  /** In the order of the result. */
  readonly tasks: readonly HistoryTask[];
}

/** What the driver calls the task of the whole pipeline. */
const ROOT_NAME = "ROOT";
const FINAL_STATES = new Set(["SUCCEEDED", "FAILED", "CANCELED", "SKIPPED"]);

/** Whether a run goes on no more. @param state Enum name of RuntimeState. */
export function isFinal(state: string): boolean {
  return FINAL_STATES.has(state);
}

/**
 * Whether a run is under way according to its row, and nobody is there who could execute it. One that waits for a server still may be.
 *
 * @param state Enum name of RuntimeState.
 * @param isHeld Somebody works in the home.
 */
export function isAbandoned(state: string, isHeld: boolean): boolean {
  return !isHeld && !isFinal(state) && state !== "PENDING";
}

/**
 * Reads a run with all its tasks.
 *
 * @throws {UsageError} USAGE_INVALID when it was deleted meanwhile.
 * @throws {HostError} HOME_UNUSABLE when what is stored of it is damaged.
 */
export function readHistoryRun(history: HomeHistory, runId: string, now: Date): HistoryRun {
  const { store } = history;
  let stored: StoredRun | undefined;
  let rows: readonly PipelineTask[] = [];
  try {
    // The state first: tasks that are read later are no older, so a final run never shows a task that still ran.
    stored = store.runs.find(runId);
    rows = hydrateTasks(store, store.tasks.ofRun(runId), "complete", { withChildren: false }).map((body) =>
      fromBinary(PipelineTaskSchema, body),
    );
  } catch (error) {
    const message = `Cannot read run ${runId} in ${history.home.folder}: ${errorMessage(error)}`;
    throw new HostError("HOME_UNUSABLE", message, { cause: error });
  }
  if (stored === undefined) throw new UsageError("USAGE_INVALID", `Cannot find run "${runId}": it was deleted`);
  return historyRun(stored, rows, { now, isHeld: history.holder !== undefined });
}

/** What the rows do not tell. */
export interface HistoryFacts {
  readonly now: Date;
  /** Somebody works in the home. */
  readonly isHeld: boolean;
}

/** The run as a value; a pipeline that cannot be read costs what is made from it, not the run. */
export function historyRun({ run, pipelineSpec }: StoredRun, rows: readonly PipelineTask[], facts: HistoryFacts): HistoryRun {
  const state = RuntimeState[run.state] ?? String(run.state);
  const pipeline = readPipeline(pipelineSpec);
  const root = rows.find(({ type }) => type === TaskType.ROOT);
  const cancelled = state === "CANCELED" || (state === "FAILED" && root?.statusMetadata?.message === CANCELLED_MESSAGE);
  const createdAt = dateOf(run.createdAt);
  const finishedAt = dateOf(run.finishedAt);
  const places = taskPlaces(rows);
  const planned = "parsed" in pipeline ? placeTasks(pipeline.parsed) : [];
  const names = displayNames(planned);
  const isOver = isFinal(state);
  const notRun = isOver
    ? notRunTasks({ tasks: planned, rows, places, engineErrors: new Map(), displayNames: names, cancelled })
    : [];
  const end = finishedAt ?? facts.now;
  const result = buildRunResult<string>({
    ...{ runId: run.runId, state, tasks: rows, notRun, displayNames: names },
    durationMs: createdAt === undefined ? 0 : Math.max(0, end.getTime() - createdAt.getTime()),
    failures: () => undefined,
  });
  const byId = new Map(rows.map((row) => [row.taskId, row]));
  const { parameters = {}, pipelineRoot = "" } = run.runtimeConfig ?? {};
  return {
    ...{ runId: run.runId, name: run.displayName, state, cancelled, createdAt, finishedAt, pipelineRoot, result },
    ...("parsed" in pipeline ? { pipeline: pipeline.parsed } : { pipelineProblem: pipeline.problem }),
    abandoned: isAbandoned(state, facts.isHeld),
    parameters: Object.fromEntries(
      Object.entries(parameters).map(([name, value]) => [
        name,
        value.kind.case === undefined ? null : toJson(ValueSchema, value),
      ]),
    ),
    tasks: result.tasks.map((task) => {
      const place = places.get(task.taskId) as TaskPlace;
      return { row: byId.get(task.taskId) as PipelineTask, place, label: taskLabel(place), result: task };
    }),
  };
}

function readPipeline(spec: Uint8Array | undefined): { readonly parsed: ParsedPipeline } | { readonly problem: string } {
  if (spec === undefined) return { problem: "the run is stored without its pipeline" };
  try {
    const parsed = parsePipelineSpec(toJson(StructSchema, fromBinary(StructSchema, spec)));
    placeTasks(parsed);
    return { parsed };
  } catch (error) {
    return { problem: errorMessage(error) };
  }
}

/** Zero is how a row says that there is no such time. */
function dateOf(timestamp: Timestamp | undefined): Date | undefined {
  return timestamp === undefined || timestamp.seconds <= 0n ? undefined : timestampDate(timestamp);
}

/** Whether a task waits for nothing any more. */
export function isOpen({ state }: PipelineTask): boolean {
  return state === TaskState.RUNNING || state === TaskState.RUNTIME_STATE_UNSPECIFIED;
}

/** Whether somebody stopped a run, from the row of its root alone. @param state Enum name of RuntimeState. */
export function wasCancelled({ tasks }: Pick<Store, "tasks">, runId: string, state: string): boolean {
  if (state !== "FAILED") return state === "CANCELED";
  const { rows } = tasks.list(
    { runId },
    {
      ...{ resource: "tasks", pageSize: 1, sortKey: "create_time", descending: false },
      predicates: [{ key: "name", operation: "=", values: [ROOT_NAME] }],
    },
  );
  return rows.some(({ body }) => {
    try {
      return fromBinary(PipelineTaskSchema, body).statusMetadata?.message === CANCELLED_MESSAGE;
    } catch {
      // A list of runs does not fail for a damaged one.
      return false;
    }
  });
}

/** What the pipeline of a run is called, without reading more than its text; undefined where that cannot be read. */
export function pipelineName({ runs }: Pick<Store, "runs">, runId: string): string | undefined {
  try {
    const spec = runs.find(runId)?.pipelineSpec;
    const source = spec === undefined ? undefined : toJson(StructSchema, fromBinary(StructSchema, spec));
    const pipeline = memberOf(source, "pipeline_spec", "pipelineSpec") ?? source;
    const name = memberOf(memberOf(pipeline, "pipelineInfo", "pipeline_info"), "name");
    return typeof name === "string" ? name : undefined;
  } catch {
    return undefined;
  }
}

function memberOf(value: JsonValue | undefined, ...keys: readonly string[]): JsonValue | undefined {
  if (!isJsonObject(value)) return undefined;
  const key = keys.find((name) => Object.hasOwn(value, name));
  return key === undefined ? undefined : value[key];
}
