import { create, fromJson, toJson } from "@bufbuild/protobuf";
import type { JsonObject } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, test } from "vitest";
import { ExecutorInput_OutputsSchema } from "../../../src/gen/ml_pipelines/pipeline_spec_pb.js";
import { buildExecutorInputs, executorInputJson, provisionOutputs } from "../../../src/core/executor/executor-input.ts";
import type { OutputsOptions } from "../../../src/core/executor/executor-input.ts";
import {
  ArtifactType,
  ComponentSpecSchema,
  ExecutorInputSchema,
  IoArtifactSchema,
  IoParameterSchema,
  IoType,
} from "../../../src/core/kfp-types.ts";
import { jsonToValue } from "../../../src/core/values/value.ts";
import type { JsonValue } from "../../../src/core/values/value.ts";

const parameter = (parameterKey: string, value: JsonValue, type = IoType.RUNTIME_VALUE_INPUT) =>
  create(IoParameterSchema, { parameterKey, value: jsonToValue(value), type });

interface ArtifactFields {
  readonly id: string;
  readonly name?: string;
  readonly uri?: string;
  readonly type?: ArtifactType;
  readonly number?: number;
  readonly metadata?: Record<string, JsonValue>;
}

const entry = (artifactKey: string, artifacts: readonly ArtifactFields[], type = IoType.TASK_OUTPUT_INPUT) =>
  create(IoArtifactSchema, {
    artifactKey,
    type,
    artifacts: artifacts.map(({ id, name = "", uri, type: artifactType = ArtifactType.Artifact, number, metadata = {} }) => ({
      artifactId: id,
      name,
      type: artifactType,
      ...(uri === undefined ? {} : { uri }),
      ...(number === undefined ? {} : { numberValue: number }),
      metadata: Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, jsonToValue(value)])),
    })),
  });

const metric = (id: string, name: string, number: number): ArtifactFields => ({
  id,
  name,
  number,
  type: ArtifactType.Metric,
  metadata: { [name]: number },
});

const json = (options: Parameters<typeof buildExecutorInputs>[0]) =>
  toJson(ExecutorInputSchema, buildExecutorInputs(options)) as {
    inputs: { parameterValues?: JsonObject; artifacts?: JsonObject };
  };

