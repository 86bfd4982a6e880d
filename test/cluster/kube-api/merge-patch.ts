/**
 * JSON merge patch, the only kind of patch that Argo's controller and executor need: those of events are others, and refused.
 *
 * Standard: RFC 7396.
 *
 * @module
 */
import type { JsonObject, JsonValue } from "../../../src/core/values/value.ts";

export function mergePatch(target: JsonValue | undefined, patch: JsonValue): JsonValue {
  if (!isObject(patch)) return patch;
  const merged: JsonObject = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else merged[name] = mergePatch(merged[name], value);
  }
  return merged;
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
