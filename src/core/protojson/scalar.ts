/**
 * Scalars of protojson, and the error that says where one does not fit.
 *
 * Source: docs/spec/json-and-rest.md#input.
 *
 * @module
 */
import { ScalarType } from "@bufbuild/protobuf";
import type { JsonValue } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import { hasLoneSurrogate } from "../go/unicode.ts";

/** What does not fit the descriptor, and where. */
export class Mismatch extends Error {
  readonly path: string;

  constructor(path: string, message: string) {
    super(message);
    this.path = path;
  }
}

/** The error for a value of another kind than the field wants; it never quotes the value. */
export function expected(path: string, wanted: string, json: JsonValue): Mismatch {
  return new Mismatch(path, `expected ${wanted}, found ${describe(json)}`);
}

function describe(json: JsonValue): string {
  if (json === null) return "null";
  if (Array.isArray(json)) return "a list";
  return { number: "a number", string: "a string", boolean: "a boolean", object: "an object" }[
    typeof json as "number" | "string" | "boolean" | "object"
  ];
}

/**
 * Reads a scalar of any type: 64-bit integers as bigint, the rest as protobuf-es holds it.
 *
 * @throws {Mismatch}
 */
export function readScalar(type: ScalarType, json: JsonValue, path: string): unknown {
  switch (type) {
    case ScalarType.STRING:
      if (typeof json !== "string") throw expected(path, "a string", json);
      return readString(json, path);
    case ScalarType.BOOL:
      if (typeof json !== "boolean") throw expected(path, "true or false", json);
      return json;
    case ScalarType.BYTES:
      return readBytes(json, path);
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return readDouble(json, path);
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return readInteger(type, json, path);
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return Number(readInteger(type, json, path));
  }
}

/** Refuses text without a UTF-8 form. */
export function readString(text: string, path: string): string {
  if (hasLoneSurrogate(text)) throw new Mismatch(path, "the string is not valid Unicode (half a surrogate pair)");
  return text;
}

function readBytes(json: JsonValue, path: string): Uint8Array {
  if (typeof json !== "string") throw expected(path, "a base64 string", json);
  try {
    return base64Decode(json);
  } catch {
    throw new Mismatch(path, "the string is not base64");
  }
}

const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

function readDouble(json: JsonValue, path: string): number {
  if (json === "NaN") return NaN;
  if (json === "Infinity") return Infinity;
  if (json === "-Infinity") return -Infinity;
  const value = typeof json === "string" && JSON_NUMBER.test(json) ? Number(json) : json;
  if (typeof value !== "number") throw expected(path, "a number", json);
  if (!Number.isFinite(value)) throw new Mismatch(path, "the number is out of range");
  return value;
}

function integerRange(type: ScalarType): readonly [bigint, bigint] {
  switch (type) {
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return [0n, 2n ** 32n - 1n];
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return [0n, 2n ** 64n - 1n];
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return [-(2n ** 63n), 2n ** 63n - 1n];
    default:
      return [-(2n ** 31n), 2n ** 31n - 1n];
  }
}

/** Reads an integer in any notation protojson allows, and checks the range of its type. */
export function readInteger(type: ScalarType, json: JsonValue, path: string): bigint {
  if (typeof json === "number" && Number.isInteger(json) && !Number.isSafeInteger(json)) {
    // JSON.parse has rounded it already; protojson would have read it exactly.
    throw new Mismatch(path, "an integer of this size must be written as a string");
  }
  const value = integerOf(json);
  if (value === undefined)
    throw typeof json === "number" ? new Mismatch(path, "expected an integer") : expected(path, "an integer", json);
  const [min, max] = integerRange(type);
  if (value < min || value > max) throw new Mismatch(path, "the integer is out of range");
  return value;
}

function integerOf(json: JsonValue): bigint | undefined {
  if (typeof json === "number") return Number.isInteger(json) ? BigInt(json) : undefined;
  if (typeof json !== "string" || !JSON_NUMBER.test(json)) return undefined;
  if (/^-?\d+$/.test(json)) return BigInt(json);
  const rounded = Number(json);
  return Number.isSafeInteger(rounded) ? BigInt(rounded) : undefined;
}
