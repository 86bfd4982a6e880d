/**
 * The part of a Kubernetes API server that keeps volume claims: it checks what it is asked, as the real one does, and refuses in the real
 * one's words. Rights, tokens and faults of the network are the test's to set.
 *
 * @module
 */
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";

/** `lost-answer`: done, but the connection breaks before the answer; `reset`: not done. */
export type Fault =
  | "reset"
  | "lost-answer"
  | "hang"
  | { readonly status: number; readonly retryAfterSeconds?: number; readonly reason?: string; readonly text?: string };

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body?: unknown;
  /** 0 for a request without an answer. */
  readonly status: number;
}

export interface StoredClaim {
  readonly metadata: { readonly name: string; readonly annotations?: Record<string, string>; deletionTimestamp?: string };
  readonly spec: Record<string, unknown>;
}

export interface VolumeClaimServer {
  readonly url: string;
  readonly port: number;
  readonly requests: SeenRequest[];
  /** By `namespace/name`. */
  readonly claims: Map<string, StoredClaim>;
  /** Claims in use stay when they are deleted, until `endClaim`. */
  readonly inUse: Set<string>;
  /** Answered to the next requests of the method, in order, instead of what they ask for. */
  readonly faults: { readonly method: string; readonly fault: Fault }[];
  readonly rights: Set<"create" | "get" | "delete">;
  /** Every other token is refused; absent: none is looked at. */
  token?: string;
  endClaim(key: string): void;
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly body: object;
  readonly headers?: Record<string, string>;
}

const CLAIMS_PATH = /^\/api\/v1\/namespaces\/([a-z0-9-]+)\/persistentvolumeclaims(?:\/([^/?]+))?$/;
const SUBDOMAIN = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const ACCESS_MODES = new Set(["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"]);
const ACCOUNT = "system:serviceaccount:ns:pipeline-runner";

