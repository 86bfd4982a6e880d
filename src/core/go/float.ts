/**
 * Floating-point text as Go reads it, and in the one form of its printing that uses exponents early.
 *
 * Source: strconv.ParseFloat for docs/spec/outputs.md#output-parameters; format 'g' with precision -1 for
 * docs/spec/pod-spec-patch.md#container-main-in-short and CEL's `string()`.
 *
 * @module
 */

/**
 * Go's format 'g' with the shortest precision: an exponent of at least two digits where the decimal exponent is below -4 or at
 * least 6, as in `1e-05` and `1.2345675e+06`; infinities and NaN have names.
 */
export function generalDecimal(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  const [mantissa = "", exponentText = "0"] = value.toExponential().split("e");
  const exponent = Number(exponentText);
  if (exponent >= -4 && exponent < 6) return String(value);
  const sign = exponent < 0 ? "-" : "+";
  return `${mantissa}e${sign}${String(Math.abs(exponent)).padStart(2, "0")}`;
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
