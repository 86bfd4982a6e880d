import { create, fromJson, toJson } from "@bufbuild/protobuf";
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { findRoundedParameter, mergeArtifactReports, parseExecutorOutput } from "../../../src/core/executor/executor-output.ts";
import {
  ComponentSpecSchema,
  ExecutorInputSchema,
  ExecutorOutputSchema,
  ParameterType,
  RuntimeArtifactSchema,
} from "../../../src/core/kfp-types.ts";

const path = "/minio/b/output_metadata.json";

describe("parseExecutorOutput()", () => {
  test("reads what the SDK writes", ({ expect }) => {
    const text = `{"parameterValues": {"o": "7", "n": null},
      "artifacts": {"m": {"artifacts": [{"name": "m", "uri": "s3://b/m", "metadata": {"a": 1}, "custom_path": "/x"}]}}}`;
    const { output, unknownFields } = parseExecutorOutput(text, { path });
    expect(unknownFields).toEqual([]);
    expect(toJson(ExecutorOutputSchema, output)).toEqual({
      parameterValues: { o: "7", n: null },
      artifacts: { m: { artifacts: [{ name: "m", uri: "s3://b/m", metadata: { a: 1 }, customPath: "/x" }] } },
    });
  });

  test.for([
    ["{}", []],
    ['{"parameter_values": {"a": 1}}', []],
    ['{"parameters": {"a": {"intValue": "1"}}}', []],
    ['{"foo": 1}', ["foo"]],
    ['{"artifacts": {"m": {"artifacts": [{"nope": 1}], "size": 2}}}', ["artifacts.m.artifacts[0].nope", "artifacts.m.size"]],
  ] as const)("%s has unknown fields %j", ([text, unknown], { expect }) => {
    expect(parseExecutorOutput(text, { path }).unknownFields).toEqual(unknown);
  });

  test.for([
    { text: "", message: /empty/ },
    { text: " \n", message: /empty/ },
    { text: "{", message: /unexpected end/ },
    { text: "[]", message: /output_metadata\.json/ },
    { text: '{"parameterValues": {"a": NaN}}', message: /NaN and Infinity are not JSON/ },
    { text: '{"parameterValues": {"a": -Infinity}}', message: /NaN and Infinity are not JSON/ },
    { text: '{"parameterValues": {"a": 1, "a": 2}}', message: /"a" appears twice/ },
    { text: '{"artifacts": {"m": {"artifacts": {}}}}', message: /artifacts\.m/ },
    { text: '{"artifacts": {"m": {"artifacts": [{"uri": 5}]}}}', message: /uri/ },
    { text: '{"parameterValues": {}, "parameter_values": {}}', message: /parameter/ },
  ])("rejects $text", ({ text, message }, { expect }) => {
    const parse = (): unknown => parseExecutorOutput(text, { path });
    expect(parse).toThrow(expect.objectContaining({ code: "EXECUTOR_OUTPUT_INVALID" }));
    expect(parse).toThrow(message);
    expect(parse).toThrow(path);
  });
});

describe("findRoundedParameter()", () => {
  const types = new Map([
    ["n", ParameterType.NUMBER_INTEGER],
    ["d", ParameterType.NUMBER_DOUBLE],
    ["l", ParameterType.LIST],
  ]);
  test.for([
    ['{"parameterValues": {"n": 9007199254740993}}', "n", /^it is an integer beyond 9007199254740991/],
    ['{"parameter_values": {"n": 1e300}}', "n", /^it is an integer beyond/],
    ['{"parameterValues": {"l": [1, {"a": 9223372036854775807}]}}', "l", /^member \[1\]\.a is an integer beyond/],
    ['{"parameterValues": {"undeclared": 9223372036854775807}}', "undeclared", /^it is an integer beyond/],
  ] as const)("finds it in %s", ([text, key, problem], { expect }) => {
    const found = findRoundedParameter(parseExecutorOutput(text, { path }), types);
    expect(found).toEqual({ key, problem: expect.stringMatching(problem) as string });
  });

  test.for([
    '{"parameterValues": {"n": 9007199254740991, "d": 9007199254740993, "l": [9007199254740992, 1e300, "9007199254740993"]}}',
    '{"artifacts": {"m": {"artifacts": [{"metadata": {"n": 9007199254740993}}]}}}',
  ])("finds nothing in %s", (text, { expect }) => {
    expect(findRoundedParameter(parseExecutorOutput(text, { path }), types)).toBeUndefined();
  });

  test("what is nested too deeply is refused by name", ({ expect }) => {
    const text = `{"parameterValues": {"l": ${"[".repeat(60)}${"]".repeat(60)}}}`;
    expect(() => parseExecutorOutput(text, { path })).toThrow(/parameterValues\.l: the value is nested more than 30 levels deep/);
  });
});

