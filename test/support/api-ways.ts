/**
 * One request, every way a client can send it: gRPC and REST, both packages, both layouts of `Run`.
 *
 * Requests and answers are JSON with the names of the protos, so that a table of cases holds for all ways. How a call looks over HTTP is
 * read from the tables of docs/spec, not from the options in the protos that the server reads.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  fromBinary,
  fromJson,
  toJson,
  type DescMethod,
  type DescService,
  type JsonObject,
  type JsonValue,
} from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { Client, credentials, status, type ServiceError } from "@grpc/grpc-js";
import { onTestFinished } from "vitest";
import { StatusSchema } from "../../src/gen/google/rpc/status_pb.js";
import { ArtifactService } from "../../src/gen/kubeflow/pipelines/backend/api/v2beta1/artifact_pb.js";
import { ExperimentService } from "../../src/gen/kubeflow/pipelines/backend/api/v2beta1/experiment_pb.js";
import { PipelineService } from "../../src/gen/kubeflow/pipelines/backend/api/v2beta1/pipeline_pb.js";
import { RecurringRunService } from "../../src/gen/kubeflow/pipelines/backend/api/v2beta1/recurring_run_pb.js";
import { RunService } from "../../src/gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";
import { apiPackageName, serviceDefinition, type ApiPackage, type GrpcMethod } from "../../src/wire/grpc-definition.ts";
import { convertEmbeddedRuns, detectRunLayout, toBranchLayout, toMergedLayout } from "../../src/wire/run-layout.ts";
import { startFakeApiServer } from "../fakes/api-server.ts";
import type { WatchedServer, WatchedServerOptions } from "../fakes/watched-server.ts";
import { root } from "./probe.ts";

/** A transport, a package, a layout. */
export interface Way {
  readonly name: string;
  readonly transport: "grpc" | "rest";
  readonly package: ApiPackage;
  readonly layout: "merged" | "branch";
}

const way = (transport: Way["transport"], apiPackage: ApiPackage, layout: Way["layout"] = "merged"): Way => ({
  name: `${transport === "grpc" ? "gRPC" : "REST"} ${apiPackage}${layout === "branch" ? ", layout of the branch" : ""}`,
  transport,
  package: apiPackage,
  layout,
});

/** For calls without a `Run` in them, which are the same in both layouts. */
export const WAYS: readonly Way[] = [way("grpc", "v2beta1"), way("rest", "v2beta1"), way("grpc", "v2"), way("rest", "v2")];

/** For calls that send or answer a `Run`. REST has names instead of numbers: its layout is one. */
export const RUN_WAYS: readonly Way[] = [...WAYS, way("grpc", "v2beta1", "branch"), way("grpc", "v2", "branch")];

/** What came back. */
export interface Outcome {
  /** `OK`, or the name of the gRPC status. */
  readonly code: string;
  /** Of an error. */
  readonly message: string;
  /** The first detail of an error: its code and the text for people. */
  readonly detail: { readonly code: number; readonly message: string } | undefined;
  /** Over REST. */
  readonly httpStatus: number | undefined;
  readonly reply: JsonObject;
}

/** A server, and a client that speaks to it one way. */
export interface ApiWay {
  readonly way: Way;
  readonly server: WatchedServer;
  /** Of REST, without a slash at the end and with the prefix of the package. */
  readonly url: string;
  /** What the server calls internal errors, as `method: message`. */
  readonly internal: string[];
  /** Sends a request, whatever comes of it. */
  send(this: void, method: string, request?: JsonObject): Promise<Outcome>;
  /** Sends a request that succeeds; throws when it does not. */
  call(this: void, method: string, request?: JsonObject): Promise<JsonObject>;
  /** Sets the server's clock, in unix seconds. It begins at 1000. */
  setTime(this: void, seconds: number): void;
}

/** Starts a server for the running test; its clock stands still. */
export async function startWay(by: Way, options: Partial<WatchedServerOptions> = {}): Promise<ApiWay> {
  let seconds = 1_000;
  const internal: string[] = [];
  const server = await startFakeApiServer({
    // The part of a second shows who stores more than whole seconds.
    now: () => new Date(seconds * 1000 + 750),
    runLayout: by.layout,
    onInternalError: (method, error) => internal.push(`${method}: ${error instanceof Error ? error.message : String(error)}`),
    rest: { build: { commit: "c0ffee", version: "1.2.3" } },
    ...options,
  });
  return { ...connectWay(server, by), internal, setTime: (value) => (seconds = value) };
}

/** A further client of a server, which may speak another way. The server's layout of `Run` stays. */
export function connectWay(server: WatchedServer, by: Way): Pick<ApiWay, "way" | "server" | "url" | "send" | "call"> {
  const url = `http://127.0.0.1:${server.rest?.port ?? 0}/apis/${by.package}`;
  const send = by.transport === "grpc" ? grpcSender(server.address, by) : restSender(url);
  return {
    way: by,
    server,
    url,
    send,
    async call(method, request) {
      const { code, message, reply } = await send(method, request);
      if (code !== "OK") throw new Error(`${method} over ${by.name} was answered ${code}: ${message}`);
      return reply;
    },
  };
}

const SERVICES: readonly DescService[] = [RunService, ArtifactService, PipelineService, ExperimentService, RecurringRunService];

