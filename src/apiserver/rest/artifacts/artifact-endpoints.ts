/**
 * Reading artifacts: as KFP's UI asks for them, as the reference's API does, and by id.
 *
 * Only what an artifact of some run names is read, and what lies below it.
 *
 * Source: docs/spec/api-server.md#http-endpoints-outside-the-protos, #decision-artifact-reading.
 *
 * @module
 */
import { fromBinary } from "@bufbuild/protobuf";
import { ArtifactSchema } from "../../../core/kfp-types.ts";
import type { Authorizer } from "../../calls/authorizer.ts";
import { invalidArgument, notFound } from "../../service-error.ts";
import type { Store } from "../../store.ts";
import { queryParameters } from "../gateway/query-json.ts";
import type { RestAnswer, RestEndpoint, RestRequest } from "../http/endpoint.ts";
import { parsePathTemplate, type PathVariables } from "../http/path-template.ts";
import { content, jsonContent, queryParameter, type ApiOperation } from "../openapi/operation.ts";
import type { ArtifactFiles } from "./artifact-files.ts";
import { fileAnswer, writeAll } from "./file-answer.ts";

/** What reading artifacts takes. */
export interface ArtifactReading {
  readonly store: Pick<Store, "artifacts" | "links" | "tasks">;
  readonly files: ArtifactFiles;
  readonly authorizer: Authorizer;
}

/** Bytes of a file on their way in Base64: whole groups of three, so that the pieces can be put together. */
const GROUP = 3;

/** The endpoints. */
export function artifactEndpoints({ store, files, authorizer }: ArtifactReading): RestEndpoint[] {
  const endpoint = (
    path: string,
    describe: () => ApiOperation,
    handle: (request: RestRequest, variables: PathVariables, query: ReadonlyMap<string, string>) => Promise<RestAnswer>,
  ): RestEndpoint => ({
    method: "GET",
    path: parsePathTemplate(path),
    describe,
    async handle(request, variables) {
      authorizer.authorize(request.headers.authorization, { operation: "read an artifact" });
      return await handle(request, variables, new Map(queryParameters(request.query).toReversed()));
    },
  });
  const readUri = async (
    { uri, runIds }: StoredPlace,
    request: RestRequest,
    query: ReadonlyMap<string, string>,
  ): Promise<RestAnswer> => {
    const peek = Number(query.get("peek") ?? "");
    const options = { name: uri.slice(uri.lastIndexOf("/") + 1), ...(peek > 0 ? { peek } : {}) };
    return await fileAnswer(await files.open(uri, runIds), request, options);
  };
  return [
    endpoint(
      "/artifacts/get",
      () => described("Artifacts_Get", ["source", "bucket", "key"], ["peek"]),
      async (request, _variables, query) => {
        const place = storedPlace(store, query.get("source") ?? "", query.get("bucket") ?? "", query.get("key") ?? "");
        return await readUri(place, request, query);
      },
    ),
    endpoint(
      "/artifacts/{source}/{bucket}/{key}",
      () => described("Artifacts_Download", [], ["peek"]),
      async (request, { source = "", bucket = "", key = "" }, query) =>
        await readUri(storedPlace(store, source, bucket, key), request, query),
    ),
    endpoint(
      "/apis/v2beta1/artifacts/{artifact_id}:read",
      () => described("Artifacts_Read", [], ["path", "peek"]),
      async (request, { artifact_id: artifactId = "" }, query) => {
        const { uri, runIds } = placeOfArtifact(store, artifactId);
        const inner = query.get("path") ?? "";
        if (inner.split("/").includes("..")) throw invalidArgument("The path leads out of the artifact");
        return await readUri({ uri: inner === "" ? uri : `${uri.replace(/\/+$/, "")}/${inner}`, runIds }, request, query);
      },
    ),
    endpoint(
      "/apis/v2beta1/runs/{run_id}/nodes/{node_id}/artifacts/{artifact_name}:read",
      () => ({
        ...described("RunService_ReadArtifact", [], []),
        responses: {
          "200": jsonContent({ type: "object", properties: { data: { type: "string" } } }, "The bytes in Base64"),
        },
      }),
      async (_request, { run_id: runId = "", node_id: nodeId = "", artifact_name: name = "" }) => {
        const file = await files.open(uriOfOutput(store, { runId, taskId: nodeId, name }), [runId]);
        return {
          status: 200,
          headers: { "content-type": "application/json" },
          close: async () => await file.close(),
          async write(response, signal) {
            response.write('{"data":"');
            await writeAll(response, base64(file.read(0, file.size)), signal);
            response.end('"}');
          },
        };
      },
    ),
  ];
}

