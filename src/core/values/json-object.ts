/** What makes a JSON value an object. @module */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";

/** True for an object; a list and null, which JavaScript calls objects as well, are none. */
export function isJsonObject(json: JsonValue | undefined): json is JsonObject {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}
