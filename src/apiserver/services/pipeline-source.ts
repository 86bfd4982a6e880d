/**
 * The pipeline of a CreateRun request: unwrapped, parsed, checked.
 *
 * Unknown fields are accepted (specs of newer SDKs run, docs/spec/json-and-rest.md#decision-lenient-parsing); wrong types are
 * not.
 *
 * Source: docs/spec/api-server.md#createrun (steps 5 and 6), docs/spec/pipelines-and-python-client.md#checks-on-a-spec-file.
 *
 * @module
 */
import type { JsonObject } from "@bufbuild/protobuf";
import { errorMessage } from "../../core/errors.ts";
import type { PipelineSpec, Run } from "../../core/kfp-types.ts";
import { parsePipelineSpec, SCHEMA_VERSION } from "../../core/spec/pipeline-spec.ts";
import { invalidArgument, notFound } from "../service-error.ts";

/**
 * Reads the spec of a run request.
 *
 * @throws {ServiceError} invalidArgument for no or an unusable spec; notFound for a pipeline version, of which this server stores none.
 */
export function readPipelineSource(source: Run["pipelineSource"]): PipelineSpec {
  switch (source.case) {
    case "pipelineVersionReference": {
      const { pipelineId, pipelineVersionId } = source.value;
      if (pipelineVersionId !== "") throw notFound("Pipeline version", pipelineVersionId);
      if (pipelineId !== "") throw notFound("Pipeline", pipelineId);
      throw invalidArgument("The pipeline version reference names neither a version nor a pipeline");
    }
    case "pipelineSpec":
      return parseAndCheck(source.value);
    default:
      throw invalidArgument("The run has no pipeline: give pipeline_spec or pipeline_version_reference");
  }
}

function parseAndCheck(struct: JsonObject): PipelineSpec {
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
