/**
 * Kubernetes objects that come as JSON from a parameter: known members taken, the rest named in a warning.
 *
 * People write such JSON by hand, copy it from manifests, or print it with a Kubernetes client, which spells members its own way
 * (`toleration_seconds`). The exact name counts first, then any spelling that differs in case and underscores only, with a warning.
 *
 * Source: docs/spec/kubernetes-executor-config.md#decision-key-case, docs/spec/pod-spec-patch.md#json-emission-rules.
 *
 * @module
 */
import { goJson } from "../../../core/go/json.ts";
import type { JsonObject, JsonValue } from "../../../core/values/value.ts";
import type { ResolveDynamic } from "../contribution.ts";

/**
 * How a member is read and printed. `text` and `texts` are left out when empty; `required` prints the zero value when there is none.
 */
export type Shape =
  | { readonly kind: "text"; readonly required?: true }
  | { readonly kind: "integer"; readonly required?: true }
  | { readonly kind: "texts" }
  | { readonly kind: "objects"; readonly members: Members }
  | { readonly kind: "object"; readonly members: Members; readonly required?: true };

/** Shapes by exact name, in the order in which they are printed. */
export type Members = Readonly<Record<string, Shape>>;

/** For messages. */
export interface ReadOptions {
  /** Where the JSON stands, for messages. */
  readonly member: string;
  /** What failed, in front of the reason: `failed to marshal single toleration to json`. */
  readonly failure: string;
  readonly resolve: Pick<ResolveDynamic, "warn" | "refuse">;
}

/**
 * Reads the known members of an object.
 *
 * @throws {SpecError} SPEC_INVALID for a member of the wrong type, naming it.
 */
export function readObject(json: JsonObject, members: Members, options: ReadOptions): JsonObject {
  const found = matchKeys(json, Object.keys(members), options);
  const result: JsonObject = {};
  for (const [name, shape] of Object.entries(members)) {
    const value = readMember(found.get(name) ?? null, shape, { ...options, member: `${options.member}.${name}` });
    if (value !== undefined) result[name] = value;
  }
  return result;
}

/** A JSON value in a few words: enough to find it, never a whole document. */
export function describeJson(json: JsonValue): string {
  if (json === null) return "null";
  if (Array.isArray(json)) return `a list of ${json.length}`;
  if (typeof json === "object") return "an object";
  const text = goJson(json);
  return `${typeof json} ${text.length > 60 ? `${text.slice(0, 60)}...` : text}`;
}

/** Whether it is a JSON object: neither null nor a list. */
export function isJsonObject(json: JsonValue | undefined): json is JsonObject {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

/** Values by exact name. Of several other spellings the last one in order of their text counts. */
export function matchKeys(
  json: JsonObject,
  names: readonly string[],
  { member, resolve }: Pick<ReadOptions, "member" | "resolve">,
): Map<string, JsonValue> {
  const found = new Map<string, JsonValue>();
  const inexact: string[] = [];
  const unknown: string[] = [];
  for (const key of Object.keys(json).toSorted()) {
    const value = json[key] as JsonValue;
    if (names.includes(key)) {
      found.set(key, value);
      continue;
    }
    const name = names.find((candidate) => folded(candidate) === folded(key));
    if (name === undefined) unknown.push(key);
    else {
      inexact.push(`${key} as ${name}`);
      if (!Object.hasOwn(json, name)) found.set(name, value);
    }
  }
  if (inexact.length > 0) resolve.warn("Members are read in another spelling", { member, members: inexact.join(", ") });
  if (unknown.length > 0) resolve.warn("Unknown members are ignored", { member, members: unknown.join(", ") });
  return found;
}

function folded(key: string): string {
  return key.replaceAll("_", "").toLowerCase();
}

function readMember(json: JsonValue, shape: Shape, options: ReadOptions): JsonValue | undefined {
  const { member, failure, resolve } = options;
  const wrong = (expected: string): Error =>
    resolve.refuse(member, `${failure}: expected ${expected} but got ${describeJson(json)}`);
  switch (shape.kind) {
    case "text":
      if (json === null || json === "") return shape.required === true ? "" : undefined;
      if (typeof json !== "string") throw wrong("a text");
      return json;
    case "integer":
      if (json === null) return shape.required === true ? 0 : undefined;
      if (typeof json !== "number" || !Number.isSafeInteger(json)) throw wrong("a whole number");
      return json;
    case "texts":
      if (json === null) return undefined;
      if (!Array.isArray(json)) throw wrong("a list of texts");
      if (!json.every((item) => typeof item === "string")) throw wrong("a list of nothing but texts");
      return json.length === 0 ? undefined : json;
    case "objects": {
      if (json === null) return undefined;
      if (!Array.isArray(json)) throw wrong("a list of objects");
      if (json.length === 0) return undefined;
      return json.map((item, index) => readElement(item, shape.members, { ...options, member: `${member}[${index}]` }));
    }
    case "object":
      if (json === null) return shape.required === true ? readObject({}, shape.members, options) : undefined;
      if (!isJsonObject(json)) throw wrong("an object");
      return readObject(json, shape.members, options);
  }
}

/** As {@link readObject}; null counts as the empty object, as in Go. */
export function readElement(json: JsonValue, members: Members, options: ReadOptions): JsonObject {
  if (json !== null && !isJsonObject(json)) {
    throw options.resolve.refuse(options.member, `${options.failure}: expected an object but got ${describeJson(json)}`);
  }
  return readObject(json ?? {}, members, options);
}