describe("buildExecutorInputs()", () => {
  test("inputs are always present", ({ expect }) => {
    expect(json({ parameters: [], artifacts: [] })).toEqual({ inputs: {} });
  });

  test("parameters keep their values, null included", ({ expect }) => {
    const parameters = [parameter("n", 3), parameter("o", null), parameter("l", ["a", { b: 1 }])];
    expect(json({ parameters, artifacts: [] }).inputs.parameterValues).toEqual({ n: 3, o: null, l: ["a", { b: 1 }] });
  });

  test("iterator items of one key are collected in item order", ({ expect }) => {
    const parameters = ["b", "a", "c"].map((item) => parameter("item", item, IoType.ITERATOR_INPUT));
    expect(json({ parameters, artifacts: [] }).inputs.parameterValues).toEqual({ item: ["b", "a", "c"] });
    expect(json({ parameters: parameters.slice(0, 1), artifacts: [] }).inputs.parameterValues).toEqual({ item: ["b"] });
  });

  test("a parameter without value is an error", ({ expect }) => {
    const parameters = [create(IoParameterSchema, { parameterKey: "n" })];
    expect(() => buildExecutorInputs({ parameters, artifacts: [] })).toThrow(/"n" has no value/);
  });

  test("an empty list stays an empty list", ({ expect }) => {
    expect(json({ parameters: [], artifacts: [entry("models", [])] }).inputs.artifacts).toEqual({ models: {} });
  });

  test("artifacts show their titles and hide internal metadata (LAU-20)", ({ expect }) => {
    const artifacts = [
      entry("data", [{ id: "a1", name: "data", uri: "s3://b/data", type: ArtifactType.Dataset, metadata: { rows: 3 } }]),
      entry("thing", [
        { id: "a2", name: "thing", uri: "s3://b/t", metadata: { _kfp_schema_title: "acme.T", _kfp_schema_version: "1" } },
      ]),
    ];
    expect(json({ parameters: [], artifacts }).inputs.artifacts).toEqual({
      data: {
        artifacts: [
          { name: "data", artifactId: "a1", uri: "s3://b/data", type: { schemaTitle: "system.Dataset" }, metadata: { rows: 3 } },
        ],
      },
      thing: {
        artifacts: [{ name: "thing", artifactId: "a2", uri: "s3://b/t", type: { schemaTitle: "acme.T", schemaVersion: "1" } }],
      },
    });
  });

  test("entries of one key are concatenated", ({ expect }) => {
    const artifacts = [entry("m", [{ id: "a1", name: "x" }]), entry("m", [{ id: "a2", name: "y" }])];
    expect(json({ parameters: [], artifacts }).inputs.artifacts).toMatchObject({
      m: { artifacts: [{ name: "x" }, { name: "y" }] },
    });
  });

  test("an artifact with neither name nor URI is an error", ({ expect }) => {
    expect(() => buildExecutorInputs({ parameters: [], artifacts: [entry("m", [{ id: "a1" }])] })).toThrow(
      /neither a name nor a URI/,
    );
  });

  test("an artifact in the workspace is marked", ({ expect }) => {
    const artifacts = [
      entry("m", [
        { id: "a1", name: "x", uri: "s3://b/x" },
        { id: "a2", name: "y", uri: "s3://b/y" },
      ]),
    ];
    const { inputs } = json({ parameters: [], artifacts, workspaceArtifactIds: new Set(["a1"]) });
    const shown = inputs.artifacts as { m: { artifacts: JsonObject[] } };
    expect(shown.m.artifacts.map((artifact) => artifact["metadata"])).toEqual([{ _kfp_workspace: true }, undefined]);
  });

  describe("metrics", () => {
    test("of one task under one key become one artifact", ({ expect }) => {
      const artifacts = [entry("scores", [metric("a1", "accuracy", 0.9), metric("a2", "loss", 0.1)])];
      expect(json({ parameters: [], artifacts }).inputs.artifacts).toEqual({
        scores: {
          artifacts: [
            {
              name: "accuracy",
              artifactId: "a1",
              type: { schemaTitle: "system.Metrics" },
              metadata: { accuracy: 0.9, loss: 0.1 },
            },
          ],
        },
      });
    });

    test("of several tasks keep one artifact per task, in order", ({ expect }) => {
      const collected = entry(
        "scores",
        [metric("a1", "accuracy", 0.1), metric("a2", "loss", 0.2), metric("b1", "accuracy", 0.3), metric("b2", "loss", 0.4)],
        IoType.COLLECTED_INPUTS,
      );
      const { inputs } = json({
        parameters: [],
        artifacts: [collected],
        producingTaskOf: ({ artifactId }) => artifactId.slice(0, 1),
      });
      const shown = inputs.artifacts as { scores: { artifacts: JsonObject[] } };
      expect(shown.scores.artifacts.map((artifact) => artifact["metadata"])).toEqual([
        { accuracy: 0.1, loss: 0.2 },
        { accuracy: 0.3, loss: 0.4 },
      ]);
    });

    test("of a collection whose producers are unknown are not merged", ({ expect }) => {
      const collected = entry("s", [metric("a1", "accuracy", 0.1), metric("b1", "accuracy", 0.3)], IoType.COLLECTED_INPUTS);
      const shown = json({ parameters: [], artifacts: [collected] }).inputs.artifacts as { s: { artifacts: JsonObject[] } };
      expect(shown.s.artifacts).toHaveLength(2);
    });

    test("beside other artifacts are not merged; a single one stays as stored", ({ expect }) => {
      const mixed = entry("s", [metric("a1", "accuracy", 0.1), { id: "x", name: "x" }]);
      const shown = json({ parameters: [], artifacts: [mixed, entry("one", [metric("a1", "accuracy", 0.1)])] }).inputs.artifacts;
      expect(shown).toMatchObject({
        s: { artifacts: [{ name: "accuracy" }, { name: "x" }] },
        one: { artifacts: [{ name: "accuracy", metadata: { accuracy: 0.1 } }] },
      });
    });
  });
});

