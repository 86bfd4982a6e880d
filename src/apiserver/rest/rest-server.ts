/**
 * The HTTP server: who may ask, how much, how long, and how answers go out. What they are is up to the endpoints.
 *
 * Source: docs/spec/json-and-rest.md#rest-gateway, #decision-rest-gateway, docs/spec/api-server.md#decision-rest-callers.
 *
 * @module
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { ApiError } from "../../core/errors.ts";
import type { ApiPackage } from "../../wire/grpc-definition.ts";
import { ServiceError } from "../service-error.ts";
import type { RestAnswer, RestEndpoint } from "./http/endpoint.ts";
import { errorAnswer, RequestProblem, textAnswer } from "./http/error-answer.ts";
import { assertAllowedCaller, type AllowedCallers } from "./http/host-check.ts";
import { createRouter, UnknownPath, type Router } from "./http/router.ts";

/** How much one client, or all together, may ask for. */
export interface RestLimits {
  readonly maxHeaderBytes: number;
  readonly maxConnections: number;
  /** From the first byte of a request to its last. */
  readonly requestTimeoutMs: number;
  /** From the last byte of the headers to the answer, or to its first piece. */
  readonly answerTimeoutMs: number;
}

/** What is served, and to whom. */
export interface RestServerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly packages: readonly ApiPackage[];
  /** Of those with the same path the first one wins. */
  readonly endpoints: readonly RestEndpoint[];
  readonly allowed: AllowedCallers;
  readonly limits?: Partial<RestLimits>;
  /** Told about every error that is not an answer of its own. */
  readonly onInternalError: (path: string, error: unknown) => void;
}

/** A server that listens. */
export interface RunningRestServer {
  readonly port: number;
  /** Lets open requests end for a moment, then cuts them. May be called twice. */
  close(): Promise<void>;
}

const DEFAULT_LIMITS: RestLimits = {
  maxHeaderBytes: 64 * 1024,
  maxConnections: 1000,
  requestTimeoutMs: 120_000,
  answerTimeoutMs: 120_000,
};
const HEADERS_TIMEOUT_MS = 20_000;
const KEEP_ALIVE_MS = 65_000;
const CLOSE_GRACE_MS = 1_000;
/** For a refused client to read why. */
const REFUSED_GRACE_MS = 1_000;

const COMMON_HEADERS = { "x-content-type-options": "nosniff", "cache-control": "no-store" };

/**
 * Starts serving.
 *
 * @throws {ApiError} API_UNAVAILABLE when the address cannot be bound.
 */
export async function startRestServer(options: RestServerOptions): Promise<RunningRestServer> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const router = createRouter(options.endpoints, options.packages);
  const closing = new AbortController();
  const server = createServer({
    maxHeaderSize: limits.maxHeaderBytes,
    requestTimeout: limits.requestTimeoutMs,
    headersTimeout: Math.min(HEADERS_TIMEOUT_MS, limits.requestTimeoutMs),
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: 1_000,
  });
  server.maxConnections = limits.maxConnections;
  server.on("request", (request, response) => {
    void respond(request, response, { router, options, limits, closing: closing.signal });
  });
  server.on("clientError", refuseBrokenRequest);
  const port = await listen(server, options);
  // Accepting one connection may fail, as for want of file descriptors; the next one may succeed.
  server.on("error", (error) => options.onInternalError("/", error));
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    closing.abort();
    closed ??= shutDown(server);
    await closed;
  };
  return { port, close };
}

interface Serving {
  readonly router: Router;
  readonly options: RestServerOptions;
  readonly limits: RestLimits;
  readonly closing: AbortSignal;
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  { router, options, limits, closing }: Serving,
): Promise<void> {
  const [path = "/", query = ""] = splitOnce(request.url ?? "/", "?");
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  const signal = AbortSignal.any([gone.signal, closing]);
  let answer: RestAnswer;
  try {
    assertAllowedCaller(request.headers, options.allowed);
    const { endpoint, variables } = router(request.method ?? "", path);
    const { headers } = request;
    const handled = endpoint.handle({ method: endpoint.method, query, headers, body: request, signal }, variables);
    answer = await within(limits.answerTimeoutMs, Promise.resolve(handled));
  } catch (error) {
    answer = isOutsideApi(error, path) ? textAnswer(404, "404 page not found\n") : errorAnswer(error);
    if (!(error instanceof ServiceError) && !(error instanceof RequestProblem)) options.onInternalError(path, error);
  }
  try {
    await send(answer, { request, response, signal });
  } catch (error) {
    // The status is out: a broken connection is all that can still be said.
    if (!signal.aborted) options.onInternalError(path, error);
    response.destroy();
  } finally {
    if ("close" in answer) await answer.close?.();
  }
}

async function send(
  answer: RestAnswer,
  {
    request,
    response,
    signal,
  }: { readonly request: IncomingMessage; readonly response: ServerResponse; readonly signal: AbortSignal },
): Promise<void> {
  if (response.destroyed) return;
  response.writeHead(answer.status, { ...COMMON_HEADERS, ...answer.headers, ...lengthOf(answer) });
  // What nobody read of the body is taken off the connection, within the time a request may take.
  request.resume();
  if (request.method === "HEAD") response.end();
  else if ("body" in answer) response.end(answer.body);
  else await answer.write(response, signal);
}

function isOutsideApi(error: unknown, path: string): boolean {
  return error instanceof UnknownPath && !path.startsWith("/apis/");
}

function lengthOf(answer: RestAnswer): Readonly<Record<string, string>> {
  return "body" in answer ? { "content-length": String(Buffer.byteLength(answer.body)) } : {};
}

async function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new RequestProblem(`The server found no answer within ${timeoutMs} ms`, { status: "DEADLINE_EXCEEDED" }));
    }, timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function splitOnce(text: string, separator: string): string[] {
  const at = text.indexOf(separator);
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

/** Requests that are no HTTP, too long, or too slow. */
function refuseBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const status =
    { HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large", ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout" }[
      error.code ?? ""
    ] ?? "400 Bad Request";
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  // Our end is closed; a client that keeps its own open, and goes on sending, would keep the connection.
  const timer = setTimeout(() => socket.destroy(), REFUSED_GRACE_MS);
  socket.once("close", () => clearTimeout(timer));
}

async function listen(server: Server, { host, port }: { readonly host: string; readonly port: number }): Promise<number> {
  return await new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      reject(new ApiError("API_UNAVAILABLE", `Cannot listen on ${host}:${port}: ${error.message}`, { cause: error }));
    };
    server.once("error", fail);
    server.listen(port, host, () => {
      server.off("error", fail);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

async function shutDown(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => {
      server.closeAllConnections();
    }, CLOSE_GRACE_MS);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}
