/**
 * What an importer registers: an artifact that exists already, as its spec and the task's inputs describe it.
 *
 * Source: docs/spec/importer.md#artifact-construction, #lau-27, #lau-28, #lau-29.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import { artifactTypeOfSchema } from "../../core/spec/artifact-type.ts";
import { artifactNameFromUri, workspacePathForUri } from "../../core/executor/artifact-uri.ts";
import { SpecError, StorageError } from "../../core/errors.ts";
import { ArtifactSchema, ArtifactType, type Artifact, type ImporterSpec } from "../../core/kfp-types.ts";
import { resolveMetadataPlaceholders } from "../../core/placeholders/placeholders.ts";
import { jsonToValue, type Value } from "../../core/values/value.ts";
import { isModelcarUri } from "../inputs/modelcar.ts";

/** What the spec of an importer refers to. */
export interface ImporterArtifactOptions {
  readonly namespace: string;
  /** The task's input parameters. */
  readonly lookup: (name: string) => Value | undefined;
  readonly artifactLocalPath?: string | undefined;
  /** No step could get at a model in an image. */
  readonly modelcarsUnavailable?: boolean | undefined;
}

/** Whether the spec refers to input parameters at all: an importer that does not is not held up by them. */
export function refersToInputs({ artifactUri, metadata }: ImporterSpec): boolean {
  return artifactUri?.value.case === "runtimeParameter" || JSON.stringify(metadata ?? {}).includes("{{$.inputs.");
}

/** An artifact without id and creation time, and where it goes first. */
export interface ImporterArtifact {
  readonly artifact: Artifact;
  /** Present when the bytes are to be downloaded to the workspace. */
  readonly workspacePath?: string;
}

/**
 * @throws {SpecError} SPEC_INVALID without usable URI, ARTIFACT_TYPE_INVALID for a type that cannot be, or cannot be in an image,
 *   FEATURE_UNSUPPORTED for an image where there are no modelcars.
 * @throws {StorageError} STORE_URI_INVALID, LOCAL_PATH_INVALID
 */
export function importerArtifact(spec: ImporterSpec, options: ImporterArtifactOptions): ImporterArtifact {
  const uri = importerUri(spec, options.lookup);
  const { type, metadata: markers } = artifactTypeOfSchema(spec.typeSchema);
  const isImage = isModelcarUri(uri);
  if (isImage && options.modelcarsUnavailable === true) {
    const reason = `${uri} is a model in an image, and nothing can mount images here; import it from a folder or a store`;
    throw new SpecError("FEATURE_UNSUPPORTED", reason);
  }
  if (isImage && type !== ArtifactType.Model) {
    const found = ArtifactType[type] ?? String(type);
    throw new SpecError("ARTIFACT_TYPE_INVALID", `the URI ${uri} names an image, which only a Model can be, not a ${found}`);
  }
  if (isImage && spec.downloadToWorkspace) {
    throw new SpecError("SPEC_INVALID", `the image ${uri} cannot be downloaded to the workspace`);
  }
  const metadata = { ...resolveMetadataPlaceholders(spec.metadata ?? {}, options.lookup), ...markers };
  const artifact = create(ArtifactSchema, {
    name: artifactNameFromUri(uri),
    type,
    uri,
    namespace: options.namespace,
    metadata: Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, jsonToValue(value)])),
  });
  return spec.downloadToWorkspace ? { artifact, workspacePath: workspacePath(uri, options) } : { artifact };
}

function importerUri({ artifactUri }: ImporterSpec, lookup: (name: string) => Value | undefined): string {
  const source = artifactUri?.value ?? { case: undefined };
  switch (source.case) {
    case "constant":
      return requireText(textOf(source.value), "the constant artifact URI");
    case "constantValue":
      return requireText(source.value.value.case === "stringValue" ? source.value.value.value : undefined, "the artifact URI");
    case "runtimeParameter": {
      const value = lookup(source.value);
      if (value === undefined)
        throw new SpecError("SPEC_INVALID", `cannot find parameter "${source.value}" for the artifact URI`);
      return requireText(textOf(value), `parameter "${source.value}", the artifact URI,`);
    }
    case undefined:
      throw new SpecError("SPEC_INVALID", "the importer spec has no artifact URI");
  }
}

function textOf({ kind }: Value): string | undefined {
  return kind.case === "stringValue" ? kind.value : undefined;
}

function requireText(text: string | undefined, what: string): string {
  if (text !== undefined && text !== "") return text;
  throw new SpecError("SPEC_INVALID", `${what} must be a string that is not empty`);
}

function workspacePath(uri: string, options: ImporterArtifactOptions): string {
  const path = workspacePathForUri(uri, options);
  if (path !== undefined) return path;
  throw new StorageError("LOCAL_PATH_INVALID", `Cannot download ${uri} to the workspace: its scheme has no local path`);
}
