import { create } from "@bufbuild/protobuf";
import { describe, test } from "vitest";
import { ArtifactTypeSchemaSchema } from "../../../src/gen/ml_pipelines/pipeline_spec_pb.js";
import {
  artifactTypeOfSchema,
  artifactTypeOfTitle,
  schemaOfArtifact,
  titleOfArtifactType,
} from "../../../src/core/spec/artifact-type.ts";
import { ArtifactSchema, ArtifactType } from "../../../src/core/kfp-types.ts";
import { jsonToValue } from "../../../src/core/values/value.ts";
import type { JsonValue } from "../../../src/core/values/value.ts";

const typeSpec = (kind: "schemaTitle" | "instanceSchema" | "schemaUri", value: string, schemaVersion = "") =>
  create(ArtifactTypeSchemaSchema, { kind: { case: kind, value }, schemaVersion });

const artifact = (type: ArtifactType, metadata: Record<string, JsonValue> = {}) =>
  create(ArtifactSchema, {
    type,
    metadata: Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, jsonToValue(value)])),
  });

const builtIn = [
  ["system.Artifact", ArtifactType.Artifact],
  ["system.Dataset", ArtifactType.Dataset],
  ["system.Model", ArtifactType.Model],
  ["system.Metrics", ArtifactType.Metric],
  ["system.ClassificationMetrics", ArtifactType.ClassificationMetric],
  ["system.SlicedClassificationMetrics", ArtifactType.SlicedClassificationMetric],
  ["system.HTML", ArtifactType.HTML],
  ["system.Markdown", ArtifactType.Markdown],
] as const;

describe("artifactTypeOfSchema()", () => {
  test.for(builtIn)("%s needs no marker", ([title, type], { expect }) => {
    expect(artifactTypeOfSchema(typeSpec("schemaTitle", title))).toEqual({ type, metadata: {} });
  });

  test.for([
    { spec: typeSpec("schemaTitle", "google.VertexModel"), metadata: { _kfp_schema_title: "google.VertexModel" } },
    { spec: typeSpec("schemaTitle", "Dataset"), metadata: { _kfp_schema_title: "Dataset" } },
    { spec: typeSpec("instanceSchema", "title: acme.Thing\n"), metadata: { _kfp_schema_title: "title: acme.Thing\n" } },
    { spec: typeSpec("schemaTitle", ""), metadata: {} },
    { spec: typeSpec("schemaTitle", "acme.X", "1.2"), metadata: { _kfp_schema_title: "acme.X", _kfp_schema_version: "1.2" } },
  ])("a custom title is kept in the metadata: $metadata", ({ spec, metadata }, { expect }) => {
    expect(artifactTypeOfSchema(spec)).toEqual({ type: ArtifactType.Artifact, metadata });
  });

  test("keeps the schema version of a built-in type", ({ expect }) => {
    expect(artifactTypeOfSchema(typeSpec("schemaTitle", "system.Model", "0.0.1"))).toEqual({
      type: ArtifactType.Model,
      metadata: { _kfp_schema_version: "0.0.1" },
    });
  });

  test.for([undefined, create(ArtifactTypeSchemaSchema), typeSpec("schemaUri", "gs://x")])("rejects %o", (spec, { expect }) => {
    expect(() => artifactTypeOfSchema(spec)).toThrow(expect.objectContaining({ code: "ARTIFACT_TYPE_INVALID" }));
  });
});

describe("artifactTypeOfTitle()", () => {
  test.for(builtIn)("accepts %s and its bare enum name", ([title, type], { expect }) => {
    expect(artifactTypeOfTitle(title)).toBe(type);
    expect(artifactTypeOfTitle(ArtifactType[type])).toBe(type);
    expect(titleOfArtifactType(type)).toBe(title);
  });

  test("does not know custom titles", ({ expect }) => {
    expect([artifactTypeOfTitle("acme.Thing"), artifactTypeOfTitle("TYPE_UNSPECIFIED")]).toEqual([undefined, undefined]);
  });
});

describe("schemaOfArtifact()", () => {
  test("restores what artifactTypeOfSchema() kept and hides every internal key", ({ expect }) => {
    const { typeSpec: shown, metadata } = schemaOfArtifact(
      artifact(ArtifactType.Artifact, {
        _kfp_schema_title: "acme.Thing",
        _kfp_schema_version: "1.2",
        _kfp_legacy_mlmd_artifact: { id: 1 },
        _kfp_legacy_mlmd_artifact_type: {},
        framework: "sklearn",
      }),
    );
    expect(shown).toMatchObject({ kind: { case: "schemaTitle", value: "acme.Thing" }, schemaVersion: "1.2" });
    expect(metadata).toEqual({ framework: "sklearn" });
  });

  test.for(builtIn)("shows %s with its prefix", ([title, type], { expect }) => {
    expect(schemaOfArtifact(artifact(type)).typeSpec.kind.value).toBe(title);
  });

  test("an empty or mistyped marker counts as none", ({ expect }) => {
    expect(schemaOfArtifact(artifact(ArtifactType.Model, { _kfp_schema_title: "" })).typeSpec.kind.value).toBe("system.Model");
    expect(schemaOfArtifact(artifact(ArtifactType.Model, { _kfp_schema_title: 1 })).typeSpec.kind.value).toBe("system.Model");
  });
});
