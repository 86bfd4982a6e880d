/**
 * Parameter values: google.protobuf.Value to and from JSON, their text form, and the types a component declares for them.
 *
 * Source: contract/driver.md 4.8, wire.md 16 and 17.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { ListValueSchema, NullValue, StructSchema, ValueSchema } from "@bufbuild/protobuf/wkt";
import type { Struct, Value } from "@bufbuild/protobuf/wkt";
import { ResolveError } from "./errors.ts";
import { goJson } from "./go-json.ts";
import { plainDecimal } from "./go-number.ts";
import { ParameterType } from "./kfp-types.ts";

export type { JsonObject, JsonValue, Value };

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

export function isNullValue(value: Value): boolean {
  return value.kind.case === "nullValue";
}

/**
 * The JSON a value stands for. -0 stays -0.
 *
 * @throws {ResolveError} VALUE_INVALID when no kind is set, here or deeper, and for NaN and infinities.
 */
export function valueToJson(value: Value): JsonValue {
  const { kind } = value;
  switch (kind.case) {
    case "nullValue":
      return null;
    case "numberValue":
      return finite(kind.value);
    case "stringValue":
    case "boolValue":
      return kind.value;
    case "listValue":
      return kind.value.values.map(valueToJson);
    case "structValue":
      return structToJson(kind.value);
    case undefined:
      throw new ResolveError("VALUE_INVALID", "a value has no kind set; null must be written as null");
  }
}

function structToJson(struct: Struct): JsonObject {
  // fromEntries defines own properties, so a key like "__proto__" is an ordinary one.
  return Object.fromEntries(Object.entries(struct.fields).map(([key, field]) => [key, valueToJson(field)]));
}

/**
 * A value holding the given JSON. -0 stays -0.
 *
 * @throws {ResolveError} VALUE_INVALID for NaN and infinities, which YAML can express and JSON cannot.
 */
export function jsonToValue(json: JsonValue): Value {
  return create(ValueSchema, { kind: kindOfJson(json) });
}

function kindOfJson(json: JsonValue): Value["kind"] {
  if (json === null) return { case: "nullValue", value: NullValue.NULL_VALUE };
  switch (typeof json) {
    case "number":
      return { case: "numberValue", value: finite(json) };
    case "string":
      return { case: "stringValue", value: json };
    case "boolean":
      return { case: "boolValue", value: json };
    default:
      break;
  }
  if (Array.isArray(json)) return { case: "listValue", value: create(ListValueSchema, { values: json.map(jsonToValue) }) };
  const fields = Object.fromEntries(Object.entries(json).map(([key, member]) => [key, jsonToValue(member)]));
  return { case: "structValue", value: Object.assign(create(StructSchema), { fields }) };
}

function finite(number: number): number {
  if (!Number.isFinite(number)) throw new ResolveError("VALUE_INVALID", "a number must be finite, not NaN or an infinity");
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
 * @throws {ResolveError} INPUT_NULL for null (except as STRING) and for no value, INPUT_TYPE_MISMATCH for any other kind.
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
  if (kind === accepted) return value;
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
