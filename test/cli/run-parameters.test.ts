import { fromJson } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { readRunParameters, type GivenParameters } from "../../src/cli/run-parameters.ts";
import { PipelineSpecSchema } from "../../src/core/kfp-types.ts";

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
          'Cannot read parameter "flag" (BOOLEAN): not valid JSON: unexpected character',
          'Cannot read --param "real": it has to be name=value',
          'Cannot read --param "": it has to be name=value',
          'Parameter "nope" is not declared by the pipeline: known are fields, flag, items, real, text, whole',
          'Parameter "items" (LIST) needs a list, not an object',
          'Parameter "whole" (NUMBER_INTEGER) is required: give it a value',
        ].join("\n"),
      }) as Error,
    );
  });
});
