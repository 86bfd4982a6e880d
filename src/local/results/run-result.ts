/**
 * What a run came to: the object of `--output json`, and what the summary says beyond it.
 *
 * @module
 */
import { toJson, type JsonValue } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import {
  ArtifactType,
  IoType,
  TaskState,
  TaskType,
  type Artifact,
  type InputOutputs,
  type IoArtifact,
  type IoParameter,
  type PipelineTask,
} from "../../core/kfp-types.ts";
import type { NotRunTask } from "./not-run.ts";
import type { TaskPlace } from "../engine/task-executor.ts";

/** An artifact as the result tells of it. */
export interface ArtifactResult {
  readonly name: string;
  /** Enum name of the wire. */
  readonly type: string;
  /** Empty for a single metric, which is a number and nothing stored. */
  readonly uri: string;
  readonly metadata: Readonly<Record<string, JsonValue>>;
  /** Only of a single metric. */
  readonly numberValue?: number;
}

/** Inputs or outputs of a task, by key. */
export interface ValuesResult {
  readonly parameters: Readonly<Record<string, JsonValue>>;
  readonly artifacts: Readonly<Record<string, readonly ArtifactResult[]>>;
}

/** A task with a row, as the result tells of it. */
export interface TaskResult {
  readonly taskId: string;
  readonly name: string;
  /** As the pipeline calls it for people; absent where that is its name. */
  readonly displayName?: string;
  readonly scopePath: string;
  /** Enum names of the wire. */
  readonly type: string;
  readonly state: string;
  /** Index in the innermost enclosing loop. */
  readonly iterationIndex?: number;
  /** Absent for the root. */
  readonly parentTaskId?: string;
  readonly inputs: ValuesResult;
  readonly outputs: ValuesResult;
  readonly error?: string;
}

/** Exactly what `--output json` prints. A stored run may be in any state; one that has just ended has one of two. */
export interface RunResult<State extends string = "SUCCEEDED" | "FAILED"> {
  readonly runId: string;
  readonly state: State;
  readonly durationMs: number;
  /** A task before those below it; siblings by name, then by iteration. */
  readonly tasks: readonly TaskResult[];
  /** Of the pipeline. */
  readonly outputs: ValuesResult;
  /** Tasks that never got their turn, in the order of the pipeline. */
  readonly notRun: readonly NotRunTask[];
}

/** What the rows do not tell about a failed step. */
export interface StepFailure {
  readonly exitCode?: number;
  /** The engine's own reason, where the step never ran. */
  readonly error?: string;
  /** The end of its output. */
  readonly lastLines: readonly string[];
}

/** What a result is made from. */
export interface RunResultInput<State extends string = RunResult["state"]> {
  readonly runId: string;
  readonly state: State;
  readonly durationMs: number;
  readonly tasks: readonly PipelineTask[];
  readonly failures: (place: TaskPlace) => StepFailure | undefined;
  readonly notRun: readonly NotRunTask[];
  /** By scope path (display-names.ts). */
  readonly displayNames: ReadonlyMap<string, string>;
}

/** The result of a run, as `--output json` prints it: tasks in the order of the tree, then those that did not run. */
export function buildRunResult<State extends string = RunResult["state"]>(input: RunResultInput<State>): RunResult<State> {
  const { runId, state, durationMs, tasks } = input;
  const places = taskPlaces(tasks);
  const results = inTreeOrder(tasks).map((task) =>
    taskResult(task, {
      failure: input.failures(places.get(task.taskId) as TaskPlace),
      displayName: input.displayNames.get(task.scopePath),
    }),
  );
  const root = tasks.find(({ type }) => type === TaskType.ROOT);
  const outputs = root === undefined ? { parameters: {}, artifacts: {} } : valuesResult(root, root.outputs);
  return { runId, state, durationMs: Math.round(durationMs), tasks: results, outputs, notRun: input.notRun };
}

function inTreeOrder(tasks: readonly PipelineTask[]): PipelineTask[] {
  const ids = new Set(tasks.map(({ taskId }) => taskId));
  const children = new Map<string, PipelineTask[]>();
  for (const task of tasks) {
    const parent = ids.has(task.parentTaskId ?? "") ? (task.parentTaskId as string) : "";
    const siblings = children.get(parent);
    if (siblings === undefined) children.set(parent, [task]);
    else siblings.push(task);
  }
  const ordered: PipelineTask[] = [];
  const visit = (taskId: string): void => {
    for (const task of (children.get(taskId) ?? []).toSorted(bySibling)) {
      ordered.push(task);
      visit(task.taskId);
    }
  };
  visit("");
  return ordered;
}

function bySibling(a: PipelineTask, b: PipelineTask): number {
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  return Number((a.typeAttributes?.iterationIndex ?? 0n) - (b.typeAttributes?.iterationIndex ?? 0n));
}

