/**
 * JSON text exactly as Go's encoding/json prints generic JSON.
 *
 * Cache keys are hashed over this text and list or struct parameters enter command lines in it, so every byte counts: no white
 * space, object keys in UTF-8 byte order at every level, `<`, `>`, `&`, U+2028 and U+2029 escaped.
 *
 * Source: docs/spec/cache-and-fingerprint.md#computation, #the-cachekey-message.
 *
 * @module
 */
import type { JsonValue } from "@bufbuild/protobuf";
import { ResolveError } from "../errors.ts";
import { jsonNumber } from "./number.ts";
import { compareUtf8, hasLoneSurrogate } from "./unicode.ts";

/**
 * Prints a JSON value as Go's encoding/json does.
 *
 * @throws {ResolveError} VALUE_INVALID for NaN, infinities and strings without a UTF-8 form.
 */
export function goJson(value: JsonValue): string {
  return print(value, htmlSafeString);
}

/**
 * As {@link goJson}, but without the HTML escapes: how protojson prints Struct and Value.
 *
 * @throws {ResolveError} VALUE_INVALID as above.
 */
export function sortJson(value: JsonValue): string {
  return print(value, jsonString);
}

/**
 * A JSON string literal with the mandatory escapes only.
 *
 * @throws {ResolveError} VALUE_INVALID for half a surrogate pair.
 */
export function jsonString(text: string): string {
  if (hasLoneSurrogate(text))
    throw new ResolveError("VALUE_INVALID", "a string must be valid Unicode, not half a surrogate pair");
  return JSON.stringify(text);
}

const HTML_ESCAPES: Readonly<Record<string, string>> = {
  "<": "\\u003c",
  ">": "\\u003e",
  "&": "\\u0026",
  "\u2028": "\\u2028",
  "\u2029": "\\u2029",
};

function htmlSafeString(text: string): string {
  return jsonString(text).replace(/[<>&\u2028\u2029]/g, (character) => HTML_ESCAPES[character] ?? character);
}

function print(value: JsonValue, printString: (text: string) => string): string {
  if (value === null) return "null";
  if (typeof value === "boolean") return value ? "true" : "false";
  if (typeof value === "number") return jsonNumber(value);
  if (typeof value === "string") return printString(value);
  if (Array.isArray(value)) return `[${value.map((item) => print(item, printString)).join(",")}]`;
  const members = Object.entries(value).toSorted(([left], [right]) => compareUtf8(left, right));
  return `{${members.map(([key, member]) => `${printString(key)}:${print(member, printString)}`).join(",")}}`;
}
