/**
 * Parameter values: google.protobuf.Value to and from JSON, their text form, and the types a component declares for them.
 *
 * Source: docs/spec/resolver.md#type-normalisation-and-literals, docs/spec/json-and-rest.md#well-known-types, #json-of-protobuf.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { ListValueSchema, NullValue, StructSchema, ValueSchema } from "@bufbuild/protobuf/wkt";
import type { Struct, Value } from "@bufbuild/protobuf/wkt";
import { ResolveError } from "../errors.ts";
import { goJson } from "../go/json.ts";
import { plainDecimal } from "../go/number.ts";
import { ParameterType } from "../kfp-types.ts";
import { memberPath } from "./member-path.ts";

export type { JsonObject, JsonValue, Value };

/**
 * How deep lists and structs of one parameter may be nested.
 *
 * Every level is two or three messages on the wire, and readers of protobuf stop at a hundred messages: a deeper value could be stored
 * and then never read again. The rest of the hundred is left for the messages around it and for the lists that loops collect into.
 */
export const MAX_VALUE_DEPTH = 30;

const NOT_UNICODE = "not valid Unicode (half a surrogate pair)";
/** Why a value with more levels than that is refused. */
export const VALUE_TOO_DEEP = `it is nested more than ${MAX_VALUE_DEPTH} levels deep; pass such data as a string or as an artifact`;
const NOT_FINITE = "a number must be finite, not NaN or an infinity";

/** `member [2].name: `, or nothing for the value itself. */
function memberPrefix(path: string): string {
  return path === "" ? "" : `member ${path}: `;
}

/**
 * Why a JSON value cannot be a parameter: nested too deeply, NaN or an infinity, half a surrogate pair.
 *
 * Never overflows the stack, whatever it is given.
 *
 * @returns One clause that names the member, never a value; `undefined` when the value is fine.
 */
export function valueProblem(json: JsonValue): string | undefined {
  return problemAt(json, "", 0) ?? unicodeProblem(json, "");
}

function problemAt(json: JsonValue, path: string, depth: number): string | undefined {
  if (typeof json === "number") return Number.isFinite(json) ? undefined : memberPrefix(path) + NOT_FINITE;
  if (typeof json !== "object" || json === null) return undefined;
  if (depth === MAX_VALUE_DEPTH) return VALUE_TOO_DEEP;
  return firstProblem(json, path, (member, here) => problemAt(member, here, depth + 1));
}

/** Only for JSON that is not too deep. */
function unicodeProblem(json: JsonValue, path: string): string | undefined {
  if (typeof json === "string") return json.isWellFormed() ? undefined : `${memberPrefix(path)}the text is ${NOT_UNICODE}`;
  if (typeof json !== "object" || json === null) return undefined;
  if (Object.keys(json).some((key) => !key.isWellFormed())) return `${memberPrefix(path)}a key is ${NOT_UNICODE}`;
  return firstProblem(json, path, unicodeProblem);
}

