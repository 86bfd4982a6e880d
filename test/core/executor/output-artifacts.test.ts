import { fromJson, toJson } from "@bufbuild/protobuf";
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { ArtifactSchema, RuntimeArtifactSchema } from "../../../src/core/kfp-types.ts";
import { planOutputArtifacts } from "../../../src/core/executor/output-artifacts.ts";

const plan = (key: string, ...artifacts: JsonObject[]) =>
  planOutputArtifacts([{ key, artifacts: artifacts.map((artifact) => fromJson(RuntimeArtifactSchema, artifact)) }], {
    namespace: "ns",
  }).map(({ artifact, ...rest }) => ({
    ...rest,
    ...(artifact === undefined ? {} : { artifact: toJson(ArtifactSchema, artifact) }),
  }));

const typed = (schemaTitle: string, rest: JsonObject = {}): JsonObject => ({ name: "model", type: { schemaTitle }, ...rest });

describe("planOutputArtifacts() (docs/spec/outputs.md#artifact-cases)", () => {
  test("a model is uploaded and registered", ({ expect }) => {
    expect(plan("model", typed("system.Model", { uri: "s3://b/m", metadata: { framework: "x" } }))).toEqual([
      {
        key: "model",
        artifact: { name: "model", type: "Model", uri: "s3://b/m", namespace: "ns", metadata: { framework: "x" } },
        upload: { localPath: "/s3/b/m", uri: "s3://b/m" },
      },
    ]);
  });

  test("a custom path is where the upload starts", ({ expect }) => {
    expect(plan("model", typed("system.Model", { uri: "s3://b/m", customPath: "/x" }))).toMatchObject([
      { upload: { localPath: "/x", uri: "s3://b/m" } },
    ]);
  });

  test("an artifact on this disk is its own upload", ({ expect }) => {
    expect(plan("model", typed("system.Model", { uri: "/home/a/m" }))).toMatchObject([
      { artifact: { uri: "/home/a/m" }, upload: { localPath: "/home/a/m", uri: "/home/a/m" } },
    ]);
  });

  test("two elements are two uploads in order", ({ expect }) => {
    const uris = ["s3://b/1", "s3://b/2"];
    expect(plan("model", ...uris.map((uri) => typed("system.Model", { uri }))).map(({ upload }) => upload?.uri)).toEqual(uris);
  });

  test("an image is registered without upload", ({ expect }) => {
    expect(plan("model", typed("system.Model", { uri: "oci://r/o/m:v1" }))).toEqual([
      { key: "model", artifact: { name: "model", type: "Model", uri: "oci://r/o/m:v1", namespace: "ns" } },
    ]);
  });

  test.for(["unsupported://x", "https://h/f", ""])(
    "URI %j is neither uploaded nor registered, but mentioned",
    (uri, { expect }) => {
      const [only, ...others] = plan("model", typed("system.Model", { uri }));
      expect(others).toEqual([]);
      expect(only).toEqual({ key: "model", warning: expect.stringMatching(/"model" is neither uploaded nor registered/) });
    },
  );

  test("a custom path for a URI nothing can be stored at is an error", ({ expect }) => {
    expect(() => plan("model", typed("system.Model", { uri: "https://h/f", customPath: "/x" }))).toThrow(
      /Cannot upload output artifact "model" from its custom path/,
    );
  });

  test("R8 a custom title and a schema version are kept in the metadata", ({ expect }) => {
    const artifact = { name: "m", uri: "s3://b/m", type: { schemaTitle: "google.VertexModel", schemaVersion: "0.0.2" } };
    expect(plan("model", artifact)).toMatchObject([
      { artifact: { type: "Artifact", metadata: { _kfp_schema_title: "google.VertexModel", _kfp_schema_version: "0.0.2" } } },
    ]);
  });

  test.for([{ name: "m" }, { name: "m", type: { schemaUri: "gs://x" } }])("%j has no usable type", (artifact, { expect }) => {
    expect(() => plan("model", artifact)).toThrow(/Cannot register output artifact "model"/);
  });
});

describe("metrics", () => {
  test("become one record per entry, without upload", ({ expect }) => {
    expect(plan("scores", typed("system.Metrics", { uri: "s3://b/m", metadata: { loss: 0.1, accuracy: 0.9 } }))).toEqual([
      {
        key: "scores",
        artifact: { name: "accuracy", type: "Metric", numberValue: 0.9, metadata: { accuracy: 0.9 }, namespace: "ns" },
      },
      { key: "scores", artifact: { name: "loss", type: "Metric", numberValue: 0.1, metadata: { loss: 0.1 }, namespace: "ns" } },
    ]);
  });

  test("without entries register nothing", ({ expect }) => {
    expect(
      plan("scores", typed("system.Metrics", { uri: "s3://b/m", type: { schemaTitle: "system.Metrics", schemaVersion: "1" } })),
    ).toEqual([]);
  });

  test.for(["0.9", true, null, [1]])("a metric of %j is an error", (value, { expect }) => {
    expect(() => plan("scores", typed("system.Metrics", { metadata: { accuracy: value } }))).toThrow(
      /metric value "accuracy" must be a number/,
    );
  });

  test.for([
    ["system.ClassificationMetrics", "ClassificationMetric"],
    ["system.SlicedClassificationMetrics", "SlicedClassificationMetric"],
  ] as const)("%s keep their metadata and have no URI", ([title, type], { expect }) => {
    const metadata = { confusionMatrix: { rows: [[1]] } };
    expect(plan("cm", typed(title, { uri: "s3://b/cm", metadata }))).toEqual([
      { key: "cm", artifact: { name: "model", type, metadata, namespace: "ns" } },
    ]);
    expect(plan("cm", typed(title, { uri: "oci://r/o:v", metadata }))).toMatchObject([{ artifact: { uri: "oci://r/o:v" } }]);
  });

  test("classification metrics without entries are skipped with a warning (LAU-25)", ({ expect }) => {
    const empty = { type: { schemaTitle: "system.ClassificationMetrics", schemaVersion: "0.0.1" } };
    expect(plan("cm", typed("system.ClassificationMetrics", empty))).toEqual([
      { key: "cm", warning: 'Output artifact "cm" is not registered: it holds no classification metrics' },
    ]);
  });
});
