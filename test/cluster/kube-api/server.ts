/**
 * A small Kubernetes API over TLS: the objects of an ObjectStore as REST resources with watches, tokens of service accounts, logs of
 * pods and commands in their containers.
 *
 * It knows no roles: whoever has a token may do everything, and it keeps who asked for what.
 *
 * Standard: Kubernetes API concepts.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { createServer } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { JsonObject, JsonValue } from "../../../src/core/values/value.ts";
import { KubeStatusError, type KubeObjectInput } from "./kube-object.ts";
import type { ObjectStore } from "./object-store.ts";
import { parseRequestPath, type ResourceRequest } from "./request-path.ts";
import { apiVersionOf, resourceOf, type Resource } from "./resources.ts";
import { fieldSelector, labelSelector, type Selector } from "./selectors.ts";
import { answerExec, type ExecInContainer } from "./spdy-exec.ts";

export interface KubeApiOptions {
  readonly store: ObjectStore;
  readonly now: () => Date;
  /** PEM. */
  readonly tls: { readonly cert: string; readonly key: string };
  /** Default 0, any free port. */
  readonly port?: number;
  /** What a container has written; undefined when there is none of that name. */
  readonly readLog?: (namespace: string, pod: string, container: string) => Promise<string | undefined>;
  readonly exec?: ExecInContainer;
  /** Waited for before an object that a client sends is created. @throws {KubeStatusError} To refuse it. */
  readonly admit?: (resource: Resource, object: KubeObjectInput) => Promise<void>;
}

export interface KubeApiServer {
  readonly port: number;
  /** May do everything. */
  readonly adminToken: string;
  /** `VERB resource[/subresource]` by who asked, counted. */
  readonly requests: ReadonlyMap<string, number>;
  readonly issueToken: (serviceAccount: string) => string;
  close(): Promise<void>;
}

/** As the real one: etcd takes 1.5 MiB. */
const MAX_BODY_BYTES = 3 << 20;
const TOKEN_SECONDS = 7200;

