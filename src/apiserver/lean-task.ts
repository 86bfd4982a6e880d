/**
 * A stored row without what the caller can do without.
 *
 * Works on bytes: of a loop's thousands of entries none is decoded. Rows of steps stay whole.
 *
 * Source: docs/spec/api-server.md#lean-answers.
 *
 * @module
 */
import { fromBinary } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import {
  InputOutputsSchema,
  IoParameterSchema,
  IoProducerSchema,
  IoType,
  PipelineTaskSchema,
  TaskType,
} from "../core/kfp-types.ts";
import type { LeanAnswer, LeanInputs } from "../wire/lean-answer.ts";
import { isDagType } from "./dag-types.ts";
import { isOutputType, type HydrationRow } from "./hydration.ts";
import { fieldsOf } from "./message-fields.ts";

/** What is left of a row, and which of its parameters and links, where these are rows of their own, belong to it. */
export interface LeanTask {
  readonly body: Uint8Array;
  /** All outputs stay; otherwise none. */
  readonly keepsOutputs: boolean;
  /** The inputs that stay; absent: none. */
  readonly inputs: LeanInputs | undefined;
  readonly keepsLink: (link: HydrationRow) => boolean;
}

const TASK = PipelineTaskSchema.field;

/** The row as the caller needs it; `undefined`: whole, since it is no row of a DAG. */
export function leanTask(body: Uint8Array, { inputs }: LeanAnswer): LeanTask | undefined {
  const fields = fieldsOf(body);
  const kind = new BinaryWriter();
  for (const { number, raw } of fields) {
    if (number === TASK.type.number || number === TASK.typeAttributes.number) kind.raw(raw);
  }
  const { type, typeAttributes } = fromBinary(PipelineTaskSchema, kind.finish());
  if (!isDagType(type)) return undefined;
  // The entries of a loop inside a loop are made into one list by whoever publishes one of them.
  const keepsOutputs = type === TaskType.LOOP && typeAttributes?.iterationIndex !== undefined;
  const writer = new BinaryWriter();
  for (const { number, raw, value } of fields) {
    if (number === TASK.inputs.number) writeInputs(writer, inputs, value);
    else if (number !== TASK.outputs.number || keepsOutputs) writer.raw(raw);
  }
  return {
    body: writer.finish(),
    keepsOutputs,
    inputs,
    keepsLink: (link) => (isOutputType(link.type) ? keepsOutputs : inputs !== undefined && isNeeded(inputs, link)),
  };
}

/** Whether a stored row is of this iteration, or of none. */
export function isOfIteration(body: Uint8Array, iteration: number): boolean {
  const own = fieldsOf(body).find(({ number }) => number === TASK.typeAttributes.number);
  if (own === undefined) return true;
  const index = fromBinary(PipelineTaskSchema, own.raw).typeAttributes?.iterationIndex;
  return index === undefined || index === BigInt(iteration);
}

function writeInputs(writer: BinaryWriter, inputs: LeanInputs | undefined, side: Uint8Array | undefined): void {
  if (inputs === undefined || side === undefined) return;
  writer.tag(TASK.inputs.number, WireType.LengthDelimited).fork();
  for (const { number, raw, value } of fieldsOf(side)) {
    const isParameter = number === InputOutputsSchema.field.parameters.number && value !== undefined;
    if (!isParameter || isNeeded(inputs, entryOf(value))) writer.raw(raw);
  }
  writer.join();
}

/** An input as far as it decides. */
interface Entry {
  readonly key: string;
  readonly type: IoType;
  readonly iteration: number | undefined;
}

/** Only the items of a loop are one for each iteration: other inputs carry the index of an iteration further up. */
function isNeeded({ keys, iteration }: LeanInputs, entry: Entry): boolean {
  if (!keys.includes(entry.key)) return false;
  if (entry.type !== IoType.ITERATOR_INPUT || iteration === undefined) return true;
  return entry.iteration === undefined || entry.iteration === iteration;
}

const PARAMETER = IoParameterSchema.field;

/** Key, type and iteration of a parameter; its value is passed over. */
function entryOf(bytes: Uint8Array): Entry {
  const entry: { -readonly [Name in keyof Entry]: Entry[Name] } = { key: "", type: IoType.UNSPECIFIED, iteration: undefined };
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    if (number === PARAMETER.parameterKey.number) entry.key = reader.string();
    else if (number === PARAMETER.type.number) entry.type = reader.int32();
    else if (number === PARAMETER.producer.number) {
      const producer = fromBinary(IoProducerSchema, reader.bytes());
      entry.iteration = producer.iteration === undefined ? undefined : Number(producer.iteration);
    } else reader.skip(wireType, number);
  }
  return entry;
}
