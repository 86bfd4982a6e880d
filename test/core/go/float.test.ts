import fc from "fast-check";
import { describe, test } from "vitest";
import { generalDecimal, parseGoFloat } from "../../../src/core/go/float.ts";

describe("generalDecimal()", () => {
  // Printed by Go: strconv.FormatFloat(value, 'g', -1, 64).
  test.for([
    [0, "0"],
    [-0, "-0"],
    [5, "5"],
    [123456, "123456"],
    [1e6, "1e+06"],
    [1234567.5, "1.2345675e+06"],
    [1e20, "1e+20"],
    [1e100, "1e+100"],
    [-2.5e10, "-2.5e+10"],
    [0.0001, "0.0001"],
    [0.00001, "1e-05"],
    [1.5e-7, "1.5e-07"],
    [5e-324, "5e-324"],
    [Infinity, "+Inf"],
    [-Infinity, "-Inf"],
    [NaN, "NaN"],
  ] as const)("%s prints as %s", ([value, text], { expect }) => {
    expect(generalDecimal(value)).toBe(text);
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
  ])("%j is not a number", (text, { expect }) => {
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
