import { create, toJson } from "@bufbuild/protobuf";
import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, test } from "vitest";
import { UserCodeError } from "../../../src/core/errors.ts";
import {
  ArtifactSchema,
  ExecutorInputSchema,
  ExecutorOutputSchema,
  ImporterSpecSchema,
  PipelineDeploymentConfigSchema,
  PipelineSpecSchema,
  PipelineTaskSchema,
  PlatformSpecSchema,
} from "../../../src/core/kfp-types.ts";
import { parseLenient, printJson } from "../../../src/core/protojson/protojson.ts";
import { jsonToValue, MAX_VALUE_DEPTH, valueToJson } from "../../../src/core/values/value.ts";
import type { JsonValue } from "../../../src/core/values/value.ts";
import { RuntimeConfigSchema } from "../../../src/gen/kubeflow/pipelines/backend/api/v2beta1/runtime_config_pb.js";
import { FilterSchema, Predicate_Operation } from "../../../src/gen/kubeflow/pipelines/backend/api/v2beta1/filter_pb.js";
import { UpdateTasksBulkRequestSchema } from "../../../src/gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";

const WHAT = { what: "the text" };

function reprint(schema: DescMessage, text: string): string {
  return printJson(schema, parseLenient(schema, text, WHAT).message);
}

describe("parseLenient() then printJson()", () => {
  // docs/spec/json-and-rest.md#consequences.
  test.for([
    [PipelineTaskSchema, '{"typeAttributes":{"iterationIndex":0}}', '{"typeAttributes":{"iterationIndex":"0"}}'],
    [PipelineTaskSchema, '{"type_attributes":{"iteration_index":"7"}}', '{"typeAttributes":{"iterationIndex":"7"}}'],
    [PipelineTaskSchema, '{"state":0}', "{}"],
    [PipelineTaskSchema, '{"state":"CACHED"}', '{"state":"CACHED"}'],
    [PipelineTaskSchema, '{"state":5}', '{"state":"CACHED"}'],
    [PipelineTaskSchema, '{"state":99}', '{"state":99}'],
    [PipelineTaskSchema, '{"parentTaskId":""}', '{"parentTaskId":""}'],
    [PipelineTaskSchema, '{"parentTaskId":null}', "{}"],
    [RuntimeConfigSchema, '{"parameters":{"a":null}}', '{"parameters":{"a":null}}'],
    [RuntimeConfigSchema, '{"parameters":null}', "{}"],
    [RuntimeConfigSchema, '{"parameters":{"b":1,"a":[-0,{"z":-0.0}]}}', '{"parameters":{"a":[-0,{"z":-0}],"b":1}}'],
    [RuntimeConfigSchema, '{"parameters":{"__proto__":{"__proto__":1}}}', '{"parameters":{"__proto__":{"__proto__":1}}}'],
    [ArtifactSchema, '{"metadata":{"x":1.0,"y":1e21}}', '{"metadata":{"x":1,"y":1e+21}}'],
    [ArtifactSchema, '{"uri":""}', '{"uri":""}'],
    [ArtifactSchema, '{"numberValue":0}', '{"numberValue":0}'],
    [ArtifactSchema, '{"numberValue":"1.5e3"}', '{"numberValue":1500}'],
    [ArtifactSchema, '{"numberValue":"NaN"}', '{"numberValue":"NaN"}'],
    [ArtifactSchema, '{"numberValue":"-Infinity"}', '{"numberValue":"-Infinity"}'],
    [PipelineTaskSchema, '{"createTime":"2025-01-02T04:04:05.5+01:00"}', '{"createTime":"2025-01-02T03:04:05.500Z"}'],
    [PipelineTaskSchema, '{"inputs":{}}', '{"inputs":{}}'],
    [ExecutorInputSchema, '{"inputs":{}}', '{"inputs":{}}'],
  ] as [DescMessage, string, string][])("%s: %s becomes %s", ([schema, text, printed], { expect }) => {
    expect(reprint(schema, text)).toBe(printed);
  });

  test.for(["1e3", "1000.0", '"1000"', '"1e3"'])("32-bit integers accept %s", (text, { expect }) => {
    expect(
      reprint(PipelineSpecSchema, `{"components":{"c":{"dag":{"tasks":{"t":{"retryPolicy":{"maxRetryCount":${text}}}}}}}}`),
    ).toBe('{"components":{"c":{"dag":{"tasks":{"t":{"retryPolicy":{"maxRetryCount":1000}}}}}}}');
  });

  test.for(["5", '"9007199254740993"', '"-1"', '"1e3"'])("64-bit integers accept %s exactly", (text, { expect }) => {
    const expected = text === '"1e3"' ? "1000" : text.replaceAll('"', "");
    expect(reprint(PipelineTaskSchema, `{"typeAttributes":{"iterationIndex":${text}}}`)).toBe(
      `{"typeAttributes":{"iterationIndex":"${expected}"}}`,
    );
  });

  test("keeps any parameter values", ({ expect }) => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (values) => {
        const text = JSON.stringify({ inputs: { parameterValues: values } });
        expect(JSON.parse(reprint(ExecutorInputSchema, text))).toEqual(
          Object.keys(values).length === 0 ? { inputs: {} } : JSON.parse(text),
        );
      }),
    );
  });
});

