/**
 * The message of a call from path, query and body, read strictly. Pure.
 *
 * All three become one JSON object in the shape of the message, which is then read once.
 *
 * Source: docs/spec/json-and-rest.md#rest-gateway, #parse-and-print-sites (15), #input, #msg-1, #decision-big-integers.
 *
 * @module
 */
import type { DescField, DescMessage, JsonObject, JsonValue, Message } from "@bufbuild/protobuf";
import { parseLenient } from "../../../core/protojson/protojson.ts";
import { isJsonObject } from "../../../core/values/json-object.ts";
import { jsonPathText, parseJsonText } from "../../../core/values/json-text.ts";
import { RequestProblem } from "../http/error-answer.ts";
import type { PathVariables } from "../http/path-template.ts";
import { queryFields, queryParameters } from "./query-json.ts";

/** What of a route decides about the message. */
export interface Binding {
  readonly input: DescMessage;
  /** The field that the body is; `*` for the whole request; empty for none. */
  readonly body: string;
}

/** A request that was read. */
export interface ReadRequest {
  readonly message: Message;
  /** What the body said, for who needs to see what the message cannot hold. */
  readonly body: JsonValue | undefined;
}

/**
 * Reads the request of a call.
 *
 * @throws {RequestProblem} Anything that does not fit: unknown fields of the body, wrong types, parameters given twice.
 */
export function readRequest(
  { input, body: bodyField }: Binding,
  { variables, query, body: text }: { readonly variables: PathVariables; readonly query: string; readonly body: string },
): ReadRequest {
  const body = bodyField === "" ? undefined : readBodyJson(text);
  if (body === null || (bodyField === "*" && body !== undefined && !isJsonObject(body))) {
    throw new RequestProblem("The body of the request is not a JSON object");
  }
  // Spread, not assigned: a member called __proto__ is an unknown field like any other.
  const json: JsonObject = bodyField === "*" ? { ...(body as JsonObject | undefined) } : {};
  if (bodyField !== "*") {
    if (body !== undefined) json[bodyField] = body;
    const isBound = (path: string) => Object.hasOwn(variables, path) || path === bodyField || path.startsWith(`${bodyField}.`);
    for (const { path, value } of queryFields(input, queryParameters(query), isBound)) setMember(json, path, value);
  }
  for (const [name, value] of Object.entries(variables)) setMember(json, fieldsOf(input, name), value);
  const { message, unknownFields } = parseLenient(input, json, {
    what: "the request",
    error: (problem) => new RequestProblem(problem),
  });
  if (unknownFields.length > 0) throw new RequestProblem(`The request has unknown fields: ${unknownFields.join(", ")}`);
  return { message, body };
}

/** `undefined` for an empty body, which binds nothing. */
function readBodyJson(text: string): JsonValue | undefined {
  if (text.trim() === "") return undefined;
  const parsed = parseJsonText(text);
  if ("problem" in parsed) throw new RequestProblem(`Cannot read the body of the request: ${parsed.problem}`);
  const [rounded] = parsed.roundedIntegers;
  if (rounded !== undefined) {
    throw new RequestProblem(`${jsonPathText(rounded)}: the integer is beyond 2^53 and would be rounded; write it as a string`);
  }
  return parsed.value;
}

function fieldsOf(schema: DescMessage, name: string): DescField[] {
  let message: DescMessage | undefined = schema;
  return name.split(".").map((part) => {
    const field: DescField | undefined = message?.fields.find(({ name }) => name === part);
    if (field === undefined) throw new Error(`${schema.typeName} has no field ${name}`);
    message = field.message;
    return field;
  });
}

/** Sets a member under its proto name, in place of one under either name. */
function setMember(json: JsonObject, path: readonly DescField[], value: JsonValue): void {
  const [field, ...rest] = path;
  if (field === undefined) return;
  const given = json[field.jsonName] ?? json[field.name];
  if (field.jsonName !== field.name) delete json[field.jsonName];
  if (rest.length === 0) {
    json[field.name] = value;
    return;
  }
  if (given !== undefined && given !== null && !isJsonObject(given)) {
    throw new RequestProblem(`${field.name} is not a JSON object`);
  }
  const inner: JsonObject = { ...given };
  json[field.name] = inner;
  setMember(inner, rest, value);
}
