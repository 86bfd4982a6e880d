import fc from "fast-check";
import { describe, test } from "vitest";
import { jsonNumber, parseDecimalInteger, parseGoBool, parseGoInteger, plainDecimal } from "../../../src/core/go/number.ts";

// docs/spec/placeholders.md#rendering-of-values, columns "launcher pass" and "inside JSON".
const RENDERINGS = [
  { value: 5, plain: "5", json: "5" },
  { value: 0.1, plain: "0.1", json: "0.1" },
  { value: 1234567.5, plain: "1234567.5", json: "1234567.5" },
  { value: 0.00001, plain: "0.00001", json: "0.00001" },
  { value: 1e-7, plain: "0.0000001", json: "1e-7" },
  { value: -1.25e-9, plain: "-0.00000000125", json: "-1.25e-9" },
  { value: 1e20, plain: "100000000000000000000", json: "100000000000000000000" },
  { value: 1e21, plain: "1000000000000000000000", json: "1e+21" },
  { value: 1.5e22, plain: "15000000000000000000000", json: "1.5e+22" },
  // oxlint-disable-next-line no-loss-of-precision -- the loss is the case
  { value: 9007199254740993, plain: "9007199254740992", json: "9007199254740992" },
  { value: -0, plain: "-0", json: "-0" },
  { value: -3.7, plain: "-3.7", json: "-3.7" },
];

describe("plainDecimal() and jsonNumber()", () => {
  test.for(RENDERINGS)("$value prints as $plain and $json", ({ value, plain, json }, { expect }) => {
    expect(plainDecimal(value)).toBe(plain);
    expect(jsonNumber(value)).toBe(json);
  });

  test("plain decimals never use an exponent and read back as the same double", ({ expect }) => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const text = plainDecimal(value);
        expect(text).toMatch(/^-?\d+(\.\d+)?$/);
        expect(Number(text)).toBe(value);
        expect(Number(jsonNumber(value))).toBe(value);
      }),
    );
  });

  test.for([NaN, Infinity, -Infinity])("%s is refused", (value, { expect }) => {
    expect(() => plainDecimal(value)).toThrow(/finite/);
    expect(() => jsonNumber(value)).toThrow(expect.objectContaining({ code: "VALUE_INVALID" }));
  });
});

describe("parseGoInteger()", () => {
  test.for([
    ["16", 16n],
    ["0x10", 16n],
    ["0X1f", 31n],
    ["010", 8n],
    ["0o17", 15n],
    ["0b11", 3n],
    ["1_000", 1000n],
    ["0x_10", 16n],
    ["0_7", 7n],
    ["+5", 5n],
    ["-1", -1n],
    ["-0x10", -16n],
    ["0", 0n],
    ["9223372036854775807", 9223372036854775807n],
    ["-9223372036854775808", -9223372036854775808n],
    ["9223372036854775808", "value out of range"],
    ["-9223372036854775809", "value out of range"],
    ["", "parse error"],
    ["1.0", "parse error"],
    ["abc", "parse error"],
    ["1e3", "parse error"],
    [" 1", "parse error"],
    ["_1", "parse error"],
    ["1_", "parse error"],
    ["1__0", "parse error"],
    ["08", "parse error"],
    ["0x", "parse error"],
    ["0b2", "parse error"],
    ["12f", "parse error"],
    ["--1", "parse error"],
  ] as const)("%j gives %s", ([text, expected], { expect }) => {
    expect(parseGoInteger(text)).toBe(expected);
  });
});

describe("parseDecimalInteger()", () => {
  test.for([
    ["42", 42n],
    ["+42", 42n],
    ["-042", -42n],
    ["0x10", "parse error"],
    ["1_000", "parse error"],
    ["", "parse error"],
    ["9223372036854775808", "value out of range"],
  ] as const)("%j gives %s", ([text, expected], { expect }) => {
    expect(parseDecimalInteger(text)).toBe(expected);
  });
});

describe("parseGoBool()", () => {
  test("takes Go's twelve words and nothing else", ({ expect }) => {
    for (const word of ["1", "t", "T", "TRUE", "true", "True"]) expect(parseGoBool(word)).toBe(true);
    for (const word of ["0", "f", "F", "FALSE", "false", "False"]) expect(parseGoBool(word)).toBe(false);
    for (const word of ["", "yes", "tRuE", " true", "2"]) expect(parseGoBool(word)).toBeUndefined();
  });
});
