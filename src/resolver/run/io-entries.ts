/**
 * Input and output entries of tasks: how they are found, compared and merged.
 *
 * Source: docs/spec/api-server.md#parameter-merge (merge key), docs/spec/output-propagation.md#link-reconciliation (link
 * identity).
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { goJson } from "../../core/go/json.ts";
import { isNullValue, valuesEqual, valueToJson } from "../../core/values/value.ts";
import type { Value } from "../../core/values/value.ts";
import type { ArtifactTaskSchema, IoArtifact, IoParameter, PipelineTask } from "../../core/kfp-types.ts";
import { IoParameterSchema, IoProducerSchema, IoType } from "../../core/kfp-types.ts";
import { compareText } from "./task-index.ts";

/** A link to be created: artifact, task, run, key, type, producer. */
export type LinkInit = MessageInitShape<typeof ArtifactTaskSchema>;

/** Who made a value, in the terms of one level: task key, and iteration where the level is a loop's. */
export interface Producer {
  readonly taskName: string;
  readonly iteration?: number | undefined;
}

/** The iteration an entry was produced in; absent is not 0. */
export function iterationOfEntry(entry: IoParameter | IoArtifact): number | undefined {
  const iteration = entry.producer?.iteration;
  return iteration === undefined ? undefined : Number(iteration);
}

/** An IOProducer message. */
export function producerMessage({ taskName, iteration }: Producer): IoParameter["producer"] & {} {
  return create(IoProducerSchema, { taskName, ...(iteration === undefined ? {} : { iteration: BigInt(iteration) }) });
}

/** An IOParameter message. */
export function ioParameter(parameterKey: string, value: Value | undefined, type: IoType, producer: Producer): IoParameter {
  return create(IoParameterSchema, {
    parameterKey,
    type,
    producer: producerMessage(producer),
    ...(value === undefined ? {} : { value }),
  });
}

/** No value, a value without a kind, and null count alike (docs/spec/resolver.md#component-input). */
export function isAbsentOrNull(value: Value | undefined): boolean {
  return value?.kind.case === undefined || isNullValue(value);
}

/** The task's output parameters of that key: one for each iteration and producer that wrote it. */
export function outputParametersOf(task: PipelineTask, key: string): IoParameter[] {
  return (task.outputs?.parameters ?? []).filter((entry) => entry.parameterKey === key);
}

/** The task's output artifacts of that key: one for each iteration and producer that wrote it. */
export function outputArtifactsOf(task: PipelineTask, key: string): IoArtifact[] {
  return (task.outputs?.artifacts ?? []).filter((entry) => entry.artifactKey === key);
}

/** Types whose merge key holds the value when no iteration tells two entries apart. */
const MERGED_BY_VALUE: ReadonlySet<IoType> = new Set([
  IoType.COLLECTED_INPUTS,
  IoType.ITERATOR_INPUT,
  IoType.ITERATOR_INPUT_RAW,
  IoType.ITERATOR_OUTPUT,
]);

/** The key under which the API server merges parameters: a later entry replaces an earlier one of the same key. */
export function parameterMergeKey(entry: IoParameter): string {
  const { producer } = entry;
  const identity = [entry.type, entry.parameterKey, producer?.taskName ?? null, iterationOfEntry(entry) ?? null];
  const byValue = MERGED_BY_VALUE.has(entry.type) && producer?.iteration === undefined;
  return JSON.stringify(byValue ? [...identity, textForOrder(entry.value)] : identity);
}

/** Same key, type, producer including iteration, and value. */
export function sameParameter(a: IoParameter, b: IoParameter): boolean {
  return parameterMergeKey(a) === parameterMergeKey(b) && sameValue(a.value, b.value);
}

function sameValue(a: Value | undefined, b: Value | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return valuesEqual(a, b);
}

/**
 * A total order of candidates for one input: without iteration first, then by iteration; type, producer and value break ties, so
 * that the choice does not depend on the order a server answers in (docs/spec/resolver.md#drv-27).
 */
export function compareCandidates(a: IoParameter, b: IoParameter): number {
  return (
    (iterationOfEntry(a) ?? -1) - (iterationOfEntry(b) ?? -1) ||
    a.type - b.type ||
    compareText(a.producer?.taskName ?? "", b.producer?.taskName ?? "") ||
    compareText(textForOrder(a.value), textForOrder(b.value))
  );
}

function textForOrder(value: Value | undefined): string {
  return value?.kind.case === undefined ? "" : goJson(valueToJson(value));
}

/** What makes two links the same one: artifact, task, type, iteration (none = -1), key. */
export function linkIdentity(link: LinkInit): string {
  return JSON.stringify([link.artifactId, link.taskId, link.type, String(link.producer?.iteration ?? -1), link.key]);
}

/**
 * Whether a task read from the API already has a link.
 *
 * `unknown` where a row shows the artifact under the same key and type but hides the iteration, as servers of the branch do:
 * only ListArtifactTasks can tell (docs/spec/output-propagation.md#lau-13).
 */
export function linkStateOn(task: PipelineTask, link: LinkInit): "present" | "absent" | "unknown" {
  const entries = [...(task.outputs?.artifacts ?? []), ...(task.inputs?.artifacts ?? [])].filter(
    (entry) =>
      entry.artifactKey === link.key &&
      entry.type === link.type &&
      entry.artifacts.some((artifact) => artifact.artifactId === link.artifactId),
  );
  const wanted = link.producer?.iteration;
  if (entries.some((entry) => entry.producer?.iteration === wanted)) return "present";
  return entries.some((entry) => entry.producer?.iteration === undefined) ? "unknown" : "absent";
}