describe("mergeArtifactReports()", () => {
  const component = fromJson(ComponentSpecSchema, {
    outputDefinitions: {
      artifacts: {
        model: { artifactType: { schemaTitle: "system.Model" } },
        many: { artifactType: { schemaTitle: "system.Dataset" }, isArtifactList: true },
      },
    },
  });
  const merge = (outputs: Record<string, JsonValue[]>, reports: Record<string, JsonValue[]>) => {
    const lists = (artifacts: Record<string, JsonValue[]>): JsonObject =>
      Object.fromEntries(Object.entries(artifacts).map(([key, list]) => [key, { artifacts: list }]));
    const executorInput = fromJson(ExecutorInputSchema, { outputs: { artifacts: lists(outputs) } });
    const before = toJson(ExecutorInputSchema, executorInput);
    const merged = mergeArtifactReports(executorInput, component, fromJson(ExecutorOutputSchema, { artifacts: lists(reports) }));
    if (JSON.stringify(toJson(ExecutorInputSchema, executorInput)) !== JSON.stringify(before)) throw new Error("input changed");
    return merged.map(({ key, artifacts }) => [key, artifacts.map((artifact) => toJson(RuntimeArtifactSchema, artifact))]);
  };
  const model = { name: "model", uri: "s3://b/model", type: { schemaTitle: "system.Model" }, metadata: { a: 1, b: 2 } };
  const first = { name: "many", uri: "s3://b/many", type: { schemaTitle: "system.Dataset" }, metadata: { static: true } };

  test("without a report everything stays, in the order of the keys (LAU-9)", ({ expect }) => {
    expect(merge({ model: [model], many: [first] }, {})).toEqual([
      ["many", [first]],
      ["model", [model]],
    ]);
  });

  test("URI, metadata and custom path are taken over, the rest is not", ({ expect }) => {
    const report = {
      name: "other",
      artifactId: "x",
      type: { schemaTitle: "system.HTML" },
      uri: "s3://b/n",
      metadata: { b: 3, c: 4 },
      customPath: "/x",
    };
    expect(merge({ model: [model] }, { model: [report] })).toEqual([
      ["model", [{ ...model, uri: "s3://b/n", metadata: { a: 1, b: 3, c: 4 }, customPath: "/x" }]],
    ]);
  });

  test("empty reports change nothing", ({ expect }) => {
    const provisioned = { ...model, customPath: "/p" };
    expect(merge({ model: [provisioned] }, { model: [{ name: "model", uri: "", customPath: "" }] })).toEqual([
      ["model", [provisioned]],
    ]);
    expect(merge({ model: [model] }, { model: [] })).toEqual([["model", [model]]]);
  });

  test("two provisioned elements are merged by position", ({ expect }) => {
    const merged = merge(
      { model: [model, { ...model, name: "second" }] },
      { model: [{ metadata: { x: 1 } }, { metadata: { y: 2 } }, {}] },
    );
    expect(merged).toMatchObject([["model", [{ metadata: { x: 1 } }, { name: "second", metadata: { y: 2 } }]]]);
  });

  test("R9 reports about the log artifact and about unknown keys are ignored", ({ expect }) => {
    const logs = { name: "executor-logs", uri: "s3://b/executor-logs" };
    expect(
      merge({ "executor-logs": [logs] }, { "executor-logs": [{ uri: "s3://evil/x" }], nope: [{ uri: "s3://b/nope" }] }),
    ).toEqual([["executor-logs", [logs]]]);
  });

  test("a declared list takes every reported element (LAU-23)", ({ expect }) => {
    const reports = [
      { name: "one", metadata: { n: 1 } },
      { uri: "s3://b/two", metadata: { n: 2 } },
      { name: "three", uri: "s3://b/3" },
    ];
    expect(merge({ many: [first] }, { many: reports })).toEqual([
      [
        "many",
        [
          { ...first, name: "one", metadata: { static: true, n: 1 } },
          { ...first, name: "many", uri: "s3://b/two", metadata: { static: true, n: 2 } },
          { ...first, name: "three", uri: "s3://b/3" },
        ],
      ],
    ]);
    expect(merge({ many: [first] }, { many: [] })).toEqual([["many", []]]);
  });

  test("a metadata key such as __proto__ is an ordinary key", ({ expect }) => {
    const report = JSON.parse('{"metadata": {"__proto__": {"a": 1}}}') as JsonObject;
    const merged = mergeArtifactReports(
      fromJson(ExecutorInputSchema, { outputs: { artifacts: { model: { artifacts: [model] } } } }),
      component,
      create(ExecutorOutputSchema, { artifacts: { model: { artifacts: [{ metadata: report["metadata"] as JsonObject }] } } }),
    );
    expect(Object.keys(merged[0]?.artifacts[0]?.metadata ?? {}).toSorted()).toEqual(["__proto__", "a", "b"]);
    expect(({} as { a?: number }).a).toBeUndefined();
  });
});
