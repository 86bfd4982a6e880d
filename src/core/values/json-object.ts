/** What makes a JSON value an object. @module */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";

/** True for an object; false for a list and null, which JavaScript calls objects as well. */
export function isJsonObject(json: JsonValue | undefined): json is JsonObject {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}
