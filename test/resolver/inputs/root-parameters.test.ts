import { fromJson } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { PipelineSpecSchema } from "../../../src/core/kfp-types.ts";
import { jsonToValue, valueToJson, type JsonValue } from "../../../src/core/values/value.ts";
import { rootParameters } from "../../../src/resolver/inputs/root-parameters.ts";
import { JOB } from "../resolving.ts";

const spec = fromJson(PipelineSpecSchema, {
  root: {
    inputDefinitions: {
      parameters: {
        id: { parameterType: "STRING", defaultValue: "{{$.pipeline_job_uuid}}" },
        list: { parameterType: "LIST", defaultValue: ["a", { b: "of {{$.pipeline_job_name}}" }] },
        task: { parameterType: "STRING", defaultValue: "{{$.pipeline_task_name}} {{$.inputs.parameters['id']}}" },
        n: { parameterType: "NUMBER_INTEGER" },
        any: { parameterType: "STRUCT" },
      },
    },
  },
});

const resolve = (values: Record<string, JsonValue>, roundedIntegers: (string | number)[][] = []): Record<string, JsonValue> => {
  const given = Object.entries(values).map(([name, value]) => [name, jsonToValue(value)] as const);
  const resolved = rootParameters({ spec, values: Object.fromEntries(given), roundedIntegers, job: JOB });
  return Object.fromEntries(resolved.map(([name, value]) => [name, valueToJson(value)]));
};

describe("rootParameters()", () => {
  test("resolves the placeholders of defaults, also inside lists and structs", ({ expect }) => {
    expect(resolve({ list: ["a", { b: "of {{$.pipeline_job_name}}" }], id: "{{$.pipeline_job_uuid}}" })).toEqual({
      id: "run-1",
      list: ["a", { b: "of My run" }],
    });
  });

  test("leaves what only a task could answer", ({ expect }) => {
    const task = "{{$.pipeline_task_name}} {{$.inputs.parameters['id']}}";
    expect(resolve({ task })).toEqual({ task });
  });

  test("never reads a given value for placeholders, and sorts by name", ({ expect }) => {
    const given = { list: ["{{$.pipeline_job_uuid}}"], id: "x {{$.pipeline_job_uuid}}", any: { "{{$}}": null } };
    expect(resolve(given)).toEqual(given);
    expect(Object.keys(resolve(given))).toEqual(["any", "id", "list"]);
  });

  test.for([
    [{ n: 2 ** 53 }, [], /Cannot start the run: parameter "n" is an integer beyond 9007199254740991 .*pass it as a string/],
    [{ any: { a: [1] } }, [["any", "a", 0]], /member a\[0\] of parameter "any" is an integer beyond/],
  ] as const)("refuses rounded integers by name: %j", ([values, rounded, message], { expect }) => {
    expect(() =>
      resolve(
        values as unknown as Record<string, JsonValue>,
        rounded.map((path) => [...path]),
      ),
    ).toThrow(message);
  });

  test("takes doubles of any size", ({ expect }) => {
    expect(resolve({ any: { a: 2 ** 53 }, n: -7 })).toEqual({ any: { a: 2 ** 53 }, n: -7 });
  });
});
