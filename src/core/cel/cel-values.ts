/**
 * Messages and JSON as maps and lists of the CEL engine.
 *
 * The engine's own maps take a null member for absent, and its messages leave no room for inputs that read as null. These do.
 *
 * @module
 */
import { celList, celMap, celUint } from "@bufbuild/cel";
import type { CelInput, CelList, CelMap } from "@bufbuild/cel";
import { create, isFieldSet, ScalarType } from "@bufbuild/protobuf";
import type { DescField, DescMessage, JsonObject, JsonValue, Message } from "@bufbuild/protobuf";
import { valueToJson } from "../values/value.ts";
import type { Value } from "../values/value.ts";

/** The JSON behind maps and lists that came from data; what an expression puts together itself is not in here. */
const sources = new WeakMap<object, JsonValue>();

/** The JSON a map or list of the engine was made from, if it was made from one. */
export function jsonOfCel(container: object): JsonValue | undefined {
  return sources.get(container);
}

/** Numbers become doubles, as everywhere in protobuf's JSON. */
export function celOfJson(json: JsonValue): CelInput {
  if (json === null || typeof json !== "object") return json;
  const container = Array.isArray(json) ? celListOf(json.map(celOfJson)) : celMapOf(Object.entries(json), celOfJson);
  sources.set(container, json);
  return container;
}

/**
 * Parameter values by name.
 *
 * @param nullWhenAbsent Names that read as null when they are not there, without being there for `in`, `has()` and macros.
 */
export function celOfValues(values: Readonly<Record<string, Value>>, nullWhenAbsent: ReadonlySet<string>): CelInput {
  const map = celMapOf(Object.entries(values), (value) => celOfJson(valueToJson(value)));
  const get = map.get.bind(map);
  return Object.assign(map, {
    get: (key: Parameters<CelMap["get"]>[0]) => {
      const value = get(key);
      return value === undefined && typeof key === "string" && nullWhenAbsent.has(key) ? null : value;
    },
  });
}

/**
 * A message as a map of all its fields under their proto names, unset ones with their defaults; `has()` tells them apart.
 *
 * @param overrides Fields whose value is already at hand.
 */
export function celOfMessage(desc: DescMessage, message: Message, overrides: Readonly<Record<string, CelInput>> = {}): CelMap {
  const map = celMapOf(
    desc.fields.map((field) => [field.name, field] as const),
    (field) => overrides[field.name] ?? celOfField(field, message),
  );
  const fields = new Map(desc.fields.map((field) => [field.name, field]));
  return Object.assign(map, {
    has: (key: unknown) => {
      const field = typeof key === "string" ? fields.get(key) : undefined;
      return field !== undefined && isFieldSet(message, field);
    },
  });
}

function celMapOf<T>(entries: Iterable<readonly [string, T]>, convert: (value: T) => CelInput): CelMap {
  const members = new Map<string, CelInput>();
  for (const [key, value] of entries) members.set(key, convert(value));
  return Object.assign(celMap(members), { has: (key: unknown) => typeof key === "string" && members.has(key) });
}

/** A list of the engine, which by itself throws, beyond the reach of "||", when an index has a fraction. */
export function celListOf(items: readonly CelInput[]): CelList {
  const list = celList(items);
  const get = list.get.bind(list);
  return Object.assign(list, { get: (index: number) => (Number.isInteger(index) ? get(index) : undefined) });
}

function celOfField(field: DescField, message: Message): CelInput {
  const local = message as unknown as Readonly<Record<string, unknown>>;
  let value = local[field.localName];
  if (field.oneof !== undefined) {
    const oneof = local[field.oneof.localName] as { readonly case?: string; readonly value?: unknown };
    value = oneof.case === field.localName ? oneof.value : undefined;
  }
  switch (field.fieldKind) {
    case "list":
      return celListOf((value as unknown[]).map((item) => celOfSingle(field, item)));
    case "map":
      return celMapOf(Object.entries(value as Record<string, unknown>), (item) => celOfSingle(field, item));
    case "scalar":
    case "enum":
    case "message":
      return celOfSingle(field, value);
  }
}

function celOfSingle(
  field: { readonly scalar?: ScalarType | undefined; readonly message?: DescMessage | undefined },
  value: unknown,
): CelInput {
  if (field.message === undefined)
    return field.scalar === undefined ? BigInt((value as number | undefined) ?? 0) : celOfScalar(field.scalar, value);
  switch (field.message.typeName) {
    case "google.protobuf.Struct":
      return celOfJson((value as JsonObject | undefined) ?? {});
    case "google.protobuf.Value":
      return value === undefined ? null : celOfJson(valueToJson(value as Value));
    default:
      return celOfMessage(field.message, (value as Message | undefined) ?? create(field.message));
  }
}

function celOfScalar(type: ScalarType, value: unknown): CelInput {
  switch (type) {
    case ScalarType.STRING:
      return (value as string | undefined) ?? "";
    case ScalarType.BOOL:
      return (value as boolean | undefined) ?? false;
    case ScalarType.BYTES:
      return (value as Uint8Array | undefined) ?? new Uint8Array();
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return (value as number | undefined) ?? 0;
    case ScalarType.UINT32:
    case ScalarType.UINT64:
    case ScalarType.FIXED32:
    case ScalarType.FIXED64:
      return celUint(BigInt((value as number | bigint | undefined) ?? 0));
    default:
      return BigInt((value as number | bigint | undefined) ?? 0);
  }
}
