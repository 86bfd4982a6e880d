/**
 * Values of parameters in the model: text form, types, placeholders in constants.
 *
 * @module
 */
import type { JsonValue } from "../../../src/core/values/value.ts";

/** Compact JSON with sorted keys and the characters escaped that Go escapes; texts as they are. */
export function textOf(value: JsonValue): string {
  if (typeof value === "string") return value;
  return JSON.stringify(sorted(value)).replace(
    /[<>&\u2028\u2029]/g,
    (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function sorted(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => [key, sorted(member)]),
  );
}

/** A value where an input of a declared type stands. Only what a correct pipeline needs: texts take anything. */
export function asDeclared(value: JsonValue, type: unknown): JsonValue {
  return type === "STRING" ? textOf(value) : value;
}

/** What a step wrote for an output of a declared type. */
export function parsedOutput(text: string, type: unknown): JsonValue {
  return type === undefined || type === "STRING" ? text : (JSON.parse(text) as JsonValue);
}

const PLACEHOLDER = /\{\{\$\.(?:inputs\.parameters\[(?:'([^']+)'|"([^"]+)")\]|([a-z_]+))\}\}/g;

/** What placeholders stand for. */
export interface PlaceholderValues {
  /** Another input of the same task. */
  readonly input: (name: string) => JsonValue | undefined;
  /** A fact of the run; `undefined` leaves the placeholder. */
  readonly fact: (name: string) => string | undefined;
}

/** The name of the input, when a constant is exactly one placeholder for it. */
export function wholeInput(constant: JsonValue): string | undefined {
  if (typeof constant !== "string") return undefined;
  const [match] = constant.matchAll(PLACEHOLDER);
  return match?.[0] === constant ? (match[1] ?? match[2]) : undefined;
}

/** A constant with what its placeholders stand for, leaf by leaf. */
export function withoutPlaceholders(constant: JsonValue, values: PlaceholderValues): JsonValue {
  if (Array.isArray(constant)) return constant.map((item) => withoutPlaceholders(item, values));
  if (typeof constant === "object" && constant !== null) {
    return Object.fromEntries(
      Object.entries(constant).map(([key, member]) => [
        withoutPlaceholders(key, values) as string,
        withoutPlaceholders(member, values),
      ]),
    );
  }
  if (typeof constant !== "string") return constant;
  return constant.replace(PLACEHOLDER, (whole: string, single?: string, double?: string, fact?: string) => {
    if (fact !== undefined) return values.fact(fact) ?? whole;
    const value = values.input(single ?? double ?? "");
    return value === undefined ? whole : textOf(value);
  });
}

/** The selector of a loop item's member: `parseJson(string_value)["who"]`. */
export function selected(value: JsonValue, selector: unknown): JsonValue {
  if (typeof selector !== "string" || selector === "") return value;
  const [, name = ""] = /^parseJson\(string_value\)\["([^"]+)"\]$/.exec(selector) ?? [];
  const member = (value as Record<string, JsonValue>)[name];
  if (member === undefined) throw new Error(`cannot apply ${selector} to ${JSON.stringify(value)}`);
  return member;
}