function described(operationId: string, required: readonly string[], optional: readonly string[]): ApiOperation {
  return {
    operationId,
    summary: "read an artifact",
    tags: ["Artifacts"],
    parameters: [
      ...required.map((name) => queryParameter(name, { type: "string" }, true)),
      ...optional.map((name) => queryParameter(name, { type: "string" })),
    ],
    responses: { "200": content("*/*", {}, "The bytes"), "206": content("*/*", {}, "A part of them") },
  };
}

/** Schemes by the names that KFP's UI has for them; `file` is an absolute path, whose first folder stands for the bucket. */
const PREFIXES: Readonly<Record<string, string>> = {
  gcs: "gs://",
  minio: "minio://",
  s3: "s3://",
  http: "http://",
  https: "https://",
  azblob: "azblob://",
  file: "/",
};

/** Where an artifact lies, and the runs that have it, the one that made it first. */
interface StoredPlace {
  readonly uri: string;
  readonly runIds: readonly string[];
}

/**
 * The URI, if it is one of an artifact, or lies below one.
 *
 * @throws {ServiceError} INVALID_ARGUMENT or NOT_FOUND.
 */
function storedPlace(store: ArtifactReading["store"], source: string, bucket: string, key: string): StoredPlace {
  const prefix = Object.hasOwn(PREFIXES, source) ? PREFIXES[source] : undefined;
  if (prefix === undefined) throw invalidArgument(`source is none of ${Object.keys(PREFIXES).join(", ")}`);
  if (bucket === "" || key === "") throw invalidArgument("source, bucket and key are required");
  const uri = `${prefix}${bucket}/${key}`;
  const parts = key.split("/");
  if (parts.includes("..")) throw invalidArgument("The key leads out of the artifact");
  // Ten levels are far more than the folders that components make of one artifact.
  for (let cut = parts.length; cut > 0 && cut > parts.length - 10; cut -= 1) {
    const candidate = `${prefix}${bucket}/${parts.slice(0, cut).join("/")}`;
    for (const each of [candidate, `${candidate}/`]) {
      const runIds = store.artifacts.findByUri(each).flatMap(({ artifactId }) => store.links.runsOf(artifactId));
      if (runIds.length > 0) return { uri, runIds };
    }
  }
  throw notFound("Artifact", uri);
}

function placeOfArtifact({ artifacts, links }: ArtifactReading["store"], artifactId: string): StoredPlace {
  const stored = artifacts.find(artifactId);
  const runIds = links.runsOf(artifactId);
  if (stored === undefined || runIds.length === 0) throw notFound("Artifact", artifactId);
  return { uri: requireUri(fromBinary(ArtifactSchema, stored.body).uri, artifactId), runIds };
}

function requireUri(uri: string | undefined, name: string): string {
  if (uri === undefined || uri === "") throw notFound("File of artifact", name);
  return uri;
}

/** What a task of a run has under a key, or as an artifact of that name. */
function uriOfOutput(
  { tasks, links }: ArtifactReading["store"],
  { runId, taskId, name }: { readonly runId: string; readonly taskId: string; readonly name: string },
): string {
  if (tasks.find(taskId)?.runId !== runId) throw notFound("Task", taskId);
  const rows = links.ofTasks([taskId]).map((row) => ({ key: row.key, artifact: fromBinary(ArtifactSchema, row.artifact) }));
  const found = rows.find(({ key }) => key === name) ?? rows.find(({ artifact }) => artifact.name === name);
  if (found === undefined) throw notFound("Artifact", name);
  return requireUri(found.artifact.uri, name);
}

async function* base64(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let rest = Buffer.alloc(0);
  for await (const piece of pieces) {
    const bytes = Buffer.concat([rest, piece]);
    const whole = bytes.length - (bytes.length % GROUP);
    yield bytes.subarray(0, whole).toString("base64");
    rest = bytes.subarray(whole);
  }
  yield rest.toString("base64");
}
