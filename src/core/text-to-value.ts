/**
 * Output parameter files to values: the text a component wrote, read as the type its spec declares.
 *
 * Numbers and booleans follow Go's strconv, which is stricter than JavaScript in some places and more generous in others.
 *
 * Source: contract/launcher.md 6.3.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { UserCodeError } from "./errors.ts";
import { parseDecimalInteger, parseGoBool } from "./go-number.ts";
import { ParameterType } from "./kfp-types.ts";
import { trimGoSpace } from "./unicode.ts";
import { jsonToValue } from "./value.ts";
import type { JsonValue, Value } from "./value.ts";

/**
 * Reads the text of an output parameter.
 *
 * NUMBER_DOUBLE accepts `nan` and `inf` as the reference does; such a value has no JSON form and cannot be stored, so it fails later.
 *
 * @param what For the message; should name the parameter and the file.
 * @throws {UserCodeError} OUTPUT_PARAMETER_INVALID, without the text.
 */
export function textToValue(text: string, type: ParameterType, what = "the output parameter"): Value {
  const refuse = (reason: string): UserCodeError => {
    return new UserCodeError("OUTPUT_PARAMETER_INVALID", `Cannot read ${what} as ${ParameterType[type] ?? type}: ${reason}`);
  };
  switch (type) {
    case ParameterType.STRING:
      return jsonToValue(text);
    case ParameterType.NUMBER_INTEGER: {
      const integer = parseDecimalInteger(trimGoSpace(text));
      if (integer === "parse error") throw refuse("the text is not a decimal integer");
      if (integer === "value out of range") throw refuse("the integer does not fit into 64 bits");
      return jsonToValue(Number(integer));
    }
    case ParameterType.NUMBER_DOUBLE: {
      const number = parseGoFloat(trimGoSpace(text));
      if (typeof number === "string") throw refuse(number);
      return create(ValueSchema, { kind: { case: "numberValue", value: number } });
    }
    case ParameterType.BOOLEAN: {
      const flag = parseGoBool(trimGoSpace(text));
      if (flag === undefined) throw refuse("the text is neither true nor false");
      return jsonToValue(flag);
    }
    case ParameterType.LIST:
    case ParameterType.STRUCT: {
      const wanted = type === ParameterType.LIST ? "array" : "object";
      const json = parseJson(text);
      if (json === undefined) throw refuse("the text is not valid JSON");
      if (json === null || typeof json !== "object" || Array.isArray(json) !== (wanted === "array")) {
        throw refuse(`the text is JSON, but not an ${wanted}`);
      }
      try {
        return jsonToValue(json);
      } catch (error) {
        throw refuse(error instanceof Error ? error.message : String(error));
      }
    }
    case ParameterType.PARAMETER_TYPE_ENUM_UNSPECIFIED:
    case ParameterType.TASK_FINAL_STATUS:
    case ParameterType.TASK_CONFIG:
      throw refuse("a component cannot write an output parameter of this type");
    default:
      throw refuse("this version does not know the type");
  }
}

function parseJson(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}

/**
 * Go's `strconv.ParseFloat(text, 64)`: decimals and hexadecimals with single underscores between digits, `inf`, `infinity` and `nan`.
 *
 * @returns The number, or why there is none.
 */
export function parseGoFloat(text: string): number | string {
  if (/^nan$/i.test(text)) return NaN;
  if (/^[+-]?inf(?:inity)?$/i.test(text)) return text.startsWith("-") ? -Infinity : Infinity;
  const notANumber = "the text is not a number";
  // The underscore after the prefix of a hexadecimal is the only one that need not stand between two digits.
  if (/__|_[^0-9a-f]|_$|^[+-]?_/i.test(text) || /[^0-9a-fx]_/i.test(text)) return notANumber;
  const digits = text.replaceAll("_", "");
  const number = /^[+-]?0x/i.test(digits) ? parseHexFloat(digits) : parseDecimalFloat(digits, text);
  if (number === undefined) return notANumber;
  return Number.isFinite(number) ? number : "the number does not fit into a double";
}

function parseDecimalFloat(digits: string, text: string): number | undefined {
  // In a decimal an underscore next to the "e" of the exponent does not stand between digits.
  if (/e_|_e/i.test(text)) return undefined;
  return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(digits) ? Number(digits) : undefined;
}

function parseHexFloat(digits: string): number | undefined {
  const match = /^([+-]?)0x([0-9a-f]*)\.?([0-9a-f]*)p([+-]?\d+)$/i.exec(digits);
  if (match === null) return undefined;
  const [, sign = "", whole = "", fraction = "", exponentText = "0"] = match;
  if (whole + fraction === "") return undefined;
  const magnitude = scaleByPowerOfTwo(BigInt(`0x${whole}${fraction}`), Number(exponentText) - 4 * fraction.length);
  return sign === "-" ? -magnitude : magnitude;
}

/** `mantissa * 2 ** exponent`, rounded once, half to even, also where the result is subnormal. */
function scaleByPowerOfTwo(mantissa: bigint, exponent: number): number {
  if (mantissa === 0n) return 0;
  const bits = mantissa.toString(2).length;
  // Exponent of the lowest bit a double near this magnitude can hold.
  const lowest = Math.max(bits + exponent - 53, -1074);
  if (bits + exponent > 1024) return Infinity;
  if (bits + exponent < -1075) return 0;
  const drop = lowest - exponent;
  if (drop <= 0) return Number(mantissa) * 2 ** exponent;
  const shift = BigInt(drop);
  let kept = mantissa >> shift;
  const rest = mantissa - (kept << shift);
  const half = 1n << (shift - 1n);
  if (rest > half || (rest === half && (kept & 1n) === 1n)) kept += 1n;
  return scaleExactly(Number(kept), lowest);
}

// 2 ** exponent alone may be subnormal or infinite where the product is not, so the scaling goes in two exact steps.
function scaleExactly(value: number, exponent: number): number {
  const first = Math.trunc(exponent / 2);
  return value * 2 ** first * 2 ** (exponent - first);
}
