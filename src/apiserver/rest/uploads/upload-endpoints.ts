/**
 * Uploads of pipelines and versions, which the Python client and the UI use instead of the RPCs.
 *
 * Source: docs/spec/pipelines-and-python-client.md#upload-endpoints, #api-27.
 *
 * @module
 */
import type { DescMessage, JsonValue } from "@bufbuild/protobuf";
import { isJsonObject } from "../../../core/values/json-object.ts";
import { parseJsonText } from "../../../core/values/json-text.ts";
import { PipelineSchema, PipelineVersionSchema } from "../../../gen/kubeflow/pipelines/backend/api/v2beta1/pipeline_pb.js";
import type { Authorizer } from "../../calls/authorizer.ts";
import { invalidArgument, ServiceError, withContext } from "../../service-error.ts";
import { printReply } from "../gateway/gateway-endpoints.ts";
import { queryParameters } from "../gateway/query-json.ts";
import type { RestEndpoint, RestRequest } from "../http/endpoint.ts";
import { errorAnswer, jsonAnswer, RequestProblem } from "../http/error-answer.ts";
import { parsePathTemplate } from "../http/path-template.ts";
import { content, jsonContent, queryParameter, type DescribeOperation } from "../openapi/operation.ts";
import { packageText } from "./package-text.ts";
import { readUploadedFile } from "./uploaded-file.ts";

/** A spec file and what it is to be called. */
export interface PipelineUpload {
  /** Either name may be empty, not both. */
  readonly name: string;
  readonly displayName: string;
  readonly description: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly text: string;
}

/** Who keeps what is uploaded. Errors are ServiceErrors. */
export interface PipelineUploads {
  /** Makes a pipeline with its first version; answers a Pipeline. */
  uploadPipeline(upload: PipelineUpload): Promise<unknown>;
  /** Answers a PipelineVersion, encoded or not. */
  uploadVersion(pipelineId: string, upload: PipelineUpload): Promise<unknown>;
}

/** Each holds its file several times over while it is read. */
const MAX_UPLOADS_AT_ONCE = 8;
const MAX_NAMESPACE_LENGTH = 63;

/** The two endpoints. */
export function uploadEndpoints(uploads: PipelineUploads, authorizer: Authorizer): RestEndpoint[] {
  let underWay = 0;
  const endpoint = (
    path: string,
    purpose: string,
    reply: DescMessage,
    store: (query: ReadonlyMap<string, string>, upload: PipelineUpload) => Promise<unknown>,
  ): RestEndpoint => ({
    method: "POST",
    path: parsePathTemplate(path),
    describe: describeUpload(purpose, reply),
    async handle(request) {
      try {
        authorizer.authorize(request.headers.authorization, { operation: purpose });
        if (underWay === MAX_UPLOADS_AT_ONCE) {
          throw new ServiceError("RESOURCE_EXHAUSTED", `${MAX_UPLOADS_AT_ONCE} uploads are under way; try again`);
        }
        underWay += 1;
        try {
          const query = firstValues(request.query);
          return jsonAnswer(200, printReply(reply, await store(query, await readUpload(request, query))));
        } finally {
          underWay -= 1;
        }
      } catch (error) {
        return uploadError(error, purpose);
      }
    },
  });
  return [
    endpoint("/apis/v2beta1/pipelines/upload", "upload a pipeline", PipelineSchema, async (_query, upload) => {
      return await uploads.uploadPipeline(upload);
    }),
    endpoint("/apis/v2beta1/pipelines/upload_version", "upload a version", PipelineVersionSchema, async (query, upload) => {
      return await uploads.uploadVersion(pipelineIdOf(query), upload);
    }),
  ];
}

const UPLOAD_ERROR = {
  type: "object",
  properties: { error_message: { type: "string" }, error_details: { type: "string" } },
  required: ["error_message", "error_details"],
};

function describeUpload(purpose: string, reply: DescMessage): DescribeOperation {
  const text = { type: "string" };
  const ofVersion = reply === PipelineVersionSchema;
  return (schemas) => ({
    operationId: ofVersion ? "UploadPipelineVersion" : "UploadPipeline",
    summary: purpose,
    tags: ["PipelineUploadService"],
    parameters: [
      ...(ofVersion ? [queryParameter("pipelineid", text, true)] : [queryParameter("namespace", text)]),
      ...["name", "display_name", "description"].map((name) => queryParameter(name, text)),
      queryParameter("tags", { type: "string", description: "A JSON object of strings" }),
    ],
    requestBody: {
      required: true,
      ...content(
        "multipart/form-data",
        {
          type: "object",
          properties: { uploadfile: { type: "string", format: "binary", contentMediaType: "application/octet-stream" } },
          required: ["uploadfile"],
        },
        "A .yaml, .zip or .tar.gz file",
      ),
    },
    responses: { "200": jsonContent(schemas.refTo(reply), "What was made"), "4XX": jsonContent(UPLOAD_ERROR, "An error") },
  });
}

/** Of a parameter that is given twice the first value counts, as everywhere in the reference's own endpoints. */
function firstValues(query: string): ReadonlyMap<string, string> {
  return new Map(queryParameters(query).toReversed());
}

async function readUpload(request: RestRequest, query: ReadonlyMap<string, string>): Promise<PipelineUpload> {
  const [name, displayName] = [query.get("name") ?? "", query.get("display_name") ?? ""];
  if ((query.get("namespace") ?? "").length > MAX_NAMESPACE_LENGTH) {
    throw invalidArgument(`The namespace has more than ${MAX_NAMESPACE_LENGTH} characters`);
  }
  const tags = readTags(query.get("tags") ?? "");
  const file = await readUploadedFile(request);
  const text = await packageText(file.name, file.bytes);
  const fallback = name === "" && displayName === "" ? file.name : name;
  return { name: fallback, displayName, description: query.get("description") ?? "", tags, text };
}

function readTags(text: string): Record<string, string> {
  if (text === "") return {};
  const parsed = parseJsonText(text);
  const value: JsonValue = "problem" in parsed ? null : parsed.value;
  if (!isJsonObject(value) || !Object.values(value).every((tag) => typeof tag === "string")) {
    throw invalidArgument("tags is not a JSON object of strings");
  }
  return value as Record<string, string>;
}

function pipelineIdOf(query: ReadonlyMap<string, string>): string {
  const pipelineId = query.get("pipelineid") ?? "";
  if (pipelineId === "") throw invalidArgument("The query parameter pipelineid is required");
  return pipelineId;
}

/** Other keys than those of the gateway. An unknown pipeline is a wrong parameter here (400), not a wrong path. */
function uploadError(error: unknown, purpose: string) {
  const problem = error instanceof RequestProblem ? invalidArgument(error.message) : error;
  const failure = withContext(problem, `Failed to ${purpose}`);
  if (failure.status === "INTERNAL") throw problem;
  const { status, headers } = errorAnswer(failure);
  return jsonAnswer(
    failure.status === "NOT_FOUND" ? 400 : status,
    JSON.stringify({ error_message: failure.shortMessage, error_details: failure.message }),
    headers,
  );
}
