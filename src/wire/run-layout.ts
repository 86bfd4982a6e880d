/**
 * The two layouts of `Run` on the wire, told apart and rewritten as bytes.
 *
 * | field                | branch (mlmd-removal) | merged (after the merge) |
 * | -------------------- | --------------------- | ------------------------ |
 * | `plugins_input`      | -                     | 19, length-delimited     |
 * | `plugins_output`     | -                     | 20, length-delimited     |
 * | `pipeline_reference` | 19, length-delimited  | 21, length-delimited     |
 * | `task_count`         | 20, varint            | 22, varint               |
 * | `tasks`              | 21, length-delimited  | 23, length-delimited     |
 *
 * The generated `Run` is the merged one, so a reader rewrites the answer with `toMergedLayout` before it decodes, and a server
 * that must please binaries of the branch rewrites with `toBranchLayout` after it has encoded. Only top-level fields are looked
 * at; nothing is decoded. Pure.
 *
 * Source: docs/spec/api-versions.md#two-layouts-of-run, #bytes-of-run.
 *
 * @module
 */
import { ApiError } from "../core/errors.ts";
import { varint } from "./varint.ts";

/** `unknown`: no field that tells them apart was sent, hence no tasks either. */
export type RunLayout = "merged" | "branch" | "unknown";

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

interface WireField {
  readonly number: number;
  readonly wireType: number;
  /** Offset of the key, of the first byte after the key, and of the first byte after the value. */
  readonly start: number;
  readonly body: number;
  readonly end: number;
}

/** New number of a field, or undefined to leave the field out. */
type Renumber = (field: WireField) => number | undefined;

const BRANCH_TO_MERGED: ReadonlyMap<number, number> = new Map([
  [19, 21],
  [20, 22],
  [21, 23],
]);
const MERGED_TO_BRANCH: ReadonlyMap<number, number | undefined> = new Map([
  [19, undefined],
  [20, undefined],
  [21, 19],
  [22, 20],
  [23, 21],
]);

/**
 * Tells the layout of an encoded `Run` by the wire types of its top-level fields.
 *
 * @throws {ApiError} API_RESPONSE_INVALID when the bytes are not a message, or hold evidence of both layouts.
 */
export function detectRunLayout(bytes: Uint8Array): RunLayout {
  let branch: WireField | undefined;
  let merged: WireField | undefined;
  for (const field of wireFields(bytes)) {
    if (field.number === 20 && field.wireType === VARINT) branch ??= field;
    else if (field.number === 20 && field.wireType === LENGTH_DELIMITED) merged ??= field;
    else if (field.number === 22 || field.number === 23) merged ??= field;
  }
  if (branch !== undefined && merged !== undefined) {
    const name = merged.number === 20 ? "20 as message" : String(merged.number);
    throw new ApiError(
      "API_RESPONSE_INVALID",
      `Cannot read the answer's Run: it holds field 20 as varint (layout of the branch) and field ${name} (merged layout)`,
    );
  }
  if (branch !== undefined) return "branch";
  return merged === undefined ? "unknown" : "merged";
}

/**
 * Rewrites an encoded `Run` of either layout to the merged one.
 *
 * Where neither layout shows, fields 19 and 21 are left out: they mean different things in the two layouts, and a run without
 * tasks needs neither.
 *
 * @param layout The layout of `bytes` where it is known (forced by configuration); detected by default.
 * @throws {ApiError} API_RESPONSE_INVALID as `detectRunLayout`.
 */
export function toMergedLayout(bytes: Uint8Array, layout: RunLayout = detectRunLayout(bytes)): Uint8Array {
  if (layout === "merged") return bytes;
  if (layout === "branch") {
    return rewrite(bytes, ({ number }) => BRANCH_TO_MERGED.get(number) ?? (number > 21 ? undefined : number));
  }
  return rewrite(bytes, ({ number }) => (number === 19 || number === 21 ? undefined : number));
}

/** Rewrites an encoded `Run` of the merged layout to the branch's; plugin fields, which the branch does not have, are left out. */
export function toBranchLayout(bytes: Uint8Array): Uint8Array {
  return rewrite(bytes, ({ number }) => (MERGED_TO_BRANCH.has(number) ? MERGED_TO_BRANCH.get(number) : number));
}

/** Field numbers under which a message of RunService holds whole runs; `self` when it is one. */
const EMBEDDED_RUNS: ReadonlyMap<string, number | "self"> = new Map<string, number | "self">([
  ["Run", "self"],
  ["ListRunsResponse", 1],
  ["CreateRunRequest", 2],
]);

/**
 * Applies `convert` to every run inside an encoded request or answer.
 *
 * @param typeName Name of the message, with or without package.
 * @returns `bytes` itself when the message holds no run.
 */
export function convertEmbeddedRuns(typeName: string, bytes: Uint8Array, convert: (run: Uint8Array) => Uint8Array): Uint8Array {
  const where = EMBEDDED_RUNS.get(typeName.slice(typeName.lastIndexOf(".") + 1));
  if (where === undefined) return bytes;
  if (where === "self") return convert(bytes);
  const parts: Uint8Array[] = [];
  for (const field of wireFields(bytes)) {
    if (field.number !== where || field.wireType !== LENGTH_DELIMITED) {
      parts.push(bytes.subarray(field.start, field.end));
      continue;
    }
    const { next } = readVarint(bytes, field.body);
    const run = convert(bytes.subarray(next, field.end));
    parts.push(bytes.subarray(field.start, field.body), varint(run.length), run);
  }
  return concat(parts);
}

function rewrite(bytes: Uint8Array, renumber: Renumber): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const field of wireFields(bytes)) {
    const number = renumber(field);
    if (number === undefined) continue;
    if (number === field.number) parts.push(bytes.subarray(field.start, field.end));
    else parts.push(varint(number * 8 + field.wireType), bytes.subarray(field.body, field.end));
  }
  return concat(parts);
}

function* wireFields(bytes: Uint8Array): Generator<WireField> {
  let start = 0;
  while (start < bytes.length) {
    const key = readVarint(bytes, start);
    const wireType = key.value % 8;
    const number = Math.floor(key.value / 8);
    const end = endOfValue(bytes, key.next, wireType);
    if (number === 0 || end > bytes.length) throw malformed(start);
    yield { number, wireType, start, body: key.next, end };
    start = end;
  }
}

function endOfValue(bytes: Uint8Array, offset: number, wireType: number): number {
  switch (wireType) {
    case VARINT:
      return readVarint(bytes, offset).next;
    case FIXED64:
      return offset + 8;
    case LENGTH_DELIMITED: {
      const length = readVarint(bytes, offset);
      return length.next + length.value;
    }
    case FIXED32:
      return offset + 4;
    default:
      // Groups (3, 4) do not exist in proto3.
      throw malformed(offset);
  }
}

/** Values above 2^53 lose digits: keys and lengths never are, and of other values only the end counts. */
function readVarint(bytes: Uint8Array, offset: number): { value: number; next: number } {
  let value = 0;
  let factor = 1;
  for (let next = offset; next < offset + 10; next += 1) {
    const byte = bytes[next];
    if (byte === undefined) break;
    value += (byte % 128) * factor;
    if (byte < 128) return { value, next: next + 1 };
    factor *= 128;
  }
  throw malformed(offset);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    result.set(part, offset);
    offset += part.length;
  }
  return result;
}

function malformed(offset: number): ApiError {
  return new ApiError("API_RESPONSE_INVALID", `Cannot read the answer's Run: the message is malformed at byte ${offset}`);
}
