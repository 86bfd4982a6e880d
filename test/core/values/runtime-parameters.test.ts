import { create, fromJson, type JsonObject } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { PipelineSpecSchema } from "../../../src/core/kfp-types.ts";
import { checkRuntimeParameters } from "../../../src/core/values/runtime-parameters.ts";

function specWith(parameters: JsonObject) {
  return fromJson(PipelineSpecSchema, { root: { inputDefinitions: { parameters } } });
}

const SPEC = specWith({
  s: { parameterType: "STRING", isOptional: true },
  i: { parameterType: "NUMBER_INTEGER", defaultValue: 3 },
  d: { parameterType: "NUMBER_DOUBLE", isOptional: true },
  b: { parameterType: "BOOLEAN", isOptional: true },
  l: { parameterType: "LIST", isOptional: true },
  o: { parameterType: "STRUCT", isOptional: true },
  lit: { parameterType: "STRING", isOptional: true, literals: ["a", "b"] },
  litList: { parameterType: "LIST", isOptional: true, literals: [[1, { x: 1, y: [2] }]] },
  status: { parameterType: "TASK_FINAL_STATUS", isOptional: true },
  config: { parameterType: "TASK_CONFIG", isOptional: true },
  untyped: { isOptional: true },
});

// docs/spec/api-server.md#createrun
describe("checkRuntimeParameters()", () => {
  test.for<{ name: string; values: JsonObject }>([
    { name: "nothing where nothing is required", values: {} },
    { name: "a string", values: { s: "" } },
    { name: "whole numbers", values: { i: 3, d: 3 } },
    { name: "a fraction for a double", values: { d: 1.5 } },
    { name: "a boolean", values: { b: false } },
    { name: "a list and an object", values: { l: [], o: {} } },
    { name: "a literal", values: { lit: "b" } },
    { name: "a list literal with members in another order", values: { litList: [1, { y: [2], x: 1 }] } },
  ])("accepts $name", ({ values }, { expect }) => {
    expect(checkRuntimeParameters(SPEC, values)).toEqual([]);
  });

  test.for<{ name: string; values: JsonObject; kind: string; message: RegExp }>([
    { name: "an unknown name", values: { zz: 1 }, kind: "unknown", message: /"zz" is not declared .* known are b, config/ },
    { name: "a member of Object.prototype", values: { toString: "x" }, kind: "unknown", message: /"toString"/ },
    { name: "a number for a string", values: { s: 1 }, kind: "type", message: /"s" \(STRING\) needs a string, not a number/ },
    {
      name: "a fraction for an integer",
      values: { i: 1.5 },
      kind: "type",
      message: /whole number, not a number with a fraction/,
    },
    { name: "text for an integer", values: { i: "3" }, kind: "type", message: /whole number, not a string/ },
    { name: "a number for a boolean", values: { b: 1 }, kind: "type", message: /true or false/ },
    { name: "an object for a list", values: { l: {} }, kind: "type", message: /a list, not an object/ },
    { name: "a list for an object", values: { o: [] }, kind: "type", message: /an object, not a list/ },
    { name: "null, even where optional", values: { s: null }, kind: "type", message: /not null/ },
    { name: "a value that is not a literal", values: { lit: "c" }, kind: "literal", message: /one of "a", "b"/ },
    { name: "another list than the literal", values: { litList: [1] }, kind: "literal", message: /one of/ },
    { name: "a final status", values: { status: {} }, kind: "not-settable", message: /TASK_FINAL_STATUS/ },
    { name: "a task config", values: { config: {} }, kind: "not-settable", message: /TASK_CONFIG/ },
    { name: "a value for an input without type", values: { untyped: 1 }, kind: "not-settable", message: /"untyped"/ },
  ])("refuses $name", ({ values, kind, message }, { expect }) => {
    const problems = checkRuntimeParameters(SPEC, values);
    expect(problems).toMatchObject([{ kind }]);
    expect(problems[0]?.message).toMatch(message);
  });

  test("reports every problem at once, without any value", ({ expect }) => {
    const spec = specWith({ n: { parameterType: "NUMBER_INTEGER" }, s: { parameterType: "STRING" } });
    const problems = checkRuntimeParameters(spec, { s: 4711, x: "secret" });
    expect(problems.map(({ kind, name }) => `${kind} ${name}`)).toEqual(["unknown x", "missing n", "type s"]);
    expect(JSON.stringify(problems)).not.toMatch(/4711|secret/);
  });

  test("accepts no parameters for a pipeline without inputs", ({ expect }) => {
    expect(checkRuntimeParameters(create(PipelineSpecSchema), {})).toEqual([]);
  });
});
