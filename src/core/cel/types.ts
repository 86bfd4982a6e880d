/**
 * CEL types before evaluation, and how the fields of messages map to them.
 *
 * Source: docs/spec/expressions.md#condition-environment; the CEL language definition, "Gradual type checking" and "Protocol
 * Buffer Data Conversion".
 *
 * @module
 */
import { ScalarType } from "@bufbuild/protobuf";
import type { DescField, DescMessage } from "@bufbuild/protobuf";

/** A CEL type as far as it matters before evaluation. */
export type StaticType =
  | { readonly kind: ScalarKind }
  | { readonly kind: "list"; readonly element: StaticType }
  | { readonly kind: "map"; readonly key: StaticType; readonly value: StaticType }
  | { readonly kind: "message"; readonly desc: DescMessage };

/** Types without parameters; `dyn` is a type that is known only when the expression is evaluated. */
export type ScalarKind =
  "dyn" | "bool" | "int" | "uint" | "double" | "string" | "bytes" | "null" | "type" | "timestamp" | "duration";

/** The type of anything that is known only when the expression is evaluated. */
export const DYN: StaticType = { kind: "dyn" };
/** A type without parameters. */
export const scalar = (kind: ScalarKind): StaticType => ({ kind });
/** The type of a list. */
export const listOf = (element: StaticType): StaticType => ({ kind: "list", element });
/** The type of a map. */
export const mapOf = (key: StaticType, value: StaticType): StaticType => ({ kind: "map", key, value });

/** What a field of a message reads as: protobuf's JSON types are dynamic, enums are integers. */
export function typeOfField(field: DescField): StaticType {
  switch (field.fieldKind) {
    case "list":
      return listOf(typeOfSingle(field));
    case "map":
      return mapOf(typeOfScalar(field.mapKey), typeOfSingle(field));
    case "scalar":
    case "enum":
    case "message":
      return typeOfSingle(field);
  }
}

function typeOfSingle(field: {
  readonly scalar?: ScalarType | undefined;
  readonly message?: DescMessage | undefined;
}): StaticType {
  if (field.scalar !== undefined) return typeOfScalar(field.scalar);
  // What is neither scalar nor message is an enum, and those are integers.
  if (field.message === undefined) return scalar("int");
  switch (field.message.typeName) {
    case "google.protobuf.Value":
      return DYN;
    case "google.protobuf.Struct":
      return mapOf(scalar("string"), DYN);
    case "google.protobuf.ListValue":
      return listOf(DYN);
    case "google.protobuf.Timestamp":
      return scalar("timestamp");
    case "google.protobuf.Duration":
      return scalar("duration");
    default:
      return { kind: "message", desc: field.message };
  }
}

function typeOfScalar(type: ScalarType): StaticType {
  switch (type) {
    case ScalarType.STRING:
      return scalar("string");
    case ScalarType.BOOL:
      return scalar("bool");
    case ScalarType.BYTES:
      return scalar("bytes");
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return scalar("double");
    case ScalarType.UINT32:
    case ScalarType.UINT64:
    case ScalarType.FIXED32:
    case ScalarType.FIXED64:
      return scalar("uint");
    default:
      return scalar("int");
  }
}

/** Whether a value of one type may turn out to be one of the other: dynamic types fit everything. */
export function isAssignable(left: StaticType, right: StaticType): boolean {
  if (left.kind === "dyn" || right.kind === "dyn") return true;
  if (left.kind === "list" && right.kind === "list") return isAssignable(left.element, right.element);
  if (left.kind === "map" && right.kind === "map")
    return isAssignable(left.key, right.key) && isAssignable(left.value, right.value);
  if (left.kind === "message" && right.kind === "message") return left.desc.typeName === right.desc.typeName;
  return left.kind === right.kind || (left.kind === "null" && isNullable(right)) || (right.kind === "null" && isNullable(left));
}

function isNullable(type: StaticType): boolean {
  return ["message", "timestamp", "duration"].includes(type.kind);
}

/** The type of something that is one of both. */
export function join(left: StaticType, right: StaticType): StaticType {
  return nameOf(left) === nameOf(right) ? left : DYN;
}

/** The type that all of these fit; dynamic for none. */
export function joinAll(types: readonly StaticType[]): StaticType {
  const [first = DYN, ...others] = types;
  return others.reduce(join, first);
}

/** As cel-go writes types in messages. */
export function nameOf(type: StaticType): string {
  switch (type.kind) {
    case "list":
      return `list(${nameOf(type.element)})`;
    case "map":
      return `map(${nameOf(type.key)}, ${nameOf(type.value)})`;
    case "message":
      return type.desc.typeName;
    default:
      return type.kind;
  }
}
