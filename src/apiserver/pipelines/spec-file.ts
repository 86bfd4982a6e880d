/**
 * A compiled pipeline as people upload it: a stream of YAML or JSON documents, of which one is the pipeline spec and one may be its
 * platform spec.
 *
 * Strict, unlike CreateRun: a field of the pipeline spec that this version does not know makes the file one of an unknown format, so that
 * who uploads hears of it and not who runs it months later (docs/adr/0036-strict-uploads.md).
 *
 * Source: docs/spec/pipelines-and-python-client.md#checks-on-a-spec-file, docs/spec/json-and-rest.md#msg-1.
 *
 * @module
 */
import { fromBinary, fromJson, toBinary, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { StructSchema } from "@bufbuild/protobuf/wkt";
import { PipelineSpecSchema } from "../../core/kfp-types.ts";
import { parseLenient } from "../../core/protojson/protojson.ts";
import { isJsonObject } from "../../core/values/json-object.ts";
import { readTextDocuments } from "../../core/values/text-documents.ts";
import { PipelineVersionSchema } from "../../gen/kubeflow/pipelines/backend/api/v2beta1/pipeline_pb.js";
import { invalidArgument } from "../service-error.ts";
import { parseAndCheckSpec } from "../services/pipeline-source.ts";

/** A pipeline that may be stored. */
export interface PipelineDefinition {
  /** `pipelineInfo.name` of the spec. */
  readonly name: string;
  /** Encoded Struct of the spec, or of `{pipeline_spec, platform_spec}`. */
  readonly pipelineSpec: Uint8Array;
}

/** More are cut off in the message. */
const MAX_NAMED_FIELDS = 10;
const NAME_PATTERN = /^[a-z0-9][a-z0-9-]{0,127}$/;

/**
 * Reads and checks a spec file.
 *
 * @throws {ServiceError} invalidArgument saying what is wrong with it.
 */
export async function readSpecFile(text: string): Promise<PipelineDefinition> {
  const read = await readTextDocuments(text);
  if ("problem" in read) throw invalidArgument(`Cannot read the pipeline file${read.problem}`);
  const source = specOf(read.documents);
  const { pipelineInfo } = parseAndCheckSpec(source);
  assertKnownFields(source);
  const name = pipelineInfo?.name ?? "";
  if (!NAME_PATTERN.test(name)) {
    throw invalidArgument(
      `The pipeline's name ${JSON.stringify(name)} must begin with a small letter or a digit and have at most 128 small letters, digits and dashes`,
    );
  }
  return { name, pipelineSpec: encodeSpec(source) };
}

function specOf(documents: readonly JsonValue[]): JsonObject {
  const specs: JsonObject[] = [];
  const platforms: JsonObject[] = [];
  for (const document of documents) {
    if (!isJsonObject(document)) continue;
    const wrapped = document["pipeline_spec"] ?? document["pipelineSpec"];
    if (isJsonObject(wrapped ?? null)) {
      specs.push(wrapped as JsonObject);
      const platform = document["platform_spec"] ?? document["platformSpec"] ?? null;
      if (isJsonObject(platform)) platforms.push(platform);
    } else if (isPipelineSpec(document)) specs.push(document);
    else if (isPlatformSpec(document)) platforms.push(document);
  }
  const [spec, secondSpec] = specs;
  if (spec === undefined) {
    throw invalidArgument(
      "unknown template format: the file has no document with pipelineInfo.name and root; compile it with the KFP SDK, version 2",
    );
  }
  if (secondSpec !== undefined) throw invalidArgument("The file holds more than one pipeline spec");
  const [platform, secondPlatform] = platforms;
  if (secondPlatform !== undefined) throw invalidArgument("The file holds more than one platform spec");
  return platform === undefined ? spec : { pipeline_spec: spec, platform_spec: platform };
}

/** What lies in the deployment spec is free: it is a Struct. */
function assertKnownFields(source: JsonObject): void {
  const spec = source["pipeline_spec"] ?? source;
  const { unknownFields } = parseLenient(PipelineSpecSchema, spec, { what: "the pipeline spec" });
  if (unknownFields.length > 0) {
    const names = unknownFields.slice(0, MAX_NAMED_FIELDS).join(", ");
    throw invalidArgument(`unknown template format: the pipeline spec has fields that this version does not know: ${names}`);
  }
}

function isPipelineSpec(document: JsonObject): boolean {
  const info = document["pipelineInfo"] ?? document["pipeline_info"] ?? null;
  return isJsonObject(info) && typeof info["name"] === "string" && info["name"] !== "" && isJsonObject(document["root"] ?? null);
}

function isPlatformSpec(document: JsonObject): boolean {
  const platforms = document["platforms"] ?? null;
  return isJsonObject(platforms) && Object.hasOwn(platforms, "kubernetes");
}

/** The deepest message that carries the spec must be readable again, on every client. */
function encodeSpec(source: JsonObject): Uint8Array {
  const bytes = toBinary(StructSchema, fromJson(StructSchema, source));
  try {
    fromBinary(PipelineVersionSchema, toBinary(PipelineVersionSchema, fromJson(PipelineVersionSchema, { pipelineSpec: source })));
  } catch {
    throw invalidArgument("The pipeline spec is nested too deeply to be sent to a client");
  }
  return bytes;
}