export async function startKubeApi(options: KubeApiOptions): Promise<KubeApiServer> {
  const { store, now } = options;
  const tokens = new Map<string, string>();
  const requests = new Map<string, number>();
  const sockets = new Set<Socket>();
  const issueToken = (who: string): string => {
    const token = randomBytes(24).toString("base64url");
    tokens.set(token, who);
    return token;
  };
  const adminToken = issueToken("admin");

  const authenticate = ({ headers }: IncomingMessage): string => {
    const [, token = ""] = /^Bearer (.+)$/.exec(headers.authorization ?? "") ?? [];
    const who = tokens.get(token);
    if (who === undefined) throw new KubeStatusError(401, "Unauthorized", "Unauthorized");
    return who;
  };

  const requestOf = (request: IncomingMessage): { url: URL; place: ResourceRequest } => {
    const url = new URL(request.url ?? "/", "https://cluster");
    const place = parseRequestPath(url.pathname);
    if (place === undefined) throw new KubeStatusError(404, "NotFound", "the server could not find the requested resource");
    return { url, place };
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const who = authenticate(request);
    const { method = "GET" } = request;
    const path = (request.url ?? "").replace(/\?.*/, "");
    if (path === "/version") return answer(response, 200, { major: "1", minor: "33", gitVersion: "v1.33.0" });
    if (path === "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")
      return answer(response, 201, { ...(await readBody(request)), status: { allowed: true } });
    const { url, place } = requestOf(request);
    const { resource, namespace, name, subresource } = place;
    const count = (verb: string): void => {
      const what = `${who} ${verb} ${resource.plural}${subresource === "" ? "" : `/${subresource}`}`;
      requests.set(what, (requests.get(what) ?? 0) + 1);
    };
    if (method === "GET" && subresource === "log") {
      count("get");
      const text = await options.readLog?.(namespace, name, url.searchParams.get("container") ?? "main");
      if (text === undefined) throw new KubeStatusError(404, "NotFound", `pods "${name}" not found`);
      response.writeHead(200, { "content-type": "text/plain" }).end(text);
      return;
    }
    if (method === "POST" && subresource === "token") {
      count("create");
      store.get({ resource, namespace, name });
      const token = issueToken(`system:serviceaccount:${namespace}:${name}`);
      const expirationTimestamp = new Date(now().getTime() + TOKEN_SECONDS * 1000).toISOString();
      return answer(response, 201, { ...(await readBody(request)), status: { token, expirationTimestamp } });
    }
    if (subresource !== "" && !(subresource === "status" && resource.hasStatus))
      throw new KubeStatusError(404, "NotFound", "the server could not find the requested resource");
    const part = subresource === "status" ? "status" : "main";
    const selects = selectorOf(url.searchParams);
    switch (method) {
      case "GET": {
        if (name !== "") {
          count("get");
          return answer(response, 200, store.get({ resource, namespace, name }));
        }
        if (url.searchParams.get("watch") === "true") {
          count("watch");
          return watch(store, place, { query: url.searchParams, selects, response });
        }
        count("list");
        const { items, resourceVersion } = store.list({ resource, namespace }, selects);
        const head = { kind: `${resource.kind}List`, apiVersion: apiVersionOf(resource) };
        return answer(response, 200, { ...head, metadata: { resourceVersion }, items });
      }
      case "POST": {
        count("create");
        const body = await readBody(request);
        await options.admit?.(resource, body);
        return answer(response, 201, store.create({ resource, namespace }, body));
      }
      case "PUT":
        count("update");
        return answer(response, 200, store.update({ resource, namespace, name }, await readBody(request), part));
      case "PATCH": {
        count("patch");
        const type = request.headers["content-type"] ?? "";
        if (!type.startsWith("application/merge-patch+json"))
          throw new KubeStatusError(415, "UnsupportedMediaType", `a test cluster takes merge patches only, not ${type}`);
        return answer(response, 200, store.patch({ resource, namespace, name }, await readBody(request), part));
      }
      case "DELETE": {
        const body = await readBody(request);
        const grace = body["gracePeriodSeconds"];
        if (name !== "") {
          count("delete");
          const uid = (body["preconditions"] as { uid?: string } | undefined)?.uid;
          const deletion = {
            ...(typeof grace === "number" ? { graceSeconds: grace } : {}),
            ...(uid === undefined ? {} : { uid }),
          };
          return answer(response, 200, store.delete({ resource, namespace, name }, deletion));
        }
        count("deletecollection");
        const { items, resourceVersion } = store.list({ resource, namespace }, selects);
        for (const { metadata } of items) store.delete({ resource, namespace: metadata.namespace ?? "", name: metadata.name });
        const head = { kind: `${resource.kind}List`, apiVersion: apiVersionOf(resource) };
        return answer(response, 200, { ...head, metadata: { resourceVersion }, items });
      }
      default:
        throw new KubeStatusError(405, "MethodNotAllowed", `${method} is not supported`);
    }
  };

  const server = createServer(options.tls, (request, response) => {
    handle(request, response).catch((error: unknown) => {
      const { code, status } = statusOf(error);
      if (response.headersSent) response.destroy();
      else answer(response, code, status);
    });
  });
  server.on("upgrade", (request: IncomingMessage, socket: Socket) => {
    try {
      const who = authenticate(request);
      const { url, place } = requestOf(request);
      if (place.resource !== resourceOf("pods") || place.subresource !== "exec" || options.exec === undefined)
        throw new KubeStatusError(404, "NotFound", "the server could not find the requested resource");
      const what = `${who} create pods/exec`;
      requests.set(what, (requests.get(what) ?? 0) + 1);
      const container = url.searchParams.get("container") ?? "main";
      const target = { namespace: place.namespace, pod: place.name, container, command: url.searchParams.getAll("command") };
      answerExec(socket, request, target, options.exec);
    } catch (error) {
      const { code, status } = statusOf(error);
      const body = JSON.stringify(status);
      socket.end(
        `HTTP/1.1 ${String(code)} Error\r\ncontent-type: application/json\r\ncontent-length: ${String(Buffer.byteLength(body))}\r\nconnection: close\r\n\r\n${body}`,
      );
    }
  });
  server.on("secureConnection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    adminToken,
    requests,
    issueToken,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function watch(
  store: ObjectStore,
  { resource, namespace }: ResourceRequest,
  { query, selects, response }: { query: URLSearchParams; selects: Selector; response: ServerResponse },
): void {
  const line = (event: unknown): boolean => response.write(`${JSON.stringify(event)}\n`);
  const since = query.get("resourceVersion") ?? "";
  let stop = (): void => undefined;
  try {
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    stop = store.watch({ resource, namespace }, { since, selects, onEvent: line });
  } catch (error) {
    line({ type: "ERROR", object: statusOf(error).status });
    response.end();
    return;
  }
  const seconds = Number(query.get("timeoutSeconds") ?? "0");
  const end = (): void => {
    // Before it is closed: what a slow reader has not taken yet may keep it open for a while.
    stop();
    response.end();
  };
  const timer = seconds > 0 ? setTimeout(end, seconds * 1000) : undefined;
  response.on("close", () => {
    clearTimeout(timer);
    stop();
  });
}

function selectorOf(query: URLSearchParams): Selector {
  const byLabel = labelSelector(query.get("labelSelector") ?? "");
  const byField = fieldSelector(query.get("fieldSelector") ?? "");
  return (object) => byLabel(object) && byField(object);
}

async function readBody(request: IncomingMessage): Promise<JsonObject> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES)
      throw new KubeStatusError(413, "RequestEntityTooLarge", `the request is larger than ${String(MAX_BODY_BYTES)} bytes`);
    chunks.push(chunk);
  }
  if (bytes === 0) return {};
  try {
    const body = JSON.parse(Buffer.concat(chunks).toString("utf8")) as JsonValue;
    if (typeof body === "object" && body !== null && !Array.isArray(body)) return body;
  } catch {
    // Falls through: a body that is no object, either way.
  }
  throw new KubeStatusError(400, "BadRequest", "the body of the request is not a JSON object");
}

function answer(response: ServerResponse, code: number, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(code, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
}

function statusOf(error: unknown): { readonly code: number; readonly status: object } {
  const message = error instanceof Error ? error.message : String(error);
  const { code, reason } = error instanceof KubeStatusError ? error : { code: 500, reason: "InternalError" };
  return { code, status: { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, reason, code } };
}