/** Where in the pipeline and in which iterations each row stands, by task id. */
export function taskPlaces(tasks: readonly PipelineTask[]): Map<string, TaskPlace> {
  const byId = new Map(tasks.map((task) => [task.taskId, task]));
  const places = new Map<string, TaskPlace>();
  const placeOf = (task: PipelineTask): TaskPlace => {
    const known = places.get(task.taskId);
    if (known !== undefined) return known;
    const parent = byId.get(task.parentTaskId ?? "");
    const index = task.typeAttributes?.iterationIndex;
    let iterations: readonly number[] = [];
    if (parent !== undefined) {
      const above = placeOf(parent).iterations;
      // Every row below a loop carries the index in it; only the loop's own children add one to what their parent has.
      iterations = parent.type === TaskType.LOOP && index !== undefined ? [...above, Number(index)] : above;
    }
    const place = { scopePath: task.scopePath, iterations };
    places.set(task.taskId, place);
    return place;
  };
  for (const task of tasks) placeOf(task);
  return places;
}

interface TaskExtras {
  readonly failure: StepFailure | undefined;
  readonly displayName: string | undefined;
}

function taskResult(task: PipelineTask, { failure, displayName }: TaskExtras): TaskResult {
  const { taskId, name, scopePath, parentTaskId, typeAttributes } = task;
  const iterationIndex = typeAttributes?.iterationIndex;
  const error = task.state === TaskState.FAILED ? errorOf(task, failure) : undefined;
  return {
    taskId,
    name,
    ...(displayName === undefined ? {} : { displayName }),
    scopePath,
    type: TaskType[task.type] ?? String(task.type),
    state: TaskState[task.state] ?? String(task.state),
    ...(iterationIndex === undefined ? {} : { iterationIndex: Number(iterationIndex) }),
    ...(parentTaskId === undefined || parentTaskId === "" ? {} : { parentTaskId }),
    inputs: valuesResult(task, task.inputs),
    outputs: valuesResult(task, task.outputs),
    ...(error === undefined ? {} : { error }),
  };
}

function errorOf({ statusMetadata }: PipelineTask, failure: StepFailure | undefined): string {
  const message = statusMetadata?.message ?? "";
  if (message !== "") return message;
  return failure?.error ?? "a task below it failed";
}

function valuesResult({ type }: PipelineTask, values: InputOutputs | undefined): ValuesResult {
  return {
    parameters: grouped(
      values?.parameters ?? [],
      (entry) => entry.parameterKey,
      (entries) => parameterValue(entries, type),
    ),
    artifacts: grouped(values?.artifacts ?? [], (entry) => entry.artifactKey, artifactResults),
  };
}

function grouped<Entry, Result>(
  entries: readonly Entry[],
  keyOf: (entry: Entry) => string,
  combine: (entries: readonly Entry[]) => Result,
): Record<string, Result> {
  const groups = new Map<string, Entry[]>();
  for (const entry of entries) groups.set(keyOf(entry), [...(groups.get(keyOf(entry)) ?? []), entry]);
  return Object.fromEntries([...groups].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, group]) => [key, combine(group)]));
}

/**
 * Several entries of one key are those of several iterations: a list in their order. One entry is a list of one where it comes from a
 * loop, a plain value elsewhere; a step inside a loop has the entry type of an iteration and is not a collection.
 */
function parameterValue(entries: readonly IoParameter[], type: TaskType): JsonValue {
  const values = inIterationOrder(entries).map(({ value }) => (value === undefined ? null : toJson(ValueSchema, value)));
  const [first] = entries;
  const isStep = type === TaskType.RUNTIME || type === TaskType.IMPORTER;
  const isOfLoop =
    (first?.type === IoType.ITERATOR_OUTPUT && !isStep) ||
    ((first?.type === IoType.ITERATOR_INPUT || first?.type === IoType.ITERATOR_INPUT_RAW) && type === TaskType.LOOP);
  const [only = null] = values;
  return values.length === 1 && !isOfLoop ? only : values;
}

function artifactResults(entries: readonly IoArtifact[]): ArtifactResult[] {
  // Outside loops, where several entries have one key (metrics, the logs of attempts), the server has no order of its own.
  const byName = entries.toSorted((a, b) => collator.compare(nameOf(a), nameOf(b)));
  return inIterationOrder(byName).flatMap(({ artifacts }) => inFixedOrder(artifacts).map(artifactResult));
}

/** The metrics of one output come as one entry; the order of a list of artifacts means something and stays. */
function inFixedOrder(artifacts: readonly Artifact[]): readonly Artifact[] {
  const areMetrics = artifacts.every(({ numberValue }) => numberValue !== undefined);
  return areMetrics ? artifacts.toSorted((a, b) => collator.compare(a.name, b.name)) : artifacts;
}

const collator = new Intl.Collator("en", { numeric: true });

function nameOf({ artifacts: [first] }: IoArtifact): string {
  return first === undefined ? "" : `${first.name} ${first.uri?.split("/").at(-1) ?? ""}`;
}

/** Stable: entries of one iteration stay as they are. */
function inIterationOrder<Entry extends Pick<IoParameter, "producer">>(entries: readonly Entry[]): Entry[] {
  return entries.toSorted((a, b) => Number((a.producer?.iteration ?? 0n) - (b.producer?.iteration ?? 0n)));
}

function artifactResult({ name, type, uri, metadata, numberValue }: Artifact): ArtifactResult {
  const plain = Object.entries(metadata).map(([key, value]): [string, JsonValue] => [key, toJson(ValueSchema, value)]);
  return {
    name,
    type: ArtifactType[type] ?? String(type),
    uri: uri ?? "",
    metadata: Object.fromEntries(plain),
    ...(numberValue === undefined ? {} : { numberValue }),
  };
}
