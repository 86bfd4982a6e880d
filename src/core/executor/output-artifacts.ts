/**
 * What to upload and what to register, for every output artifact of a task.
 *
 * Pure planning: nothing is read, so whether the files exist is found out by whoever carries the plan out.
 *
 * Source: docs/spec/outputs.md#upload-and-registration, #type-mapping, #metrics, #lau-24, #lau-25,
 * docs/spec/launcher-flow.md#lau-9.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import { artifactTypeOfSchema } from "../spec/artifact-type.ts";
import { localPathForUri } from "./artifact-uri.ts";
import { KfpError, SpecError, StorageError, UserCodeError } from "../errors.ts";
import type { MergedOutput } from "./executor-output.ts";
import { ArtifactSchema, ArtifactType } from "../kfp-types.ts";
import type { Artifact, RuntimeArtifact } from "../kfp-types.ts";
import { compareUtf8 } from "../go/unicode.ts";
import { jsonToValue } from "../values/value.ts";
import type { JsonObject } from "../values/value.ts";

/** One transfer that makes an output visible. */
export interface Upload {
  readonly localPath: string;
  /** An absolute path where the artifact stays on this disk; often `localPath` itself. */
  readonly uri: string;
}

/** One artifact record, or the reason why an output has none. */
export interface OutputArtifactPlan {
  /** Output key: the producer key of the record. */
  readonly key: string;
  /** Without id and creation time; absent when nothing is to be registered. */
  readonly artifact?: Artifact;
  /** Absent when the artifact has no bytes, or they are elsewhere already. */
  readonly upload?: Upload;
  /** What the user should see, when something they declared is not registered. */
  readonly warning?: string;
}

/** Where output artifacts belong. */
export interface OutputArtifactsOptions {
  readonly namespace: string;
  /** `ARTIFACT_LOCAL_PATH` */
  readonly artifactLocalPath?: string | undefined;
}

/**
 * Plans uploads and records, in the order of the outputs. Metrics become one record per metadata entry and have no bytes.
 *
 * @throws {SpecError} ARTIFACT_TYPE_INVALID for an output without usable type.
 * @throws {UserCodeError} METRIC_INVALID for a metric that is not a number.
 * @throws {StorageError} STORE_URI_INVALID for a custom path with a URI nothing can be uploaded to; LOCAL_PATH_INVALID for a URI
 *   that would leave its folder.
 */
export function planOutputArtifacts(outputs: readonly MergedOutput[], options: OutputArtifactsOptions): OutputArtifactPlan[] {
  return outputs.flatMap(({ key, artifacts }) => artifacts.flatMap((artifact) => planArtifact(key, artifact, options)));
}

function planArtifact(key: string, artifact: RuntimeArtifact, options: OutputArtifactsOptions): OutputArtifactPlan[] {
  const { type, metadata: markers } = storedTypeOf(key, artifact);
  const { namespace } = options;
  if (type === ArtifactType.Metric) return metricRecords(artifact, namespace).map((record) => ({ key, artifact: record }));

  const metadata: JsonObject = { ...artifact.metadata, ...markers };
  const isImage = artifact.uri.startsWith("oci://");
  if (type === ArtifactType.ClassificationMetric || type === ArtifactType.SlicedClassificationMetric) {
    if (Object.keys(artifact.metadata ?? {}).length === 0) {
      return [{ key, warning: `Output artifact "${key}" is not registered: it holds no classification metrics` }];
    }
    return [{ key, artifact: recordOf(artifact.name, type, metadata, namespace, isImage ? artifact.uri : undefined) }];
  }
  const record = recordOf(artifact.name, type, metadata, namespace, artifact.uri);
  if (isImage) return [{ key, artifact: record }];
  const localPath = uploadPath(key, artifact, options);
  if (localPath !== undefined) return [{ key, artifact: record, upload: { localPath, uri: artifact.uri } }];
  const reason = `its URI ${JSON.stringify(artifact.uri)} has no local path`;
  return [{ key, warning: `Output artifact "${key}" is neither uploaded nor registered: ${reason}` }];
}

function storedTypeOf(key: string, artifact: RuntimeArtifact): ReturnType<typeof artifactTypeOfSchema> {
  try {
    return artifactTypeOfSchema(artifact.type);
  } catch (error) {
    if (!(error instanceof KfpError)) throw error;
    throw new SpecError("ARTIFACT_TYPE_INVALID", `Cannot register output artifact "${key}": ${error.message}`, { cause: error });
  }
}

function uploadPath(key: string, { customPath, uri }: RuntimeArtifact, options: OutputArtifactsOptions): string | undefined {
  const mapped = localPathForUri(uri, options);
  if (customPath !== undefined && mapped === undefined) {
    throw new StorageError(
      "STORE_URI_INVALID",
      `Cannot upload output artifact "${key}" from its custom path: nothing can be stored at ${JSON.stringify(uri)}`,
    );
  }
  return customPath ?? mapped;
}

function metricRecords({ metadata = {} }: RuntimeArtifact, namespace: string): Artifact[] {
  return Object.entries(metadata)
    .toSorted(([left], [right]) => compareUtf8(left, right))
    .map(([name, value]) => {
      if (typeof value !== "number") throw new UserCodeError("METRIC_INVALID", `metric value "${name}" must be a number`);
      const record = recordOf(name, ArtifactType.Metric, { [name]: value }, namespace, undefined);
      record.numberValue = value;
      return record;
    });
}

function recordOf(name: string, type: ArtifactType, metadata: JsonObject, namespace: string, uri: string | undefined): Artifact {
  return create(ArtifactSchema, {
    name,
    type,
    namespace,
    metadata: Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, jsonToValue(value)])),
    ...(uri === undefined ? {} : { uri }),
  });
}
