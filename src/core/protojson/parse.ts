/**
 * protojson to messages, leniently: unknown fields are left out and named, wrong types are errors.
 *
 * protobuf-es can either refuse unknown fields or drop them without a word, and its messages quote the values it refuses. So this
 * is a reader of our own over the message descriptors. Well-known types with a JSON form of their own that pipelines hardly use
 * (Timestamp, Duration, wrappers) are left to protobuf-es.
 *
 * Source: docs/spec/json-and-rest.md#input, #decision-lenient-parsing, #decision-unknown-fields.
 *
 * @module
 */
import { create, fromJson, ScalarType } from "@bufbuild/protobuf";
import type { DescEnum, DescField, DescMessage, DescOneof, JsonValue, Message, MessageShape } from "@bufbuild/protobuf";
import { SpecError } from "../errors.ts";
import { isJsonObject } from "../values/json-object.ts";
import { parseJsonText, type JsonPath } from "../values/json-text.ts";
import { memberPath } from "../values/member-path.ts";
import { expected, Mismatch, readInteger, readScalar, readString } from "./scalar.ts";
import { jsonToValue, MAX_VALUE_DEPTH } from "../values/value.ts";

/** How a message is called, and how its errors are made. */
export interface ParseOptions {
  /** What is being read, as it should appear in messages: `--executor_input`, `pipeline spec`. */
  readonly what: string;
  /** Makes the error for a message; SpecError SPEC_INVALID unless given. */
  readonly error?: (message: string) => Error;
}

/** A message that was read, with what of the JSON is not in it. */
export interface LenientMessage<T> {
  readonly message: T;
  /** JSON paths such as `root.dag.tasks.train.newField`, in the order of the text. An unknown enum name counts as unknown field. */
  readonly unknownFields: string[];
  /** Where the text has integers that a double rounds; empty for JSON that was parsed already. */
  readonly roundedIntegers: readonly JsonPath[];
}

/**
 * Reads a message from JSON, given as text or already parsed.
 *
 * Both spellings of a field name are accepted, but not both at once. In a text a repeated key is an error too. Messages name the
 * JSON path, never a value.
 *
 * @throws {SpecError} SPEC_INVALID, or what `options.error` makes.
 */
export function parseLenient<Desc extends DescMessage>(
  schema: Desc,
  json: JsonValue | string,
  options: ParseOptions,
): LenientMessage<MessageShape<Desc>> {
  const fail = options.error ?? ((message: string) => new SpecError("SPEC_INVALID", message));
  const parsed = typeof json === "string" ? parseJsonText(json) : { value: json, roundedIntegers: [] };
  if ("problem" in parsed) throw fail(`Cannot read ${options.what}: ${parsed.problem}`);
  const unknownFields: string[] = [];
  try {
    const message = readMessage(schema, parsed.value, "", unknownFields) as MessageShape<Desc>;
    return { message, unknownFields, roundedIntegers: parsed.roundedIntegers };
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error;
    throw fail(`Cannot read ${options.what}: ${error.path === "" ? "" : `${error.path}: `}${error.message}`);
  }
}

// An enum name this version does not know: the field stays unset, the entry is left out.
const SKIPPED = Symbol("skipped");

interface FieldTable {
  readonly byName: ReadonlyMap<string, DescField>;
}

const fieldTables = new WeakMap<DescMessage, FieldTable>();

function fieldTable(desc: DescMessage): FieldTable {
  let table = fieldTables.get(desc);
  if (table === undefined) {
    table = {
      byName: new Map(
        desc.fields.flatMap((field) => [
          [field.name, field],
          [field.jsonName, field],
        ]),
      ),
    };
    fieldTables.set(desc, table);
  }
  return table;
}

function readMessage(desc: DescMessage, json: JsonValue, path: string, unknownFields: string[]): unknown {
  if (desc.typeName.startsWith("google.protobuf.")) return readWellKnown(desc, json, path);
  if (!isJsonObject(json)) throw expected(path, "an object", json);
  const { byName } = fieldTable(desc);
  const message = create(desc) as Message & Record<string, unknown>;
  const seen = new Map<DescField | DescOneof, string>();
  for (const [key, member] of Object.entries(json)) {
    const field = byName.get(key);
    const here = memberPath(path, key);
    if (field === undefined) {
      unknownFields.push(here);
      continue;
    }
    const twin = seen.get(field);
    if (twin !== undefined) throw new Mismatch(here, `the same field is also given as "${twin}"`);
    seen.set(field, key);
    if (member === null && !keepsNull(field)) continue;
    if (field.oneof !== undefined) {
      const rival = seen.get(field.oneof);
      if (rival !== undefined) throw new Mismatch(here, `excludes "${rival}", which is also given`);
      seen.set(field.oneof, key);
    }
    const value = readField(field, member, here, unknownFields);
    if (value === SKIPPED) continue;
    if (field.oneof === undefined) message[field.localName] = value;
    else message[field.oneof.localName] = { case: field.localName, value };
  }
  return message;
}

function keepsNull(field: DescField): boolean {
  if (field.fieldKind === "message") return field.message.typeName === "google.protobuf.Value";
  return field.fieldKind === "enum" && field.enum.typeName === "google.protobuf.NullValue";
}

