/**
 * Placeholders in the metadata of an importer: in values, list items, keys, and inside longer text.
 *
 * Source: docs/spec/importer.md#lau-28.
 *
 * @module
 */
import { substituteInputParameters, wholePlaceholder } from "./text.ts";
import { textOfValue, valueToJson } from "../values/value.ts";
import type { JsonObject, JsonValue, Value } from "../values/value.ts";

/**
 * Resolves input-parameter references. A value that is exactly one reference takes the parameter's type; anywhere else the
 * parameter's text is put in.
 *
 * @param lookup A parameter by name; `undefined` leaves the reference as it is.
 * @throws {ResolveError} VALUE_INVALID for a parameter without JSON form.
 */
export function resolveMetadataPlaceholders(metadata: JsonObject, lookup: (name: string) => Value | undefined): JsonObject {
  const text = (name: string): string | undefined => {
    const value = lookup(name);
    return value === undefined ? undefined : textOfValue(value);
  };
  const resolve = (json: JsonValue): JsonValue => {
    if (typeof json === "string") {
      const value = wholeValue(json, lookup);
      return value === undefined ? substituteInputParameters(json, text) : value;
    }
    if (Array.isArray(json)) return json.map(resolve);
    if (typeof json === "object" && json !== null) return resolveObject(json);
    return json;
  };
  const resolveObject = (object: JsonObject): JsonObject =>
    Object.fromEntries(Object.entries(object).map(([key, value]) => [substituteInputParameters(key, text), resolve(value)]));
  return resolveObject(metadata);
}

function wholeValue(text: string, lookup: (name: string) => Value | undefined): JsonValue | undefined {
  const reference = wholePlaceholder(text)?.reference;
  const value = reference?.kind === "input-parameter" ? lookup(reference.name) : undefined;
  return value === undefined ? undefined : valueToJson(value);
}
