/**
 * What is stored apart inside tasks: how the links of a task become its `inputs.artifacts` and `outputs.artifacts`, and parameters that are
 * rows of their own its `inputs.parameters` and `outputs.parameters`.
 *
 * Links of one direction are grouped by key, type, producer and iteration, and the groups sorted by the same. Inside a group artifacts
 * are ordered by id. Metrics of a group share one IOArtifact, every other artifact gets its own. Works on rows and appends encoded
 * bytes to encoded tasks, so that a run of thousands of tasks is answered without decoding any of them; protobuf readers merge the two
 * occurrences of `inputs` and of `outputs`.
 *
 * Source: docs/spec/api-server.md#hydration, #api-1.
 *
 * @module
 */
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { ArtifactType, IoType } from "../core/kfp-types.ts";

/** One link of a task, with its artifact. */
export interface HydrationRow {
  readonly taskId: string;
  readonly type: IoType;
  readonly key: string;
  /** Undefined when the link has no producer at all. */
  readonly producerTaskName: string | undefined;
  readonly iteration: number | undefined;
  readonly artifactId: string;
  readonly artifactType: ArtifactType;
  /** The encoded Artifact. */
  readonly artifact: Uint8Array;
}

/** A side of a task. */
export type TaskSide = "inputs" | "outputs";

/** One parameter of a task. */
export interface ParameterRow {
  readonly taskId: string;
  readonly side: TaskSide;
  /** The encoded IOParameter. */
  readonly parameter: Uint8Array;
}

/** A direct child, in the order of creation. */
export interface ChildRow {
  readonly parentTaskId: string;
  readonly taskId: string;
  readonly name: string;
}

/** What becomes one IOArtifact. `artifacts` are rows, in order. */
export interface IoArtifactGroup {
  readonly first: HydrationRow;
  readonly artifacts: readonly HydrationRow[];
}

/** The artifacts of a task, as its row shows them: what went in and what came out. */
export interface HydratedSides {
  readonly inputs: readonly IoArtifactGroup[];
  readonly outputs: readonly IoArtifactGroup[];
}

const OUTPUT_TYPES: ReadonlySet<IoType> = new Set([
  IoType.OUTPUT,
  IoType.ITERATOR_OUTPUT,
  IoType.ONE_OF_OUTPUT,
  IoType.TASK_FINAL_STATUS_OUTPUT,
]);
const INPUT_TYPES: ReadonlySet<IoType> = new Set([
  IoType.COMPONENT_DEFAULT_INPUT,
  IoType.TASK_OUTPUT_INPUT,
  IoType.COMPONENT_INPUT,
  IoType.RUNTIME_VALUE_INPUT,
  IoType.COLLECTED_INPUTS,
  IoType.ITERATOR_INPUT,
  IoType.ITERATOR_INPUT_RAW,
]);

/** Types of links that show an input. */
export const INPUT_LINK_TYPES: readonly IoType[] = [...INPUT_TYPES];

/** Whether a link of that type shows an output. */
export function isOutputType(type: IoType): boolean {
  return OUTPUT_TYPES.has(type);
}

/**
 * Sorts and groups the links of one task.
 *
 * @throws {Error} When a link has a type that is neither input nor output: the row is damaged, and the whole request fails.
 */
export function groupLinks(rows: readonly HydrationRow[]): HydratedSides {
  const inputs: HydrationRow[] = [];
  const outputs: HydrationRow[] = [];
  for (const row of rows) {
    if (OUTPUT_TYPES.has(row.type)) outputs.push(row);
    else if (INPUT_TYPES.has(row.type)) inputs.push(row);
    else throw new Error(`Link of task ${row.taskId} to artifact ${row.artifactId} has the unknown type ${row.type}`);
  }
  return { inputs: groupSide(inputs), outputs: groupSide(outputs) };
}