function firstProblem(
  json: JsonObject | JsonValue[],
  path: string,
  problemOf: (member: JsonValue, path: string) => string | undefined,
): string | undefined {
  const isList = Array.isArray(json);
  for (const [key, member] of Object.entries(json)) {
    const problem = problemOf(member, isList ? `${path}[${key}]` : memberPath(path, key));
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** Whether lists and structs are nested deeper than so many levels. */
export function isDeeperThan(value: Value | undefined, levels: number): boolean {
  if (value?.kind.case !== "listValue" && value?.kind.case !== "structValue") return false;
  if (levels === 0) return true;
  const members = value.kind.case === "listValue" ? value.kind.value.values : Object.values(value.kind.value.fields);
  return members.some((member) => isDeeperThan(member, levels - 1));
}

/** The advice for an integer that a double cannot hold. */
export const UNSAFE_INTEGER = `an integer beyond ${Number.MAX_SAFE_INTEGER} (2^53 - 1), which KFP cannot carry exactly; pass it as a string`;

/** Whether the number stands for an integer that it may not be exactly. */
export function isUnsafeInteger(number: number): boolean {
  return Number.isInteger(number) && !Number.isSafeInteger(number);
}

/** What a value holds, in the words of messages to users. */
export type ValueKind = "null" | "number" | "string" | "boolean" | "list" | "struct";

const KINDS = {
  nullValue: "null",
  numberValue: "number",
  stringValue: "string",
  boolValue: "boolean",
  listValue: "list",
  structValue: "struct",
} as const satisfies Record<string, ValueKind>;

/** `undefined` when no kind is set, which no JSON can express. */
export function valueKind(value: Value): ValueKind | undefined {
  return value.kind.case === undefined ? undefined : KINDS[value.kind.case];
}

/** Whether the value is JSON's null. False for a value that is not set at all. */
export function isNullValue(value: Value): boolean {
  return value.kind.case === "nullValue";
}

/**
 * The JSON a value stands for. -0 stays -0.
 *
 * @throws {ResolveError} VALUE_INVALID when no kind is set, here or deeper, and for NaN and infinities. It names the member.
 */
export function valueToJson(value: Value): JsonValue {
  return jsonOfValue(value, "");
}

function jsonOfValue({ kind }: Value, path: string): JsonValue {
  switch (kind.case) {
    case "nullValue":
      return null;
    case "numberValue":
      return finite(kind.value, path);
    case "stringValue":
    case "boolValue":
      return kind.value;
    case "listValue":
      return kind.value.values.map((item, index) => jsonOfValue(item, `${path}[${index}]`));
    case "structValue":
      return structToJson(kind.value, path);
    case undefined:
      throw new ResolveError("VALUE_INVALID", `${memberPrefix(path)}a value has no kind set; null must be written as null`);
  }
}

function structToJson(struct: Struct, path: string): JsonObject {
  // fromEntries defines own properties, so a key like "__proto__" is an ordinary one.
  return Object.fromEntries(
    Object.entries(struct.fields).map(([key, field]) => [key, jsonOfValue(field, memberPath(path, key))]),
  );
}

/**
 * A value holding the given JSON. -0 stays -0.
 *
 * @throws {ResolveError} VALUE_INVALID for NaN, infinities and nesting beyond {@link MAX_VALUE_DEPTH}. It names the member.
 */
export function jsonToValue(json: JsonValue): Value {
  const problem = problemAt(json, "", 0);
  if (problem !== undefined) throw new ResolveError("VALUE_INVALID", problem);
  return valueOfJson(json);
}

function valueOfJson(json: JsonValue): Value {
  return create(ValueSchema, { kind: kindOfJson(json) });
}

function kindOfJson(json: JsonValue): Value["kind"] {
  if (json === null) return { case: "nullValue", value: NullValue.NULL_VALUE };
  switch (typeof json) {
    case "number":
      return { case: "numberValue", value: json };
    case "string":
      return { case: "stringValue", value: json };
    case "boolean":
      return { case: "boolValue", value: json };
    default:
      break;
  }
  if (Array.isArray(json)) return { case: "listValue", value: create(ListValueSchema, { values: json.map(valueOfJson) }) };
  const fields = Object.fromEntries(Object.entries(json).map(([key, member]) => [key, valueOfJson(member)]));
  return { case: "structValue", value: Object.assign(create(StructSchema), { fields }) };
}

function finite(number: number, path: string): number {
  if (!Number.isFinite(number)) throw new ResolveError("VALUE_INVALID", memberPrefix(path) + NOT_FINITE);
  return number;
}

/** Deep equality that never mixes kinds: `"1"` is not `1`. Order of struct fields does not matter; -0 equals 0. */
export function valuesEqual(left: Value, right: Value): boolean {
  const a = left.kind;
  const b = right.kind;
  if (a.case === "listValue" && b.case === "listValue") {
    const others = b.value.values;
    return (
      a.value.values.length === others.length &&
      a.value.values.every((item, index) => {
        const other = others[index];
        return other !== undefined && valuesEqual(item, other);
      })
    );
  }
  if (a.case === "structValue" && b.case === "structValue") {
    const members = Object.entries(a.value.fields);
    const others = new Map(Object.entries(b.value.fields));
    return (
      members.length === others.size &&
      members.every(([key, member]) => {
        const other = others.get(key);
        return other !== undefined && valuesEqual(member, other);
      })
    );
  }
  return a.case === b.case && a.value === b.value;
}

/**
 * The text form of a value: strings as they are, numbers as plain decimals without exponent, `true` and `false`, lists and structs
 * as compact Go JSON, null as the empty text.
 *
 * @throws {ResolveError} VALUE_INVALID as {@link valueToJson}.
 */
export function textOfValue(value: Value): string {
  const json = valueToJson(value);
  if (json === null) return "";
  if (typeof json === "string") return json;
  if (typeof json === "number") return plainDecimal(json);
  if (typeof json === "boolean") return json ? "true" : "false";
  return goJson(json);
}

/**
 * Brings a resolved input to the type its component declares. Only STRING converts; nothing is parsed and NUMBER_INTEGER does not
 * ask for an integral number.
 *
 * @param value The resolved value; absent, or without a kind, when there is none.
 * @param context What the value is for, as `input "epochs" of task "root.train"`.
 * @throws {ResolveError} INPUT_NULL for null (except as STRING) and for no value, INPUT_TYPE_MISMATCH for any other kind, VALUE_INVALID
 *   for a NUMBER_INTEGER beyond 2^53, which has been rounded or will be.
 */
export function coerceToParameterType(value: Value | undefined, type: ParameterType, context: string): Value {
  const kind = value === undefined ? undefined : valueKind(value);
  if (value === undefined || kind === undefined) throw new ResolveError("INPUT_NULL", `${context} has no value`);
  const typeName = ParameterType[type] ?? String(type);
  const accepted = kindAcceptedBy(type);
  if (accepted === undefined) {
    throw new ResolveError(
      "INPUT_TYPE_MISMATCH",
      `${context} cannot take a ${kind}: its component declares no usable parameter type (${typeName})`,
    );
  }
  if (accepted === "string") return kind === "string" ? value : jsonToValue(textOfValue(value));
  if (kind === accepted) {
    if (type === ParameterType.NUMBER_INTEGER && value.kind.case === "numberValue" && isUnsafeInteger(value.kind.value)) {
      throw new ResolveError("VALUE_INVALID", `${context} is ${UNSAFE_INTEGER}`);
    }
    return value;
  }
  if (kind === "null") throw new ResolveError("INPUT_NULL", `${context} is null, but ${typeName} needs a ${accepted}`);
  throw new ResolveError("INPUT_TYPE_MISMATCH", `${context} is a ${kind}, but ${typeName} needs a ${accepted}`);
}

function kindAcceptedBy(type: ParameterType): ValueKind | undefined {
  switch (type) {
    case ParameterType.STRING:
      return "string";
    case ParameterType.NUMBER_INTEGER:
    case ParameterType.NUMBER_DOUBLE:
      return "number";
    case ParameterType.BOOLEAN:
      return "boolean";
    case ParameterType.LIST:
      return "list";
    case ParameterType.STRUCT:
    case ParameterType.TASK_FINAL_STATUS:
    case ParameterType.TASK_CONFIG:
      return "struct";
    case ParameterType.PARAMETER_TYPE_ENUM_UNSPECIFIED:
      return undefined;
    default:
      // A number that a newer SDK knows and we do not.
      return undefined;
  }
}

/**
 * Checks a normalised value against the literals its input declares; without literals everything passes.
 *
 * @param context As for {@link coerceToParameterType}.
 * @throws {ResolveError} INPUT_LITERAL_MISMATCH. The message lists the literals, never the value.
 */
export function assertLiteral(value: Value, literals: readonly Value[], context: string): void {
  if (literals.length === 0 || literals.some((literal) => valuesEqual(literal, value))) return;
  const allowed = literals.map((literal) => goJson(valueToJson(literal))).join(", ");
  throw new ResolveError("INPUT_LITERAL_MISMATCH", `validating parameter: ${context} must be one of ${allowed}`);
}
