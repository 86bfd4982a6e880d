import { describe, test } from "vitest";
import { ParameterType } from "../../../src/core/kfp-types.ts";
import { textToValue } from "../../../src/core/values/text-to-value.ts";
import { valueToJson } from "../../../src/core/values/value.ts";
import type { JsonValue } from "../../../src/core/values/value.ts";

const { STRING, NUMBER_INTEGER, NUMBER_DOUBLE, BOOLEAN, LIST, STRUCT, TASK_FINAL_STATUS, TASK_CONFIG } = ParameterType;

describe("textToValue()", () => {
  // docs/spec/outputs.md#output-parameters, #output-parameter-cases.
  test.for([
    [STRING, "hi\n", "hi\n"],
    [STRING, "", ""],
    [STRING, " 5 ", " 5 "],
    [NUMBER_INTEGER, " 42\n", 42],
    [NUMBER_INTEGER, "+7", 7],
    [NUMBER_INTEGER, "-007", -7],
    [NUMBER_INTEGER, "\u00a09007199254740991\u0085", 9007199254740991],
    [NUMBER_DOUBLE, "9007199254740993", 9007199254740992],
    [LIST, "[9007199254740992, 1e300]", [9007199254740992, 1e300]],
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
    [LIST, "[1e400]", /member \[0\]: a number must be finite/],
    [NUMBER_INTEGER, "9007199254740993", /an integer beyond 9007199254740991 .*; pass it as a string/],
    [NUMBER_INTEGER, "-9223372036854775808", /an integer beyond 9007199254740991/],
    [LIST, "[0, [9007199254740993]]", /member \[1\]\[0\] is an integer beyond/],
    [STRUCT, '{"a b": {"c": 12345678901234567890}}', /member \["a b"\]\.c is an integer beyond/],
    [LIST, `${"[".repeat(31)}${"]".repeat(31)}`, /nested more than 30 levels deep/],
    [
      STRUCT,
      `{"a":${"[".repeat(200_000)}${"]".repeat(200_000)}}`,
      /^Cannot read output parameter "o" as STRUCT: it is nested more than 30 levels deep/,
    ],
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
