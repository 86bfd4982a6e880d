/**
 * Kubernetes quantities: parse, and print the way the Go library prints them.
 *
 * Exact decimals as big integers: a quantity is `mantissa x 10^exponent`. Floating point would turn `0.1Gi` into something else.
 *
 * Source: docs/spec/pod-spec-patch.md#quantities.
 *
 * @module
 */
import { SpecError } from "../../core/errors.ts";

type Family = "binary" | "decimal-si" | "decimal-exponent";

interface Suffix {
  readonly family: Family;
  /** Power of ten, or of 1024 for the binary family. */
  readonly exponent: number;
}

const DECIMAL_SUFFIXES = new Map([
  ["n", -9],
  ["u", -6],
  ["m", -3],
  ["", 0],
  ["k", 3],
  ["M", 6],
  ["G", 9],
  ["T", 12],
  ["P", 15],
  ["E", 18],
]);
const BINARY_SUFFIXES = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const BINARY_VERBATIM_DIGITS = new Map([
  [1, 11],
  [2, 8],
  [3, 5],
  [4, 2],
]);

const WELL_FORMED = /^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$/;
const MAX_INT64 = 2n ** 63n - 1n;

/**
 * Checks a quantity and prints it in Kubernetes' form.
 *
 * @param text For example `1.5Gi` or `500m`.
 * @param what Where the text stands, for the message.
 * @returns For example `1536Mi` or `500m`.
 * @throws {SpecError} SPEC_INVALID with upstream's wording when the text is no quantity.
 */
export function canonicalQuantity(text: string, what: string): string {
  const fail = (reason: string): SpecError =>
    new SpecError("SPEC_INVALID", `Cannot parse ${what} "${text}" as a quantity: ${reason}`);
  const match = WELL_FORMED.exec(text);
  if (match === null) throw fail("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
  const number = match[1] as string;
  const suffix = parseSuffix(match[2] as string);
  if (suffix === undefined) throw fail("unable to parse quantity's suffix");
  const parts = /^([+-]?)([0-9]*)(?:\.([0-9]*))?$/.exec(number);
  if (parts === null || (parts[2] === "" && (parts[3] ?? "") === "")) throw fail("unable to parse numeric part of quantity");
  const negative = parts[1] === "-";
  const integerDigits = parts[2] ?? "";
  const fractionDigits = parts[3] ?? "";
  const mantissa = BigInt(integerDigits + fractionDigits);
  if (mantissa === 0n) return "0";
  if (printsVerbatim(integerDigits, fractionDigits, suffix)) return text;
  const sign = negative ? "-" : "";
  if (suffix.family === "binary") {
    return sign + printBinary(mantissa, fractionDigits.length, suffix.exponent);
  }
  return sign + printDecimal(mantissa, suffix.exponent - fractionDigits.length, suffix.family);
}

function parseSuffix(text: string): Suffix | undefined {
  const decimal = DECIMAL_SUFFIXES.get(text);
  if (decimal !== undefined) return { family: "decimal-si", exponent: decimal };
  const binary = BINARY_SUFFIXES.indexOf(text);
  if (binary > 0) return { family: "binary", exponent: binary };
  const exponent = /^[eE]([+-]?[0-9]+)$/.exec(text);
  if (exponent === null) return undefined;
  const power = Number(exponent[1]);
  // Far outside what a 64-bit amount can express; printing it would only build huge strings.
  return Math.abs(power) > 99 ? undefined : { family: "decimal-exponent", exponent: power };
}

/** The library keeps the user's spelling when it already counts as canonical: the source of oddities such as `1.500G`. */
function printsVerbatim(integerDigits: string, fractionDigits: string, suffix: Suffix): boolean {
  const trimmed = integerDigits.replace(/^0+/, "");
  if (suffix.family === "binary") {
    const limit = BINARY_VERBATIM_DIGITS.get(suffix.exponent);
    return fractionDigits === "" && limit !== undefined && trimmed.length <= limit && BigInt(trimmed) % 8n !== 0n;
  }
  const digits = (trimmed === "" ? "0" : trimmed) + fractionDigits;
  const scale = suffix.exponent - fractionDigits.length;
  return digits.length <= 18 && scale >= -9 && scale % 3 === 0 && !digits.endsWith("000") && !digits.startsWith("0");
}

/** Rounds away from zero to a multiple of 1n (10^-9). */
function atLeastNano(mantissa: bigint, exponent: number): { mantissa: bigint; exponent: number } {
  if (exponent >= -9) return { mantissa, exponent };
  const divisor = 10n ** BigInt(-9 - exponent);
  return { mantissa: (mantissa + divisor - 1n) / divisor, exponent: -9 };
}

function printDecimal(mantissa: bigint, exponent: number, family: Family): string {
  let { mantissa: digits, exponent: power } = atLeastNano(mantissa, exponent);
  while (digits % 10n === 0n) {
    digits /= 10n;
    power += 1;
  }
  const remainder = ((power % 3) + 3) % 3;
  digits *= 10n ** BigInt(remainder);
  power -= remainder;
  if (family === "decimal-si" && power > 18) {
    digits *= 10n ** BigInt(power - 18);
    power = 18;
  }
  if (family === "decimal-exponent") return power === 0 ? String(digits) : `${digits}e${power}`;
  const suffix = [...DECIMAL_SUFFIXES].find(([, exponentOfSuffix]) => exponentOfSuffix === power)?.[0] ?? "";
  return `${digits}${suffix}`;
}

function printBinary(mantissa: bigint, fractionLength: number, power: number): string {
  const scaled = mantissa * 1024n ** BigInt(power);
  const divisor = 10n ** BigInt(fractionLength);
  const isInteger = scaled % divisor === 0n;
  const whole = scaled / divisor > MAX_INT64 ? MAX_INT64 : scaled / divisor;
  if (whole === MAX_INT64) return String(MAX_INT64);
  if (!isInteger || whole < 1024n) return printDecimal(scaled, -fractionLength, "decimal-si");
  let digits = whole;
  let index = 0;
  while (digits % 1024n === 0n && index < BINARY_SUFFIXES.length - 1) {
    digits /= 1024n;
    index += 1;
  }
  // Without a factor of 1024 the value keeps the binary family's plain form.
  return `${digits}${BINARY_SUFFIXES[index]}`;
}