function groupSide(rows: HydrationRow[]): IoArtifactGroup[] {
  rows.sort((left, right) => compareGroups(left, right) || compareText(left.artifactId, right.artifactId));
  const result: IoArtifactGroup[] = [];
  let start = 0;
  while (start < rows.length) {
    const first = rows[start] as HydrationRow;
    let end = start + 1;
    while (end < rows.length && compareGroups(first, rows[end] as HydrationRow) === 0) end += 1;
    const group = rows.slice(start, end);
    if (group.every((row) => row.artifactType === ArtifactType.Metric)) result.push({ first, artifacts: group });
    else for (const row of group) result.push({ first, artifacts: [row] });
    start = end;
  }
  return result;
}

/** Key, type, producer name (none first), iteration (none first). */
function compareGroups(left: HydrationRow, right: HydrationRow): number {
  return (
    compareText(left.key, right.key) ||
    left.type - right.type ||
    compareText(left.producerTaskName ?? "", right.producerTaskName ?? "") ||
    (left.iteration ?? Number.NEGATIVE_INFINITY) - (right.iteration ?? Number.NEGATIVE_INFINITY) ||
    0
  );
}

function compareText(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

/**
 * Field numbers of PipelineTask, InputOutputs, IOArtifact, IOProducer and ChildTask
 * (docs/spec/run-and-artifact-messages.md#runproto, #artifactproto).
 */
const TASK_CHILD_TASKS = 15;
const TASK_INPUTS = 16;
const TASK_OUTPUTS = 17;
const IO_PARAMETERS = 1;
const IO_ARTIFACTS = 2;

/** What is stored apart of a task. */
export interface TaskParts {
  readonly links?: readonly HydrationRow[];
  readonly children?: readonly ChildRow[];
  /** Behind those that the task itself holds. */
  readonly parameters?: readonly ParameterRow[];
}

/**
 * Encodes a task with what is stored apart of it.
 *
 * @param task The encoded task as stored.
 */
export function encodeHydratedTask(task: Uint8Array, { links = [], children = [], parameters = [] }: TaskParts): Uint8Array {
  if (links.length === 0 && children.length === 0 && parameters.length === 0) return task;
  const writer = new BinaryWriter().raw(task);
  for (const child of children) {
    writer.tag(TASK_CHILD_TASKS, WireType.LengthDelimited).fork();
    writeText(writer, 1, child.taskId);
    writeText(writer, 2, child.name);
    writer.join();
  }
  const { inputs, outputs } = groupLinks(links);
  const ofSide = (side: TaskSide): ParameterRow[] => parameters.filter((row) => row.side === side);
  writeSide(writer, TASK_INPUTS, ofSide("inputs"), inputs);
  writeSide(writer, TASK_OUTPUTS, ofSide("outputs"), outputs);
  return writer.finish();
}

function writeSide(
  writer: BinaryWriter,
  field: number,
  parameters: readonly ParameterRow[],
  groups: readonly IoArtifactGroup[],
): void {
  if (parameters.length === 0 && groups.length === 0) return;
  writer.tag(field, WireType.LengthDelimited).fork();
  for (const { parameter } of parameters) writer.tag(IO_PARAMETERS, WireType.LengthDelimited).bytes(parameter);
  for (const { first, artifacts } of groups) {
    writer.tag(IO_ARTIFACTS, WireType.LengthDelimited).fork();
    for (const row of artifacts) writer.tag(1, WireType.LengthDelimited).bytes(row.artifact);
    writer.tag(2, WireType.Varint).int32(first.type);
    writeText(writer, 3, first.key);
    if (first.producerTaskName !== undefined) {
      writer.tag(4, WireType.LengthDelimited).fork();
      writeText(writer, 1, first.producerTaskName);
      if (first.iteration !== undefined) writer.tag(2, WireType.Varint).int64(first.iteration);
      writer.join();
    }
    writer.join();
  }
  writer.join();
}

function writeText(writer: BinaryWriter, field: number, text: string): void {
  if (text !== "") writer.tag(field, WireType.LengthDelimited).string(text);
}
