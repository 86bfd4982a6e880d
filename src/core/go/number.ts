/**
 * Numbers as Go prints and reads them.
 *
 * Parameters are IEEE doubles. In command lines they appear as the shortest plain decimal (Go's format 'f' with precision -1),
 * in JSON as the shortest text with an exponent at both ends of the scale. JavaScript agrees with the latter except for -0.
 *
 * Source: docs/spec/resolver.md#type-normalisation-and-literals, docs/spec/cache-and-fingerprint.md#computation,
 * docs/spec/placeholders.md#rendering-of-values; strconv.ParseInt and ParseBool for reading.
 *
 * @module
 */
import { ResolveError } from "../errors.ts";

/**
 * Shortest decimal without exponent that reads back as the same double: `5`, `0.1`, `1000000000000000000000`, `-0`.
 *
 * @throws {ResolveError} VALUE_INVALID for NaN and infinities.
 */
export function plainDecimal(value: number): string {
  const text = jsonNumber(value);
  const parts = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (parts === null) return text;
  const [, sign = "", lead = "", fraction = "", exponentText = "0"] = parts;
  const digits = lead + fraction;
  const exponent = Number(exponentText);
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  return sign + digits.padEnd(exponent + 1, "0");
}

/**
 * A number as Go's encoding/json and protojson print it: `5`, `1e-7`, `1e+21`, `-0`.
 *
 * @throws {ResolveError} VALUE_INVALID for NaN and infinities.
 */
export function jsonNumber(value: number): string {
  if (!Number.isFinite(value)) throw new ResolveError("VALUE_INVALID", "a number must be finite, not NaN or an infinity");
  return Object.is(value, -0) ? "-0" : String(value);
}

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

/** Why a text is not an integer, in the words of Go's flag package. */
export type IntegerProblem = "parse error" | "value out of range";

/**
 * Go's `strconv.ParseInt(text, 0, 64)`: optional sign, prefixes 0x, 0o, 0b and a bare leading 0 for octal, single underscores
 * between digits or after the prefix.
 *
 * @returns The integer, or why there is none, in the words of Go's flag package.
 */
export function parseGoInteger(text: string): bigint | IntegerProblem {
  const match = /^([+-]?)(0[xX]_?[0-9a-fA-F]|0[bB]_?[01]|0[oO]_?[0-7]|[0-9])([0-9a-fA-F_]*)$/.exec(text);
  if (match === null) return "parse error";
  const [, sign = "", head = "", tail = ""] = match;
  if (/__|_$/.test(head + tail)) return "parse error";
  let digits = (head + tail).replaceAll("_", "");
  if (/^0[0-9]/.test(digits)) digits = `0o${digits.slice(1)}`;
  let magnitude: bigint;
  try {
    magnitude = BigInt(digits.toLowerCase());
  } catch {
    // A digit that its base does not have, as in 08 or 12f.
    return "parse error";
  }
  return inInt64Range(sign === "-" ? -magnitude : magnitude);
}

/** Go's `strconv.ParseInt(text, 10, 64)`: optional sign and decimal digits, nothing else. */
export function parseDecimalInteger(text: string): bigint | IntegerProblem {
  if (!/^[+-]?[0-9]+$/.test(text)) return "parse error";
  return inInt64Range(BigInt(text.startsWith("+") ? text.slice(1) : text));
}

function inInt64Range(value: bigint): bigint | IntegerProblem {
  return value < INT64_MIN || value > INT64_MAX ? "value out of range" : value;
}

/** Go's `strconv.ParseBool`; `undefined` for any other text. */
export function parseGoBool(text: string): boolean | undefined {
  if (["1", "t", "T", "TRUE", "true", "True"].includes(text)) return true;
  if (["0", "f", "F", "FALSE", "false", "False"].includes(text)) return false;
  return undefined;
}
