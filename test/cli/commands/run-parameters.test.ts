import { fromJson } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { readRunParameters, type GivenParameters } from "../../../src/cli/commands/run-parameters.ts";
import { PipelineSpecSchema } from "../../../src/core/kfp-types.ts";

const spec = fromJson(PipelineSpecSchema, {
  root: {
    inputDefinitions: {
      parameters: {
        text: { parameterType: "STRING", defaultValue: "d" },
        whole: { parameterType: "NUMBER_INTEGER" },
        real: { parameterType: "NUMBER_DOUBLE", isOptional: true },
        flag: { parameterType: "BOOLEAN", isOptional: true },
        items: { parameterType: "LIST", isOptional: true },
        fields: { parameterType: "STRUCT", isOptional: true },
      },
    },
  },
});

describe("readRunParameters()", () => {
  test.for<{ name: string; given: GivenParameters; values: object }>([
    { name: "text as it is", given: { params: ["text=1 = 'x' ", "whole=1"] }, values: { text: "1 = 'x' ", whole: 1 } },
    { name: "an empty text", given: { params: ["text=", "whole=-2"] }, values: { text: "", whole: -2 } },
    {
      name: "the others as JSON",
      given: { params: ["whole=3", "real=1e-3", "flag=true", 'items=[1,"a"]', 'fields={"a":null}'] },
      values: { whole: 3, real: 0.001, flag: true, items: [1, "a"], fields: { a: null } },
    },
    { name: "the last one of a name", given: { params: ["whole=x", "whole=1", "whole=2"] }, values: { whole: 2 } },
    {
      name: "--param over the file",
      given: { params: ["whole=2"], file: { whole: 1, text: "f" } },
      values: { whole: 2, text: "f" },
    },
  ])("takes $name", ({ given, values }, { expect }) => {
    expect(readRunParameters(spec, given)).toEqual(values);
  });

  test("says everything that is wrong at once, and no value", ({ expect }) => {
    const params = ["nope=secret-1", "flag=secret-2", "items={}", "real", "=x"];
    expect(() => readRunParameters(spec, { params })).toThrow(
      expect.objectContaining({
        code: "PARAMETER_INVALID",
        message: [
          'Cannot read parameter "flag" (BOOLEAN): not valid JSON: unexpected character; write true or false',
          'Cannot read --param "real": it has to be name=value',
          'Cannot read --param "": it has to be name=value',
          'Parameter "nope" is not declared by the pipeline: known are fields, flag, items, real, text, whole',
          'Parameter "items" (LIST) needs a list, not an object',
          'Parameter "whole" (NUMBER_INTEGER) is required: give it a value',
        ].join("\n"),
      }) as Error,
    );
  });

  test.for([
    ["flag=True", /"flag" \(BOOLEAN\): .*; write true, without quotes and in lower case$/],
    ["flag=no", /; write false, without quotes/],
    ["items=[True, None]", /JSON writes true, false and null where Python writes True, False and None/],
    ["items=['a']", /JSON quotes texts and keys with "/],
    ["fields={a: 1}", /double quotes, which the shell takes away/],
    [
      "whole=9223372036854775807",
      /"whole" \(NUMBER_INTEGER\) cannot be used: it is an integer beyond 9007199254740991 .*as a string$/,
    ],
    ["whole=-9007199254740993", /"whole" .*pass it as a string/],
    ['fields={"a":[1,{"b c":9007199254740993}]}', /"fields" \(STRUCT\): member a\[1\]\["b c"\] is an integer beyond/],
    ["text=\ud800", /"text" \(STRING\) cannot be used: the text is not valid Unicode \(half a surrogate pair\)/],
    ['items=["\\ud800"]', /"items" \(LIST\) cannot be used: member \[0\]: the text is not valid Unicode/],
    [`items=${"[".repeat(31)}${"]".repeat(31)}`, /"items" \(LIST\) cannot be used: it is nested more than 30 levels deep/],
    [`items=${"[".repeat(90_000)}${"]".repeat(90_000)}`, /"items" \(LIST\): it is nested more than 30 levels deep/],
  ] as const)("%s says what to do", ([param, message], { expect }) => {
    expect(() => readRunParameters(spec, { params: ["whole=1", param] })).toThrow(message);
  });

  test("takes integers that are what they say, and any double", ({ expect }) => {
    const params = ["whole=9007199254740991", "real=9007199254740993", "items=[9007199254740992,100000000000000000000]"];
    expect(readRunParameters(spec, { params })).toEqual({ whole: 2 ** 53 - 1, real: 2 ** 53, items: [2 ** 53, 1e20] });
  });

  test("values of a file are checked like those of the command line", ({ expect }) => {
    const file = { whole: 2 ** 53, items: [Number.NaN], fields: { "a b": { c: Number.POSITIVE_INFINITY } } };
    expect(() => readRunParameters(spec, { params: [], file })).toThrow(
      [
        'Parameter "fields" (STRUCT) cannot be used: member ["a b"].c: a number must be finite, not NaN or an infinity',
        'Parameter "items" (LIST) cannot be used: member [0]: a number must be finite, not NaN or an infinity',
        'Parameter "whole" (NUMBER_INTEGER) cannot be used: it is an integer beyond 9007199254740991 (2^53 - 1), which KFP cannot carry exactly; pass it as a string',
      ].join("\n"),
    );
  });
});