function readField(field: DescField, json: JsonValue, path: string, unknownFields: string[]): unknown {
  switch (field.fieldKind) {
    case "list":
      return readList(field, json, path, unknownFields);
    case "map":
      return readMap(field, json, path, unknownFields);
    case "scalar":
    case "enum":
    case "message":
      return readSingle(field, json, path, unknownFields);
  }
}

function readList(field: DescField & { fieldKind: "list" }, json: JsonValue, path: string, unknownFields: string[]): unknown[] {
  if (!Array.isArray(json)) throw expected(path, "a list", json);
  return json
    .map((item, index) => readSingle(field, item, `${path}[${index}]`, unknownFields))
    .filter((item) => item !== SKIPPED);
}

function readMap(
  field: DescField & { fieldKind: "map" },
  json: JsonValue,
  path: string,
  unknownFields: string[],
): Record<string, unknown> {
  if (!isJsonObject(json)) throw expected(path, "an object", json);
  const entries: [string, unknown][] = [];
  const keys = new Set<string>();
  for (const [text, member] of Object.entries(json)) {
    const here = memberPath(path, text);
    const key = readMapKey(field.mapKey, text, here);
    if (keys.has(key)) throw new Mismatch(here, "the same map key appears twice");
    keys.add(key);
    const value = readSingle(field, member, here, unknownFields);
    if (value !== SKIPPED) entries.push([key, value]);
  }
  // fromEntries defines own properties, so a key like "__proto__" is an ordinary one.
  return Object.fromEntries(entries);
}

function readMapKey(type: ScalarType, text: string, path: string): string {
  switch (type) {
    case ScalarType.STRING:
      return readString(text, path);
    case ScalarType.BOOL:
      if (text !== "true" && text !== "false") throw new Mismatch(path, "the map key must be true or false");
      return text;
    default:
      return String(readInteger(type, text, path));
  }
}

type SingleShape =
  | { readonly scalar: ScalarType; readonly enum?: undefined; readonly message?: undefined }
  | { readonly scalar?: undefined; readonly enum: DescEnum; readonly message?: undefined }
  | { readonly scalar?: undefined; readonly enum?: undefined; readonly message: DescMessage };

function readSingle(field: DescField, json: JsonValue, path: string, unknownFields: string[]): unknown {
  const shape = field as SingleShape;
  if (shape.message !== undefined) return readMessage(shape.message, json, path, unknownFields);
  if (shape.enum !== undefined) return readEnum(shape.enum, json, path, unknownFields);
  const value = readScalar(shape.scalar, json, path);
  return typeof value === "bigint" && field.fieldKind !== "map" && "longAsString" in field && field.longAsString
    ? String(value)
    : value;
}

function readEnum(desc: DescEnum, json: JsonValue, path: string, unknownFields: string[]): number | typeof SKIPPED {
  if (json === null && desc.typeName === "google.protobuf.NullValue") return 0;
  if (typeof json === "string") {
    const found = desc.values.find(({ name }) => name === json);
    if (found !== undefined) return found.number;
    unknownFields.push(path);
    return SKIPPED;
  }
  if (typeof json !== "number") throw expected(path, "an enum name", json);
  return Number(readInteger(ScalarType.INT32, json, path));
}

function readWellKnown(desc: DescMessage, json: JsonValue, path: string): unknown {
  switch (desc.typeName) {
    case "google.protobuf.Value":
      assertPlainJson(json, path);
      return jsonToValue(json);
    case "google.protobuf.Struct":
      if (!isJsonObject(json)) throw expected(path, "an object", json);
      assertPlainJson(json, path);
      // A Struct field of a generated message is the plain object itself.
      return json;
    case "google.protobuf.Duration":
      if (typeof json !== "string" || !/^-?\d+(?:\.\d{1,9})?s$/.test(json))
        throw new Mismatch(path, 'expected a duration such as "3.5s"');
      break;
    case "google.protobuf.Timestamp":
      if (typeof json !== "string") throw expected(path, "an RFC 3339 time", json);
      break;
    default:
      break;
  }
  try {
    return fromJson(desc, json);
  } catch {
    throw new Mismatch(path, `not a valid ${desc.typeName}`);
  }
}

// Values from YAML may hold NaN, any string may hold half a surrogate pair, and what is nested too deeply could be stored but not be
// read again; none of it has a place in protobuf.
function assertPlainJson(json: JsonValue, path: string, depth = 0, top = path): void {
  if (typeof json === "string") {
    readString(json, path);
  } else if (typeof json === "number") {
    if (!Number.isFinite(json)) throw new Mismatch(path, "the number must be finite");
  } else if (json !== null && typeof json === "object") {
    if (depth === MAX_VALUE_DEPTH) throw new Mismatch(top, `the value is nested more than ${MAX_VALUE_DEPTH} levels deep`);
    if (Array.isArray(json)) {
      json.forEach((item, index) => {
        assertPlainJson(item, `${path}[${index}]`, depth + 1, top);
      });
    } else {
      for (const [key, member] of Object.entries(json)) assertPlainJson(member, memberPath(path, key), depth + 1, top);
    }
  }
}
