/** Members of templates that may not be what they should: a workflow comes from elsewhere. @module */
import { isJsonObject } from "../../core/values/json-object.ts";
import type { JsonObject, JsonValue } from "../../core/values/value.ts";

/** The objects of a list; nothing where it is no list. */
export function objectsOf(json: JsonValue | undefined): JsonObject[] {
  return Array.isArray(json) ? json.filter(isJsonObject) : [];
}

/** The name of a template, parameter or variable; the empty text where it has none. */
export function nameOf({ name }: JsonObject): string {
  return typeof name === "string" ? name : "";
}

/** Parameters that a template declares. */
export function parametersOf(template: JsonObject, side: "inputs" | "outputs"): JsonObject[] {
  const holder = template[side];
  return objectsOf(isJsonObject(holder) ? holder["parameters"] : undefined);
}