describe("parseLenient()", () => {
  test("accepts camel case and proto names, freely mixed", ({ expect }) => {
    const { message, unknownFields } = parseLenient(
      ExecutorOutputSchema,
      '{"parameter_values":{"a":1},"artifacts":{"m":{"artifacts":[{"custom_path":"/x","artifactId":"1"}]}}}',
      WHAT,
    );
    expect(unknownFields).toEqual([]);
    expect(toJson(ExecutorOutputSchema, message)).toEqual({
      parameterValues: { a: 1 },
      artifacts: { m: { artifacts: [{ customPath: "/x", artifactId: "1" }] } },
    });
  });

  test("ignores unknown fields and unknown enum names, and names them all", ({ expect }) => {
    const { message, unknownFields } = parseLenient(
      PipelineSpecSchema,
      {
        newTop: { root: 1 },
        root: {
          dag: {
            tasks: {
              train: { newField: 1, triggerPolicy: { strategy: "BY_MAGIC", condition: "c" } },
              "odd name": { inputs: { x: [] } },
            },
          },
          singlePlatformSpecs: [{}, { newer: null }],
        },
        deploymentSpec: { executors: { e: { unknownInside: 1 } } },
      },
      WHAT,
    );
    expect(unknownFields).toEqual([
      "newTop",
      "root.dag.tasks.train.newField",
      "root.dag.tasks.train.triggerPolicy.strategy",
      'root.dag.tasks["odd name"].inputs.x',
      "root.singlePlatformSpecs[1].newer",
    ]);
    expect(message.root?.implementation).toMatchObject({
      case: "dag",
      value: { tasks: { train: { triggerPolicy: { strategy: 0, condition: "c" } } } },
    });
    expect(message.deploymentSpec).toEqual({ executors: { e: { unknownInside: 1 } } });
  });

  test("leaves entries with an unknown enum name out of lists", ({ expect }) => {
    const { message, unknownFields } = parseLenient(
      PipelineSpecSchema,
      { root: { taskConfigPassthroughs: [{ field: "MOON" }, { field: "ENV" }] } },
      WHAT,
    );
    expect(message.root?.taskConfigPassthroughs.map(({ field }) => field)).toEqual([0, 2]);
    expect(unknownFields).toEqual(["root.taskConfigPassthroughs[0].field"]);
  });

  test("takes null for unset, also for members of a oneof", ({ expect }) => {
    const { message } = parseLenient(PipelineSpecSchema, { root: { dag: null, executorLabel: "e" }, components: null }, WHAT);
    expect(message.root?.implementation).toEqual({ case: "executorLabel", value: "e" });
  });

  test("takes null as a value where the field is a Value", ({ expect }) => {
    const { message } = parseLenient(ImporterSpecSchema, { artifactUri: { constant: null } }, WHAT);
    expect(message.artifactUri?.value).toMatchObject({ case: "constant", value: { kind: { case: "nullValue" } } });
  });

  test("agrees with protobuf-es on what both accept", ({ expect }) => {
    const { message } = parseLenient(
      PipelineTaskSchema,
      { taskId: "t", inputs: { parameters: [{ value: { a: [1] }, parameterKey: "k" }] }, typeAttributes: { iterationCount: 3 } },
      WHAT,
    );
    const init: MessageInitShape<typeof PipelineTaskSchema> = {
      taskId: "t",
      inputs: { parameters: [{ value: jsonToValue({ a: [1] }), parameterKey: "k" }] },
      typeAttributes: { iterationCount: 3n },
    };
    expect(message).toEqual(create(PipelineTaskSchema, init));
  });

  const SECRET = "s3cr3t";
  test.for([
    [ExecutorInputSchema, "{", "unexpected end of the text"],
    [ExecutorInputSchema, "", "the text is empty"],
    [ExecutorInputSchema, `{"a":"${SECRET}`, "unexpected end of the text"],
    [ExecutorInputSchema, `{"a":"${SECRET}"]`, "unexpected character at position"],
    [ExecutorInputSchema, `{"a":"${SECRET}"} x`, "unexpected character at position"],
    [ExecutorInputSchema, SECRET, "unexpected character"],
    [ExecutorOutputSchema, '{"parameterValues":{"a":NaN}}', "NaN and Infinity are not JSON numbers"],
    [ExecutorInputSchema, "null", "expected an object, found null"],
    [ExecutorInputSchema, `"${SECRET}"`, "expected an object, found a string"],
    [ExecutorInputSchema, "[]", "expected an object, found a list"],
    [ExecutorInputSchema, '{"inputs":{},"inputs":{}}', 'key "inputs" appears twice'],
    [ExecutorInputSchema, '{"inputs":{},"\\u0069nputs":{}}', 'key "inputs" appears twice'],
    [RuntimeConfigSchema, '{"parameters":{"x":{"a":1,"b":["a","a"],"a":2}}}', 'key "a" appears twice'],
    [
      PipelineTaskSchema,
      '{"parent_task_id":"5","parentTaskId":"5"}',
      'parentTaskId: the same field is also given as "parent_task_id"',
    ],
    [PipelineSpecSchema, '{"root":{"dag":{},"executorLabel":"x"}}', 'root.executorLabel: excludes "dag"'],
    [UpdateTasksBulkRequestSchema, '{"tasks":{"a":null}}', "tasks.a: expected an object, found null"],
    [
      PipelineSpecSchema,
      '{"root":{"singlePlatformSpecs":[null]}}',
      "root.singlePlatformSpecs[0]: expected an object, found null",
    ],
    [PipelineSpecSchema, `{"root":"${SECRET}"}`, "root: expected an object, found a string"],
    [PipelineSpecSchema, '{"sdkVersion":5}', "sdkVersion: expected a string, found a number"],
    [PipelineSpecSchema, '{"sdkVersion":"\\ud800"}', "sdkVersion: the string is not valid Unicode"],
    [PipelineSpecSchema, '{"components":[]}', "components: expected an object, found a list"],
    [PipelineSpecSchema, '{"root":{"singlePlatformSpecs":{}}}', "root.singlePlatformSpecs: expected a list, found an object"],
    [PipelineSpecSchema, '{"deploymentSpec":[]}', "deploymentSpec: expected an object, found a list"],
    [ImporterSpecSchema, '{"reimport":"true"}', "reimport: expected true or false, found a string"],
    [ImporterSpecSchema, `{"metadata":{"a":["\\ude00${SECRET}"]}}`, "metadata.a[0]: the string is not valid Unicode"],
    [PipelineTaskSchema, '{"state":1.5}', "state: expected an integer"],
    [PipelineTaskSchema, '{"state":true}', "state: expected an enum name, found a boolean"],
    [
      PipelineTaskSchema,
      '{"typeAttributes":{"iterationIndex":""}}',
      "typeAttributes.iterationIndex: expected an integer, found a string",
    ],
    [PipelineTaskSchema, '{"typeAttributes":{"iterationIndex":" 5"}}', "iterationIndex: expected an integer, found a string"],
    [PipelineTaskSchema, '{"typeAttributes":{"iterationIndex":"0x5"}}', "iterationIndex: expected an integer, found a string"],
    [PipelineTaskSchema, '{"typeAttributes":{"iterationIndex":1.5}}', "iterationIndex: expected an integer"],
    [PipelineTaskSchema, '{"typeAttributes":{"iterationIndex":9007199254740993}}', "must be written as a string"],
    [
      PipelineTaskSchema,
      '{"typeAttributes":{"iterationIndex":"9223372036854775808"}}',
      "iterationIndex: the integer is out of range",
    ],
    [
      PlatformSpecSchema,
      '{"platforms":{"k":{"pipelineConfig":{"resourceTtlOnCompletion":2147483648}}}}',
      "the integer is out of range",
    ],
    [ArtifactSchema, `{"numberValue":"${SECRET}"}`, "numberValue: expected a number, found a string"],
    [ArtifactSchema, '{"numberValue":1e999}', "numberValue: the number is out of range"],
    [PipelineTaskSchema, `{"createTime":"${SECRET}"}`, "createTime: not a valid google.protobuf.Timestamp"],
    [PipelineTaskSchema, '{"createTime":5}', "createTime: expected an RFC 3339 time"],
    [
      PipelineSpecSchema,
      '{"root":{"dag":{"tasks":{"t":{"retryPolicy":{"backoffDuration":"3sx"}}}}}}',
      "root.dag.tasks.t.retryPolicy.backoffDuration: expected a duration",
    ],
  ] as [DescMessage, string, string][])("%s: refuses %s", ([schema, text, message], { expect }) => {
    const parse = () => parseLenient(schema, text, { what: "--flag" });
    expect(parse).toThrow(expect.objectContaining({ name: "SpecError", code: "SPEC_INVALID" }));
    expect(parse).toThrow(message);
    expect(parse).toThrow(/^Cannot read --flag: /);
    expect(parse).not.toThrow(SECRET);
  });

  test("refuses NaN that came from YAML", ({ expect }) => {
    expect(() => parseLenient(ImporterSpecSchema, { metadata: { a: { b: [NaN] } } }, WHAT)).toThrow(
      "Cannot read the text: metadata.a.b[0]: the number must be finite",
    );
  });

  test("throws the error its caller makes", ({ expect }) => {
    const error = (message: string) => new UserCodeError("EXECUTOR_OUTPUT_INVALID", message);
    expect(() => parseLenient(ExecutorOutputSchema, "", { what: "/tmp/out.json", error })).toThrow(
      expect.objectContaining({
        code: "EXECUTOR_OUTPUT_INVALID",
        message: "Cannot read /tmp/out.json: not valid JSON: the text is empty",
      }),
    );
  });

  const nested = (levels: number): string => `{"parameterValues":{"deep":${"[".repeat(levels)}1${"]".repeat(levels)}}}`;

  test("reads values as deep as they may be", ({ expect }) => {
    const { message } = parseLenient(ExecutorOutputSchema, nested(MAX_VALUE_DEPTH), WHAT);
    const deep = message.parameterValues["deep"];
    expect(deep && JSON.stringify(valueToJson(deep)).length).toBe(2 * MAX_VALUE_DEPTH + 1);
  });

  test.for([
    [MAX_VALUE_DEPTH + 1, /parameterValues\.deep: the value is nested more than 30 levels deep/],
    [100_000, /it is nested more than 200 levels deep/],
  ] as const)("refuses values of %i levels by name", ([levels, message], { expect }) => {
    expect(() => parseLenient(ExecutorOutputSchema, nested(levels), WHAT)).toThrow(message);
  });

  test("says which integers of the text a double rounds", ({ expect }) => {
    const text = '{"parameterValues":{"a":[1,{"b":9007199254740993}],"c":9007199254740992,"d":-9223372036854775807,"e":1e300}}';
    expect(parseLenient(ExecutorOutputSchema, text, WHAT).roundedIntegers).toEqual([
      ["parameterValues", "a", 1, "b"],
      ["parameterValues", "d"],
    ]);
  });

  test("reads map keys and repeated scalars", ({ expect }) => {
    const text = '{"executors":{"__proto__":{"container":{"image":"i","command":["a","b"],"env":[{"name":"N"}]}}},"@type":"x"}';
    const { message, unknownFields } = parseLenient(PipelineDeploymentConfigSchema, text, WHAT);
    expect(Object.keys(message.executors)).toEqual(["__proto__"]);
    expect(printJson(PipelineDeploymentConfigSchema, message)).toBe(
      '{"executors":{"__proto__":{"container":{"image":"i","command":["a","b"],"env":[{"name":"N"}]}}}}',
    );
    expect(unknownFields).toEqual(["@type"]);
  });
});

