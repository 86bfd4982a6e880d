/**
 * Query parameters as protojson: names with dots lead into messages, texts become what the type of the field wants. Pure.
 *
 * Source: docs/spec/json-and-rest.md#rest-gateway (query parameters).
 *
 * @module
 */
import { ScalarType, type DescField, type DescMessage, type JsonValue } from "@bufbuild/protobuf";
import { RequestProblem } from "../http/error-answer.ts";
import { parseJsonText } from "../../../core/values/json-text.ts";

/** A parameter that was given, all its values in order. */
export interface QueryField {
  /** From the request message inwards; never empty. */
  readonly path: readonly DescField[];
  readonly value: JsonValue;
}

/**
 * Splits a query string and decodes it.
 *
 * @throws {RequestProblem} A part is not well percent-encoded.
 */
export function queryParameters(query: string): [name: string, value: string][] {
  return query
    .split("&")
    .filter((part) => part !== "")
    .map((part) => {
      const at = part.indexOf("=");
      const [name, value] = at === -1 ? [part, ""] : [part.slice(0, at), part.slice(at + 1)];
      return [decode(name), decode(value)];
    });
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    throw new RequestProblem("The query is not well percent-encoded");
  }
}

/**
 * Reads the parameters of a request. Names that the message does not have are ignored, and so are fields that `isBound` says are taken by
 * path or body.
 *
 * @throws {RequestProblem} A value does not fit its field, or a field that is not a list has two.
 */
export function queryFields(
  schema: DescMessage,
  parameters: readonly (readonly [name: string, value: string])[],
  isBound: (path: string) => boolean,
): QueryField[] {
  const values = new Map<string, { readonly path: readonly DescField[]; readonly texts: string[] }>();
  for (const [name, text] of parameters) {
    const path = fieldPath(schema, name);
    if (path === undefined) continue;
    const key = path.map((field) => field.name).join(".");
    if (isBound(key)) continue;
    const found = values.get(key);
    if (found === undefined) values.set(key, { path, texts: [text] });
    else found.texts.push(text);
  }
  return [...values].map(([key, { path, texts }]) => ({ path, value: readTexts(path.at(-1) as DescField, texts, key) }));
}

/** The fields a name leads through; `undefined` when there is none of the first or a later name. */
function fieldPath(schema: DescMessage, name: string): DescField[] | undefined {
  const path: DescField[] = [];
  let message: DescMessage | undefined = schema;
  for (const part of name.split(".")) {
    if (message === undefined) throw new RequestProblem(`Query parameter "${name}": ${path.at(-1)?.name ?? ""} is not a message`);
    const field: DescField | undefined = message.fields.find(({ name, jsonName }) => name === part || jsonName === part);
    if (field === undefined) return undefined;
    path.push(field);
    message = field.fieldKind === "message" && !field.message.typeName.startsWith("google.protobuf.") ? field.message : undefined;
  }
  return path;
}

function readTexts(field: DescField, texts: readonly string[], name: string): JsonValue {
  if (field.fieldKind === "map") throw new RequestProblem(`Query parameter "${name}" is a map, which has no form in a query`);
  if (field.fieldKind === "list") return texts.map((text) => readText(field, text, name));
  if (texts.length > 1) throw new RequestProblem(`Query parameter "${name}" is given ${texts.length} times`);
  return readText(field, texts[0] ?? "", name);
}

const TRUE = new Set(["1", "t", "T", "TRUE", "true", "True"]);
const FALSE = new Set(["0", "f", "F", "FALSE", "false", "False"]);

function readText(field: DescField, text: string, name: string): JsonValue {
  const { enum: type, message, scalar } = field;
  const wrong = (wanted: string) => new RequestProblem(`Query parameter "${name}" is not ${wanted}`);
  if (type !== undefined) {
    const number =
      type.values.find((value) => value.name === text)?.number ?? (/^[+-]?\d+$/.test(text) ? Number(text) : undefined);
    if (number === undefined || type.value[number] === undefined) throw wrong(`one of ${type.name}`);
    return number;
  }
  if (message !== undefined) return readMessageText(message, text, wrong);
  switch (scalar) {
    case ScalarType.BOOL:
      if (TRUE.has(text)) return true;
      if (FALSE.has(text)) return false;
      throw wrong("true or false");
    case ScalarType.STRING:
    case ScalarType.BYTES:
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return text;
    default:
      if (!/^[+-]?\d+$/.test(text)) throw wrong("an integer");
      return text.replace(/^\+/, "");
  }
}

/** Well-known types that have a form as text; the wrappers take what their value takes. */
function readMessageText({ typeName, fields }: DescMessage, text: string, wrong: (wanted: string) => RequestProblem): JsonValue {
  switch (typeName) {
    case "google.protobuf.Timestamp":
    case "google.protobuf.Duration":
    case "google.protobuf.FieldMask":
      return text;
    case "google.protobuf.Struct":
    case "google.protobuf.Value": {
      const parsed = parseJsonText(text);
      if ("problem" in parsed) throw wrong("JSON");
      return parsed.value;
    }
    default: {
      const [value] = fields;
      if (!/^google\.protobuf\.\w+Value$/.test(typeName) || value === undefined)
        throw wrong("of a type that has a form in a query");
      return readText(value, text, value.name);
    }
  }
}
