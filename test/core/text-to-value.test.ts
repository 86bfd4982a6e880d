import fc from "fast-check";
import { describe, test } from "vitest";
import { ParameterType } from "../../src/core/kfp-types.ts";
import { parseGoFloat, textToValue } from "../../src/core/text-to-value.ts";
import { valueToJson } from "../../src/core/value.ts";
import type { JsonValue } from "../../src/core/value.ts";

const { STRING, NUMBER_INTEGER, NUMBER_DOUBLE, BOOLEAN, LIST, STRUCT, TASK_FINAL_STATUS, TASK_CONFIG } = ParameterType;

describe("textToValue()", () => {
  // contract/launcher.md 6.3 and 14.3.
  test.for([
    [STRING, "hi\n", "hi\n"],
    [STRING, "", ""],
    [STRING, " 5 ", " 5 "],
    [NUMBER_INTEGER, " 42\n", 42],
    [NUMBER_INTEGER, "+7", 7],
    [NUMBER_INTEGER, "-007", -7],
    [NUMBER_INTEGER, "\u00a09007199254740993\u0085", 9007199254740992],
    [NUMBER_DOUBLE, "0.95", 0.95],
    [NUMBER_DOUBLE, "1_000.5\n", 1000.5],
    [NUMBER_DOUBLE, "0x1p-2", 0.25],
    [NUMBER_DOUBLE, "5", 5],
    [BOOLEAN, "True\n", true],
    [BOOLEAN, " f ", false],
    [BOOLEAN, "1", true],
    [LIST, ' [1, "a", {"b": null}]\n', [1, "a", { b: null }]],
    [LIST, "[]", []],
    [STRUCT, '{"a": 1, "a": 2}', { a: 2 }],
  ] as [ParameterType, string, JsonValue][])("type %s reads %j as %j", ([type, text, json], { expect }) => {
    expect(valueToJson(textToValue(text, type))).toEqual(json);
  });

  test.for([
    [NUMBER_INTEGER, "1.0", /not a decimal integer/],
    [NUMBER_INTEGER, "1e3", /not a decimal integer/],
    [NUMBER_INTEGER, "0x10", /not a decimal integer/],
    [NUMBER_INTEGER, "1_000", /not a decimal integer/],
    [NUMBER_INTEGER, "", /not a decimal integer/],
    [NUMBER_INTEGER, "9223372036854775808", /does not fit into 64 bits/],
    [NUMBER_DOUBLE, "", /not a number/],
    [NUMBER_DOUBLE, "1,5", /not a number/],
    [NUMBER_DOUBLE, "0x10", /not a number/],
    [NUMBER_DOUBLE, "1__0", /not a number/],
    [NUMBER_DOUBLE, "1e400", /does not fit into a double/],
    [BOOLEAN, "yes", /neither true nor false/],
    [BOOLEAN, "tRuE", /neither true nor false/],
    [BOOLEAN, "", /neither true nor false/],
    [LIST, '{"a":1}', /not an array/],
    [LIST, "null", /not an array/],
    [LIST, "", /not valid JSON/],
    [LIST, "[NaN]", /not valid JSON/],
    [LIST, "[1e400]", /must be finite/],
    [STRUCT, "[1]", /not an object/],
    [STRUCT, '"a"', /not an object/],
    [STRUCT, "{", /not valid JSON/],
    [TASK_FINAL_STATUS, "{}", /cannot write an output parameter of this type/],
    [TASK_CONFIG, "{}", /cannot write an output parameter of this type/],
    [ParameterType.PARAMETER_TYPE_ENUM_UNSPECIFIED, "x", /PARAMETER_TYPE_ENUM_UNSPECIFIED: a component cannot write/],
  ] as [ParameterType, string, RegExp][])("type %s refuses %j", ([type, text, message], { expect }) => {
    expect(() => textToValue(text, type, 'output parameter "o"')).toThrow(
      expect.objectContaining({ name: "UserCodeError", code: "OUTPUT_PARAMETER_INVALID" }),
    );
    expect(() => textToValue(text, type, 'output parameter "o"')).toThrow(message);
    expect(() => textToValue(text, type, 'output parameter "o"')).toThrow(/^Cannot read output parameter "o" as /);
  });

  test("accepts nan and inf as doubles, which then have no JSON form", ({ expect }) => {
    expect(textToValue("NaN", NUMBER_DOUBLE).kind.value).toBeNaN();
    expect(textToValue("-Infinity\n", NUMBER_DOUBLE).kind.value).toBe(-Infinity);
    expect(() => valueToJson(textToValue("inf", NUMBER_DOUBLE))).toThrow(expect.objectContaining({ code: "VALUE_INVALID" }));
  });
});