describe("printJson()", () => {
  const input = create(ExecutorInputSchema, {
    inputs: {
      parameterValues: { "\u{1f600}": jsonToValue(-0), "\uffff": jsonToValue({ b: "<$&>", a: null }), cost: jsonToValue("5$") },
      artifacts: {
        m: {
          artifacts: [
            {
              name: "m",
              artifactId: "7",
              customPath: "",
              uri: "s3://b/k",
              metadata: { z: -0, $x: "$(PATH)" },
              type: { kind: { case: "schemaTitle", value: "" } },
            },
          ],
        },
        none: { artifacts: [] },
      },
    },
    outputs: { outputFile: "/out.json", parameters: { o: { outputFile: "/o" } } },
  });

  test("prints in declaration order with sorted maps, and keeps -0 and set members that are empty", ({ expect }) => {
    expect(printJson(ExecutorInputSchema, input)).toBe(
      '{"inputs":{"artifacts":{"m":{"artifacts":[{"name":"m","type":{"schemaTitle":""},"uri":"s3://b/k","metadata":{"$x":"$(PATH)","z":-0},' +
        '"customPath":"","artifactId":"7"}]},"none":{}},' +
        '"parameterValues":{"cost":"5$","\uffff":{"a":null,"b":"<$&>"},"\u{1f600}":-0}},' +
        '"outputs":{"parameters":{"o":{"outputFile":"/o"}},"outputFile":"/out.json"}}',
    );
  });

  test("escapes dollar signs on request, with the same meaning", ({ expect }) => {
    const text = printJson(ExecutorInputSchema, input, { escapeDollar: true });
    expect(text).not.toContain("$");
    expect(text).toContain('"cost":"5\\u0024"');
    expect(JSON.parse(text)).toEqual(JSON.parse(printJson(ExecutorInputSchema, input)));
    expect(
      JSON.parse(
        printJson(RuntimeConfigSchema, create(RuntimeConfigSchema, { parameters: { a: jsonToValue("\\$\\") } }), {
          escapeDollar: true,
        }),
      ),
    ).toEqual({ parameters: { a: "\\$\\" } });
  });

  test("prints proto names on request", ({ expect }) => {
    expect(printJson(ExecutorInputSchema, input, { protoNames: true })).toMatch(/"parameter_values".*"output_file"/);
    const filter = create(FilterSchema, {
      predicates: [{ key: "uri", value: { case: "stringValue", value: "x" }, operation: Predicate_Operation.EQUALS }],
    });
    expect(printJson(FilterSchema, filter, { protoNames: true })).toBe(
      '{"predicates":[{"operation":"EQUALS","key":"uri","string_value":"x"}]}',
    );
  });

  test.for([
    {
      name: "a value without a kind",
      value: create(ValueSchema),
      message: /inputs\.parameterValues\.p as JSON: a value has no kind/,
    },
    {
      name: "NaN",
      value: create(ValueSchema, { kind: { case: "numberValue", value: NaN } }),
      message: /inputs\.parameterValues\.p as JSON: a number must be finite/,
    },
    { name: "half a surrogate pair", value: jsonToValue("\ud800"), message: /valid Unicode/ },
  ])("refuses $name and says where", ({ value, message }, { expect }) => {
    const invalid = create(ExecutorInputSchema, { inputs: { parameterValues: { p: value } } });
    expect(() => printJson(ExecutorInputSchema, invalid)).toThrow(expect.objectContaining({ code: "VALUE_INVALID" }));
    expect(() => printJson(ExecutorInputSchema, invalid)).toThrow(message);
  });

  test("prints a text that looks like the zero of a number", ({ expect }) => {
    expect(printJson(PipelineTaskSchema, create(PipelineTaskSchema, { name: "0" }))).toBe('{"name":"0"}');
  });

  test("agrees with protobuf-es apart from order and -0", ({ expect }) => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.string(), (values, name) => {
        const message = create(ExecutorInputSchema, {
          inputs: {
            parameterValues: Object.fromEntries(
              Object.entries(values).map(([key, value]) => [key, jsonToValue(value as JsonValue)]),
            ),
            artifacts: { a: { artifacts: [{ name }] } },
          },
        });
        expect(JSON.parse(printJson(ExecutorInputSchema, message))).toEqual(toJson(ExecutorInputSchema, message));
      }),
    );
  });
});