function grpcSender(address: string, by: Way): ApiWay["send"] {
  const channel = new Client(address, credentials.createInsecure(), { "grpc.max_receive_message_length": -1 });
  onTestFinished(() => channel.close());
  const branch = by.layout === "branch";
  const methods = new Map<string, { readonly desc: DescMethod; readonly wire: GrpcMethod<unknown, unknown> }>();
  for (const service of SERVICES) {
    const table = serviceDefinition(service, apiPackageName(by.package), {
      sent: (type, bytes) => (branch ? convertEmbeddedRuns(type, bytes, toBranchLayout) : bytes),
      received: (type, bytes) => (branch ? convertEmbeddedRuns(type, bytes, fromBranch) : bytes),
    }) as Record<string, GrpcMethod<unknown, unknown>>;
    for (const method of service.methods) {
      const wire = table[method.localName];
      if (method.methodKind === "unary" && wire !== undefined) methods.set(method.name, { desc: method, wire });
    }
  }
  return async (name, request = {}) => {
    const method = methods.get(name);
    if (method === undefined) throw new Error(`There is no call ${name}`);
    const { desc, wire } = method;
    const message = fromJson(desc.input, request);
    return await new Promise((resolve) => {
      channel.makeUnaryRequest(wire.path, wire.requestSerialize, wire.responseDeserialize, message, (error, reply) => {
        if (error !== null) resolve(failureOf(error));
        else resolve(success(toJson(desc.output, reply as never, { useProtoFieldName: true }) as JsonObject, undefined));
      });
    });
  };
}

/** Whatever is no run of the branch is a fault of the server. */
function fromBranch(run: Uint8Array): Uint8Array {
  if (detectRunLayout(run) === "merged") throw new Error("The answer has the merged layout");
  return toMergedLayout(run);
}

function failureOf(error: ServiceError): Outcome {
  const [bytes] = error.metadata.get("grpc-status-details-bin");
  const [any] = bytes === undefined ? [] : fromBinary(StatusSchema, bytes as Buffer).details;
  const detail = any === undefined ? undefined : anyUnpack(any, StatusSchema);
  return {
    code: status[error.code] ?? String(error.code),
    message: error.details,
    detail: detail === undefined ? undefined : { code: detail.code, message: detail.message },
    httpStatus: undefined,
    reply: {},
  };
}

function success(reply: JsonObject, httpStatus: number | undefined): Outcome {
  return { code: "OK", message: "", detail: undefined, httpStatus, reply };
}

/** How a call is made over HTTP, as docs/spec says. */
interface HttpCall {
  readonly method: string;
  /** Below the prefix of the package, with `{variables}`. */
  readonly path: string;
  /** Member of the request that is the body; `*`: all of it; empty: none. */
  readonly body: string;
}

/** The HTTP columns of the tables of services, by RPC. */
export const HTTP_CALLS: ReadonlyMap<string, HttpCall> = new Map(
  ["run-and-artifact-messages.md", "service-messages.md"].flatMap((file) =>
    [
      ...readFileSync(join(root, "docs/spec", file), "utf8").matchAll(
        /^\| (\w+) \| [\w.]+ \| [\w.]+ \| (GET|POST|PATCH|DELETE) `\/apis\/v2beta1(\/[^`]*)` \| (?:(none)|`([\w*]+)`[^|]*) \|/gm,
      ),
    ].map(([, name = "", method = "", path = "", , body = ""]): [string, HttpCall] => [name, { method, path, body }]),
  ),
);

function restSender(url: string): ApiWay["send"] {
  return async (name, request = {}) => {
    const http = HTTP_CALLS.get(name);
    if (http === undefined) throw new Error(`docs/spec does not say how ${name} is called over HTTP`);
    const { target, body } = httpRequest(http, request);
    const response = await fetch(`${url}${target}`, {
      method: http.method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return outcomeOf(response.status, await response.text());
  };
}

/** Reads an answer of the REST side. */
export function outcomeOf(httpStatus: number, text: string): Outcome {
  const json = JSON.parse(text) as JsonObject;
  if (httpStatus === 200) return success(json, httpStatus);
  const [first] = (json["details"] ?? []) as JsonObject[];
  return {
    code: status[json["code"] as number] ?? "none",
    message: json["message"] as string,
    detail: first === undefined ? undefined : { code: first["code"] as number, message: first["message"] as string },
    httpStatus,
    reply: {},
  };
}

/** Path variables first, then the body; what is left goes into the query. Variables lie in the body too where the path leads into it. */
function httpRequest(http: HttpCall, request: JsonObject): { readonly target: string; readonly body: JsonValue | undefined } {
  const rest = new Map(Object.entries(request));
  const path = http.path.replaceAll(/\{([\w.]+)\}/g, (_, variable: string) => {
    const [outer = "", inner] = variable.split(".");
    const value = inner === undefined ? rest.get(outer) : (rest.get(outer) as JsonObject | undefined)?.[inner];
    if (inner === undefined && http.body !== "*") rest.delete(outer);
    return encodeURIComponent(typeof value === "string" ? value : "");
  });
  if (http.body === "*") return { target: path, body: request };
  const body = http.body === "" ? undefined : rest.get(http.body);
  if (http.body !== "") rest.delete(http.body);
  const query = [...rest].flatMap(([key, value]) =>
    (Array.isArray(value) ? value : [value]).map(
      (one) => `${key}=${encodeURIComponent(typeof one === "string" ? one : JSON.stringify(one))}`,
    ),
  );
  return { target: query.length === 0 ? path : `${path}?${query.join("&")}`, body };
}