describe("parseGoFloat()", () => {
  test.for([
    ["1.5", 1.5],
    ["5.", 5],
    [".5", 0.5],
    ["+1E+05", 100000],
    ["-0", -0],
    ["1e-400", 0],
    ["4.9e-324", 5e-324],
    ["1_0.2_5e1_0", 10.25e10],
    ["inf", Infinity],
    ["+INFINITY", Infinity],
    ["-inf", -Infinity],
    ["nAn", NaN],
    ["0x1p-2", 0.25],
    ["0X1.8P3", 12],
    ["0x.8p0", 0.5],
    ["0x8.p0", 8],
    ["-0x1p0", -1],
    ["0x_1_0p1", 32],
    ["0x0p99999", 0],
    ["0x1.fffffffffffffp1023", Number.MAX_VALUE],
    ["0x1p-1074", 5e-324],
    ["0x1p-1075", 0],
    ["0x1.8p-1075", 5e-324],
    ["0x1p-2000", 0],
    ["0x1.00000000000008p0", 1],
    ["0x1.000000000000081p0", 1 + Number.EPSILON],
    ["0x1.00000000000018p0", 1 + 2 * Number.EPSILON],
    ["0x3p-1074", 1.5e-323],
  ] as const)("%j is %s", ([text, number], { expect }) => {
    expect(parseGoFloat(text)).toBe(number);
  });

  test.for([
    "",
    "+",
    ".",
    "e5",
    "1e",
    "1e+",
    "+nan",
    "-nan",
    "infi",
    "1.5.2",
    "1f",
    "0x",
    "0x1",
    "0x1.8",
    "0xp1",
    "0x.p1",
    "0x1p",
    "1p5",
    "1 5",
    "_1",
    "1_",
    "1_.5",
    "1._5",
    "1_e5",
    "1e_5",
    "1__0",
    "+_1",
    "0b1",
    "0o7",
    "--1",
  ])("%j is no number", (text, { expect }) => {
    expect(parseGoFloat(text)).toBe("the text is not a number");
  });

  test.for(["1e309", "-1e400", "0x1p1024", "0x1.fffffffffffff8p1023"])("%j is out of range", (text, { expect }) => {
    expect(parseGoFloat(text)).toBe("the number does not fit into a double");
  });

  test("reads every double back from its decimal and its hexadecimal form", ({ expect }) => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(parseGoFloat(String(value))).toBe(value === 0 ? 0 : value);
        expect(parseGoFloat(hexOf(value))).toBe(value);
      }),
    );
  });
});

/** Exact hexadecimal form, from the bits of the double. */
function hexOf(value: number): string {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, value);
  const word = bits.getBigUint64(0);
  const exponent = Number((word >> 52n) & 0x7ffn);
  const fraction = word & 0xfffffffffffffn;
  const mantissa = exponent === 0 ? fraction : fraction | (1n << 52n);
  return `${word >> 63n === 1n ? "-" : ""}0x${mantissa.toString(16)}p${(exponent === 0 ? 1 : exponent) - 1075}`;
}
