/**
 * Protobuf values as the server stores and compares them.
 *
 * @module
 */
import { isDeeperThan } from "../../core/values/value.ts";
import { invalidArgument } from "../service-error.ts";
import { NullValue, type Value } from "@bufbuild/protobuf/wkt";

/**
 * How deep a value may be nested that a task or an artifact keeps.
 *
 * More than a parameter may have (core/values/value.ts), since every loop collects into one list more; less than what readers of protobuf can
 * take, so that every answer can be read.
 */
export const MAX_STORED_DEPTH = 44;

/** @param what As `parameter "x"`. @throws {ServiceError} invalidArgument. */
export function checkStoredDepth(value: Value | undefined, what: string): void {
  if (isDeeperThan(value, MAX_STORED_DEPTH)) {
    throw invalidArgument(`The value of ${what} is nested more than ${MAX_STORED_DEPTH} levels deep`);
  }
}

/**
 * Gives a value that has no kind the kind null: printing such a value as JSON would fail (docs/spec/json-and-rest.md#output,
 * #rules-of-this-project).
 */
export function fillMissingKinds(value: Value | undefined): void {
  if (value === undefined) return;
  if (value.kind.case === undefined) value.kind = { case: "nullValue", value: NullValue.NULL_VALUE };
  else if (value.kind.case === "listValue") value.kind.value.values.forEach(fillMissingKinds);
  else if (value.kind.case === "structValue") Object.values(value.kind.value.fields).forEach(fillMissingKinds);
}

/** Text that two values share when their deterministic binary forms are equal: order of struct members does not count. */
export function canonicalValue(value: Value | undefined): string {
  const kind = value?.kind;
  switch (kind?.case) {
    case "structValue":
      return canonicalMembers(kind.value.fields);
    case "listValue":
      return `[${kind.value.values.map(canonicalValue).join(",")}]`;
    case "numberValue":
      return canonicalNumber(kind.value);
    case "stringValue":
    case "boolValue":
      return JSON.stringify(kind.value);
    case "nullValue":
      return "null";
    case undefined:
    default:
      return "";
  }
}

/** The same for a map of values. */
export function canonicalMembers(members: Readonly<Record<string, Value>>): string {
  const sorted = Object.entries(members).toSorted(([left], [right]) => (left < right ? -1 : 1));
  return `{${sorted.map(([key, member]) => `${JSON.stringify(key)}:${canonicalValue(member)}`).join(",")}}`;
}

/** -0, NaN and infinities are values of their own. */
function canonicalNumber(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}