describe("provisionOutputs()", () => {
  const component = fromJson(ComponentSpecSchema, {
    outputDefinitions: {
      artifacts: { model: { artifactType: { schemaTitle: "system.Model", schemaVersion: "0.0.1" } } },
      parameters: { acc: { parameterType: "NUMBER_DOUBLE" } },
    },
  });
  const base: OutputsOptions = {
    component,
    pipelineRoot: "s3://bkt/art/demo/r1?region=eu",
    taskKey: "train",
    salt: "U",
    publishLogs: false,
  };
  const outputs = (options: Partial<OutputsOptions> = {}) =>
    toJson(ExecutorInput_OutputsSchema, provisionOutputs({ ...base, ...options })) as JsonObject;

  test("gives the specification's example", ({ expect }) => {
    expect(outputs()).toEqual({
      parameters: { acc: { outputFile: "/tmp/kfp/outputs/acc" } },
      artifacts: {
        model: {
          artifacts: [
            {
              name: "model",
              type: { schemaTitle: "system.Model", schemaVersion: "0.0.1" },
              uri: "s3://bkt/art/demo/r1/train/U/model",
            },
          ],
        },
      },
      outputFile: "/s3/bkt/art/demo/r1/train/U/output_metadata.json",
    });
  });

  test("adds the log artifact on request, in place of a declared one", ({ expect }) => {
    const declared = fromJson(ComponentSpecSchema, {
      outputDefinitions: { artifacts: { "executor-logs": { artifactType: { schemaTitle: "system.Model" } } } },
    });
    expect(outputs({ publishLogs: true, component: declared })["artifacts"]).toEqual({
      "executor-logs": {
        artifacts: [
          { name: "executor-logs", type: { schemaTitle: "system.Artifact" }, uri: "s3://bkt/art/demo/r1/train/U/executor-logs" },
        ],
      },
    });
  });

  test("keeps declared metadata", ({ expect }) => {
    const declared = fromJson(ComponentSpecSchema, {
      outputDefinitions: { artifacts: { m: { artifactType: { schemaTitle: "system.Model" }, metadata: { framework: "x" } } } },
    });
    expect(outputs({ component: declared })["artifacts"]).toMatchObject({ m: { artifacts: [{ metadata: { framework: "x" } }] } });
  });

  test.for([
    { pipelineRoot: "https://h/r", outputFile: "/tmp/kfp_outputs/output_metadata.json" },
    { pipelineRoot: "https://h/r", outputsDir: "/o", outputFile: "/o/output_metadata.json" },
    { pipelineRoot: "/home/a", outputsDir: "/o", outputFile: "/home/a/train/U/output_metadata.json" },
    { pipelineRoot: "gs://b/r", artifactLocalPath: "/m", outputFile: "/m/gcs/b/r/train/U/output_metadata.json" },
  ])("the output file of $pipelineRoot is $outputFile", ({ outputFile, ...options }, { expect }) => {
    expect(outputs(options)["outputFile"]).toBe(outputFile);
  });

  test("KFP_OUTPUTS_DIR replaces the folder of parameter files; empty means unset", ({ expect }) => {
    expect(outputs({ outputsDir: "/o/t1" })["parameters"]).toEqual({ acc: { outputFile: "/o/t1/acc" } });
    expect(outputs({ outputsDir: "" })["parameters"]).toEqual({ acc: { outputFile: "/tmp/kfp/outputs/acc" } });
  });

  test.for(["..", "a/b", "", "x\0"])("refuses an output named %j", (name, { expect }) => {
    const hostile = fromJson(ComponentSpecSchema, { outputDefinitions: { parameters: { [name]: { parameterType: "STRING" } } } });
    expect(() => provisionOutputs({ ...base, component: hostile })).toThrow(/cannot be used as a file name/);
  });
});

describe("executorInputJson()", () => {
  const withValue = (value: string) => buildExecutorInputs({ parameters: [parameter("p", value)], artifacts: [] });

  test("can leave nothing for the kubelet or Argo to expand", ({ expect }) => {
    const text = executorInputJson(withValue("$(HOME) {{workflow.name}} $$"), { escapeDollar: true });
    expect(text).not.toContain("$");
    expect(executorInputJson(withValue("$"))).toContain('"$"');
  });

  test("reads back to the same message with and without escapes", ({ expect }) => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.boolean(), (value, escapeDollar) => {
        const text = executorInputJson(withValue(value), { escapeDollar });
        expect(JSON.parse(text)).toEqual({ inputs: { parameterValues: { p: value } } });
      }),
    );
  });
});
