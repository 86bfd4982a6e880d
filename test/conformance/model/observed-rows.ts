/**
 * The rows that a simulation left, in the words of the model.
 *
 * @module
 */
import { IoType, TaskState, TaskType, type PipelineTask } from "../../../src/core/kfp-types.ts";
import { valueToJson, type JsonValue } from "../../../src/core/values/value.ts";
import type { ModelRow } from "./rows.ts";

/** A row as it is compared: what has no order is sorted, artifacts are their ids. */
export interface ComparedRow {
  readonly type: string;
  readonly state: string;
  readonly scopePath: string;
  readonly iteration: number | undefined;
  readonly iterationCount: number | undefined;
  readonly inputs: Readonly<Record<string, readonly string[]>>;
  readonly inputArtifacts: Readonly<Record<string, readonly string[]>>;
  readonly outputs: Readonly<Record<string, readonly string[]>>;
  readonly outputArtifacts: Readonly<Record<string, readonly string[]>>;
  readonly children: number;
}

/** `ROOT/for-loop-1/say[2]`. */
export function labelsOf(tasks: readonly PipelineTask[]): Map<string, PipelineTask> {
  const rows = new Map(tasks.map((task) => [task.taskId, task]));
  const label = ({ name, parentTaskId, typeAttributes }: PipelineTask): string => {
    const parent = rows.get(parentTaskId ?? "");
    const index = typeAttributes?.iterationIndex;
    return `${parent === undefined ? "" : `${label(parent)}/`}${name}${index === undefined ? "" : `[${String(index)}]`}`;
  };
  return new Map(tasks.map((task) => [label(task), task]));
}

export function observedRows(tasks: readonly PipelineTask[]): Record<string, ComparedRow> {
  return Object.fromEntries([...labelsOf(tasks)].map(([label, task]) => [label, observed(task)]));
}

function observed(task: PipelineTask): ComparedRow {
  const { typeAttributes, inputs, outputs } = task;
  const isDag = task.type !== TaskType.RUNTIME && task.type !== TaskType.IMPORTER;
  return {
    type: TaskType[task.type],
    state: TaskState[task.state],
    scopePath: task.scopePath,
    iteration: numberOf(typeAttributes?.iterationIndex),
    iterationCount: numberOf(typeAttributes?.iterationCount),
    inputs: grouped(inputs?.parameters ?? [], ({ parameterKey, type, value, producer }) => [
      parameterKey,
      // Other inputs carry the iteration of the task that has them.
      inputText(IoType[type], json(value), type === IoType.ITERATOR_INPUT ? numberOf(producer?.iteration) : undefined),
    ]),
    inputArtifacts: groupedArtifacts(inputs, () => ""),
    outputs: grouped(outputs?.parameters ?? [], ({ parameterKey, value, producer }) => [
      parameterKey,
      // A step's own outputs carry its own iteration.
      outputText(isDag ? numberOf(producer?.iteration) : undefined, json(value)),
    ]),
    outputArtifacts: groupedArtifacts(outputs, (iteration) => (isDag && iteration !== undefined ? `[${iteration}] ` : "")),
    children: task.childTasks.length,
  };
}

/** A row of the model, in the same form. `idOf` gives the id of an artifact. */
export function predicted(row: ModelRow, idOf: (artifact: string) => string): ComparedRow {
  const isDag = row.type !== "RUNTIME" && row.type !== "IMPORTER";
  const record = <Entry>(map: ReadonlyMap<string, readonly Entry[]>, text: (entry: Entry) => string): Record<string, string[]> =>
    Object.fromEntries([...map].filter(([, list]) => list.length > 0).map(([key, list]) => [key, unique(list.map(text))]));
  return {
    type: row.type,
    state: row.state,
    scopePath: row.scopePath,
    iteration: row.iteration,
    iterationCount: row.iterationCount,
    inputs: record(row.inputs, ([type, value, iteration]) => inputText(type, value, iteration)),
    inputArtifacts: record(row.inputArtifacts, idOf),
    outputs: record(row.outputs, ([iteration, value]) => outputText(isDag ? iteration : undefined, value)),
    outputArtifacts: record(
      row.outputArtifacts,
      ([iteration, artifact]) => `${isDag && iteration !== undefined ? `[${String(iteration)}] ` : ""}${idOf(artifact)}`,
    ),
    children: row.children,
  };
}

function groupedArtifacts(side: PipelineTask["inputs"], prefix: (iteration: number | undefined) => string) {
  return grouped(
    (side?.artifacts ?? []).flatMap((entry) => entry.artifacts.map((artifact) => ({ entry, artifact }))),
    ({ entry, artifact }) => [entry.artifactKey, `${prefix(numberOf(entry.producer?.iteration))}${artifact.artifactId}`],
  );
}

function grouped<Entry>(entries: readonly Entry[], part: (entry: Entry) => readonly [key: string, text: string]) {
  const groups: Record<string, string[]> = {};
  for (const entry of entries) {
    const [key, text] = part(entry);
    groups[key] = unique([...(groups[key] ?? []), text]);
  }
  return groups;
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)].toSorted();
}

function inputText(type: string, value: JsonValue, iteration: number | undefined): string {
  return `${type}${iteration === undefined ? "" : `[${iteration}]`} ${JSON.stringify(shown(type, value))}`;
}

/** The error of a final status is in the words of whoever failed. */
function shown(type: string, value: JsonValue): JsonValue {
  if (type !== "TASK_FINAL_STATUS_OUTPUT" || typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return { pipelineTaskName: value["pipelineTaskName"] ?? null, state: value["state"] ?? null };
}

function outputText(iteration: number | undefined, value: JsonValue): string {
  return `${iteration === undefined ? "" : `[${iteration}] `}${JSON.stringify(value)}`;
}

function json(value: Parameters<typeof valueToJson>[0] | undefined): JsonValue {
  return value === undefined ? null : valueToJson(value);
}

function numberOf(value: bigint | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}
