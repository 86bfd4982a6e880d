/**
 * Schema titles of the pipeline language, artifact types of the API, and the metadata keys that keep what the API has no field for.
 *
 * The API knows eight types; a title outside that list is stored as type Artifact with the title in the metadata, and comes back
 * as the title when the artifact is handed to user code.
 *
 * Source: docs/spec/outputs.md#type-mapping, docs/spec/executor-input.md#artifact-types-of-later-upstream.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import { ArtifactTypeSchemaSchema } from "../../gen/ml_pipelines/pipeline_spec_pb.js";
import { SpecError } from "../errors.ts";
import { ArtifactType } from "../kfp-types.ts";
import type { Artifact, ArtifactTypeSpec } from "../kfp-types.ts";
import { valueToJson } from "../values/value.ts";
import type { JsonObject } from "../values/value.ts";

/** Metadata key that keeps the schema title of an artifact whose stored type is a coarser one. */
export const SCHEMA_TITLE_KEY = "_kfp_schema_title";
/** Metadata key that keeps the schema version of an artifact. */
export const SCHEMA_VERSION_KEY = "_kfp_schema_version";
const LEGACY_PREFIX = "_kfp_legacy_mlmd_";

const TITLES: ReadonlyArray<readonly [title: string, type: ArtifactType]> = [
  ["system.Artifact", ArtifactType.Artifact],
  ["system.Model", ArtifactType.Model],
  ["system.Dataset", ArtifactType.Dataset],
  ["system.HTML", ArtifactType.HTML],
  ["system.Markdown", ArtifactType.Markdown],
  ["system.Metrics", ArtifactType.Metric],
  ["system.ClassificationMetrics", ArtifactType.ClassificationMetric],
  ["system.SlicedClassificationMetrics", ArtifactType.SlicedClassificationMetric],
];

const TYPE_BY_TITLE: ReadonlyMap<string, ArtifactType> = new Map(TITLES);
const TITLE_BY_TYPE: ReadonlyMap<ArtifactType, string> = new Map(TITLES.map(([title, type]) => [type, title]));

/** The schema title of an API type; `system.Artifact` for types a newer server may know. */
export function titleOfArtifactType(type: ArtifactType): string {
  return TITLE_BY_TYPE.get(type) ?? "system.Artifact";
}

/**
 * The API type a title of an executor input stands for, whichever driver wrote it: `system.Metrics` as well as the bare enum name
 * `Metric` of the reference. `undefined` for a custom title.
 */
export function artifactTypeOfTitle(title: string): ArtifactType | undefined {
  const builtIn = TYPE_BY_TITLE.get(title);
  if (builtIn !== undefined) return builtIn;
  return [...TITLE_BY_TYPE.keys()].find((type) => ArtifactType[type] === title);
}

/** A schema title as the API server can store it: one of its types, and what the type cannot say. */
export interface StoredArtifactType {
  readonly type: ArtifactType;
  /** Entries to add to a copy of the artifact's metadata. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * How an artifact declared with this schema is stored.
 *
 * @param typeSpec A declared type; an instance schema counts as its title.
 * @throws {SpecError} ARTIFACT_TYPE_INVALID when the type is absent, or is neither a title nor an instance schema.
 */
export function artifactTypeOfSchema(typeSpec: ArtifactTypeSpec | undefined): StoredArtifactType {
  const kind = typeSpec?.kind;
  if (typeSpec === undefined || kind?.case === undefined) {
    throw new SpecError(
      "ARTIFACT_TYPE_INVALID",
      "an artifact type must have a schemaTitle or an instanceSchema, but none is set",
    );
  }
  if (kind.case === "schemaUri")
    throw new SpecError("ARTIFACT_TYPE_INVALID", "an artifact type given by schemaUri is not supported");
  const title = kind.value;
  const type = TYPE_BY_TITLE.get(title);
  return {
    type: type ?? ArtifactType.Artifact,
    metadata: {
      ...(type !== undefined || title === "" ? {} : { [SCHEMA_TITLE_KEY]: title }),
      ...(typeSpec.schemaVersion === "" ? {} : { [SCHEMA_VERSION_KEY]: typeSpec.schemaVersion }),
    },
  };
}

/** A stored artifact as executors see it. */
export interface ArtifactSchemaView {
  readonly typeSpec: ArtifactTypeSpec;
  /** The stored metadata without our own keys; may be empty. */
  readonly metadata: JsonObject;
}

/**
 * How a stored artifact is shown to user code.
 *
 * @throws {ResolveError} VALUE_INVALID when a metadata value has no JSON form.
 */
export function schemaOfArtifact(artifact: Artifact): ArtifactSchemaView {
  const title = markerOf(artifact, SCHEMA_TITLE_KEY) || titleOfArtifactType(artifact.type);
  const typeSpec = create(ArtifactTypeSchemaSchema, {
    kind: { case: "schemaTitle", value: title },
    schemaVersion: markerOf(artifact, SCHEMA_VERSION_KEY),
  });
  const visible = Object.entries(artifact.metadata).filter(([key]) => !isInternalMetadataKey(key));
  return { typeSpec, metadata: Object.fromEntries(visible.map(([key, value]) => [key, valueToJson(value)])) };
}

/** Keys that this runtime, or a migration tool, keeps in stored metadata and user code never sees. */
export function isInternalMetadataKey(key: string): boolean {
  return key === SCHEMA_TITLE_KEY || key === SCHEMA_VERSION_KEY || key.startsWith(LEGACY_PREFIX);
}

function markerOf(artifact: Artifact, key: string): string {
  const kind = artifact.metadata[key]?.kind;
  return kind?.case === "stringValue" ? kind.value : "";
}