export async function startVolumeClaimServer(tls?: { readonly key: string; readonly cert: string }): Promise<VolumeClaimServer> {
  const state = new ClaimState();
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    void readBody(request).then((text) => state.serve(request, response, text));
  };
  const server = tls === undefined ? createHttpServer(serve) : createHttpsServer(tls, serve);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the claim server has no port");
  return Object.assign(state, {
    url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${address.port}`,
    port: address.port,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

class ClaimState {
  readonly requests: SeenRequest[] = [];
  readonly claims = new Map<string, StoredClaim>();
  readonly inUse = new Set<string>();
  readonly faults: { readonly method: string; readonly fault: Fault }[] = [];
  readonly rights = new Set<"create" | "get" | "delete">(["create", "get", "delete"]);
  token?: string;

  serve(request: IncomingMessage, response: ServerResponse, text: string): void {
    const method = request.method ?? "";
    const at = this.faults.findIndex((entry) => entry.method === method);
    const fault = at < 0 ? undefined : this.faults.splice(at, 1)[0]?.fault;
    if (fault === "hang") return this.#note(request, text, 0);
    if (fault === "reset") {
      this.#note(request, text, 0);
      return void request.socket.destroy();
    }
    if (typeof fault === "object") {
      this.#note(request, text, fault.status);
      const headers = fault.retryAfterSeconds === undefined ? {} : { "retry-after": String(fault.retryAfterSeconds) };
      const body = status(fault.status, fault.reason ?? "", `fault ${fault.status}`);
      return void response.writeHead(fault.status, headers).end(fault.text ?? JSON.stringify(body));
    }
    const answer = this.#answer(request, text);
    if (fault === "lost-answer") {
      this.#note(request, text, 0);
      return void request.socket.destroy();
    }
    this.#note(request, text, answer.status);
    response.writeHead(answer.status, { "content-type": "application/json" }).end(JSON.stringify(answer.body));
  }

  endClaim(key: string): void {
    this.inUse.delete(key);
    if (this.claims.get(key)?.metadata.deletionTimestamp !== undefined) this.claims.delete(key);
  }

  #note(request: IncomingMessage, text: string, answered: number): void {
    this.requests.push({
      method: request.method ?? "",
      path: request.url ?? "",
      authorization: request.headers.authorization,
      ...(text === "" ? {} : { body: parsed(text) }),
      status: answered,
    });
  }

  #answer(request: IncomingMessage, text: string): Answer {
    if (this.token !== undefined && request.headers.authorization !== `Bearer ${this.token}`) {
      return refusal(401, "Unauthorized", "Unauthorized");
    }
    const match = CLAIMS_PATH.exec(request.url ?? "");
    if (match === null) return refusal(404, "NotFound", "the server could not find the requested resource");
    const [, namespace = "", encodedName] = match;
    const name = encodedName === undefined ? undefined : decodeURIComponent(encodedName);
    const verb = { POST: "create", GET: "get", DELETE: "delete" }[request.method ?? ""] as
      "create" | "get" | "delete" | undefined;
    // A collection may be listed and deleted as a whole; a driver must never do either.
    if (verb === undefined || (verb === "create") !== (name === undefined)) throw new Error(`${request.method} ${request.url}`);
    if (!this.rights.has(verb)) {
      const object = name === undefined ? "persistentvolumeclaims" : `persistentvolumeclaims "${name}"`;
      return refusal(
        403,
        "Forbidden",
        `${object} is forbidden: User "${ACCOUNT}" cannot ${verb} resource "persistentvolumeclaims" in API group "" in the namespace "${namespace}"`,
      );
    }
    if (text !== "" && request.headers["content-type"] !== "application/json") {
      return refusal(415, "UnsupportedMediaType", "the body of the request was in an unknown format");
    }
    if (verb === "create") return this.#create(namespace, parsed(text));
    const key = `${namespace}/${name}`;
    const claim = this.claims.get(key);
    if (claim === undefined) return refusal(404, "NotFound", `persistentvolumeclaims "${name}" not found`);
    if (verb === "delete") {
      const options = parsed(text) as { kind?: string; apiVersion?: string };
      if (options.kind !== "DeleteOptions" || options.apiVersion !== "v1") return refusal(400, "BadRequest", "no DeleteOptions");
      if (this.inUse.has(key)) claim.metadata.deletionTimestamp = "2026-08-01T12:00:00Z";
      else this.claims.delete(key);
    }
    return { status: 200, body: { kind: "PersistentVolumeClaim", apiVersion: "v1", ...claim } };
  }

  #create(namespace: string, body: unknown): Answer {
    const manifest = body as StoredClaim & { kind?: string; apiVersion?: string };
    if (manifest.kind !== "PersistentVolumeClaim" || manifest.apiVersion !== "v1") {
      return refusal(400, "BadRequest", "the object provided is unrecognized");
    }
    const { name } = manifest.metadata;
    const invalid = fieldErrors(manifest);
    if (invalid !== "") return refusal(422, "Invalid", `PersistentVolumeClaim "${name}" is invalid: ${invalid}`);
    const key = `${namespace}/${name}`;
    const existing = this.claims.get(key);
    if (existing !== undefined) {
      const prefix = existing.metadata.deletionTimestamp === undefined ? "" : "object is being deleted: ";
      return refusal(409, "AlreadyExists", `${prefix}persistentvolumeclaims "${name}" already exists`);
    }
    this.claims.set(key, { metadata: { ...manifest.metadata }, spec: manifest.spec });
    return { status: 201, body: manifest };
  }
}

function fieldErrors({ metadata, spec }: StoredClaim): string {
  const modes = spec["accessModes"];
  const storage = (spec["resources"] as { requests?: Record<string, unknown> } | undefined)?.requests?.["storage"];
  if (!SUBDOMAIN.test(metadata.name)) return `metadata.name: Invalid value: "${metadata.name}": a lowercase RFC 1123 subdomain`;
  if (!Array.isArray(modes) || modes.length === 0) return "spec.accessModes: Required value: at least 1 access mode is required";
  const unknown = modes.find((mode) => !ACCESS_MODES.has(mode as string)) as string | undefined;
  if (unknown !== undefined) return `spec.accessModes: Unsupported value: "${unknown}"`;
  if (typeof storage !== "string" || !/^[1-9]/.test(storage)) return "spec.resources[storage]: Required value";
  return "";
}

function refusal(code: number, reason: string, message: string): Answer {
  return { status: code, body: status(code, reason, message) };
}

function status(code: number, reason: string, message: string): object {
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message,
    ...(reason === "" ? {} : { reason }),
    code,
  };
}

function parsed(text: string): unknown {
  return text === "" ? {} : (JSON.parse(text) as unknown);
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
