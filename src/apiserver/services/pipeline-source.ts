/**
 * The pipeline of a CreateRun or CreateRecurringRun request: found, unwrapped, parsed, checked.
 *
 * Unknown fields are accepted (specs of newer SDKs run, docs/spec/json-and-rest.md#decision-lenient-parsing); wrong types are
 * not.
 *
 * Source: docs/spec/api-server.md#createrun (steps 5 and 6), docs/spec/pipelines-and-python-client.md#checks-on-a-spec-file.
 *
 * @module
 */
import { create, fromBinary, toJson, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { StructSchema, ValueSchema } from "@bufbuild/protobuf/wkt";
import { errorMessage } from "../../core/errors.ts";
import type { PipelineSpec, Run } from "../../core/kfp-types.ts";
import { parsePipelineSpec, SCHEMA_VERSION } from "../../core/spec/pipeline-spec.ts";
import { checkRuntimeParameters } from "../../core/values/runtime-parameters.ts";
import type { RuntimeConfig } from "../../gen/kubeflow/pipelines/backend/api/v2beta1/runtime_config_pb.js";
import { PipelineVersionReferenceSchema } from "../../gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";
import type { PipelineStore, StoredPipelineVersion } from "../catalog-store.ts";
import { invalidArgument, notFound } from "../service-error.ts";

/** The member of a request that names or holds the pipeline. */
export type PipelineSource = Run["pipelineSource"];

/** A pipeline to run. */
export interface ResolvedPipeline {
  readonly spec: PipelineSpec;
  /** The spec, or `{pipeline_spec, platform_spec}`, to be kept with the run: versions may be deleted. */
  readonly pipelineSpec: JsonObject;
  /** What the run shows: the version with both its ids, or the inline spec. */
  readonly source: PipelineSource;
}

/**
 * Finds and reads the spec of a request.
 *
 * @throws {ServiceError} invalidArgument for no source, an unusable spec, or a version of another pipeline; notFound for an unknown
 * pipeline or version, and for a pipeline without versions.
 */
export function resolvePipelineSource(source: PipelineSource, pipelines: PipelineStore): ResolvedPipeline {
  switch (source.case) {
    case "pipelineVersionReference": {
      const { version, pipelineSpec: bytes } = referredVersion(source.value, pipelines);
      const { pipelineId, pipelineVersionId } = version;
      const value = create(PipelineVersionReferenceSchema, { pipelineId, pipelineVersionId });
      const pipelineSpec = toJson(StructSchema, fromBinary(StructSchema, bytes));
      return {
        spec: parseAndCheckSpec(pipelineSpec),
        pipelineSpec,
        source: { case: "pipelineVersionReference", value },
      };
    }
    case "pipelineSpec":
      return { spec: parseAndCheckSpec(source.value), pipelineSpec: source.value, source };
    default:
      throw invalidArgument("There is no pipeline: give pipeline_spec or pipeline_version_reference");
  }
}

function referredVersion(
  { pipelineId, pipelineVersionId }: { readonly pipelineId: string; readonly pipelineVersionId: string },
  pipelines: PipelineStore,
): StoredPipelineVersion {
  if (pipelineVersionId !== "") {
    const found = pipelines.findVersion(pipelineVersionId);
    if (found === undefined) throw notFound("Pipeline version", pipelineVersionId);
    if (pipelineId !== "" && found.version.pipelineId !== pipelineId) {
      throw invalidArgument(`Pipeline version ${pipelineVersionId} does not belong to pipeline ${pipelineId}`);
    }
    return found;
  }
  if (pipelineId === "") throw invalidArgument("The pipeline version reference names neither a version nor a pipeline");
  if (pipelines.find(pipelineId) === undefined) throw notFound("Pipeline", pipelineId);
  const newest = pipelines.newestVersion(pipelineId);
  if (newest === undefined) throw notFound("Pipeline version", `of pipeline ${pipelineId}`);
  return newest;
}

/** @throws {ServiceError} invalidArgument for a spec that cannot run. */
export function parseAndCheckSpec(struct: JsonObject): PipelineSpec {
  let spec: PipelineSpec;
  try {
    ({ spec } = parsePipelineSpec(struct));
  } catch (error) {
    throw invalidArgument(errorMessage(error));
  }
  if ((spec.pipelineInfo?.name ?? "") === "") throw invalidArgument("The pipeline spec has no pipelineInfo.name");
  if (spec.root === undefined) throw invalidArgument("The pipeline spec has no root");
  if (spec.schemaVersion !== SCHEMA_VERSION) {
    throw invalidArgument(`The pipeline spec has schema version "${spec.schemaVersion}", not ${SCHEMA_VERSION}`);
  }
  return spec;
}

/** @throws {ServiceError} invalidArgument naming every parameter that the pipeline cannot take, or misses. */
export function checkParameters(spec: PipelineSpec, config: RuntimeConfig | undefined): void {
  const parameters: Record<string, JsonValue> = {};
  for (const [name, value] of Object.entries(config?.parameters ?? {})) {
    parameters[name] = value.kind.case === undefined ? null : toJson(ValueSchema, value);
  }
  const problems = checkRuntimeParameters(spec, parameters);
  if (problems.length > 0) throw invalidArgument(problems.map((problem) => problem.message).join("; "));
}
