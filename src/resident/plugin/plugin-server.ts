/**
 * The HTTP server that Argo's agent asks, on the loopback of their pod.
 *
 * It never answers 404: the agent would not call it again for the rest of its life. Any other refusal fails the node, and only there where
 * asking again would not help.
 *
 * Source: docs/spec/resident-driver.md#request-line-and-headers, #token, #status-codes.
 *
 * @module
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { errorMessage } from "../../core/errors.ts";
import type { JsonObject, JsonValue } from "../../core/values/value.ts";
import type { Logger } from "../../ports/logger.ts";
import { FOREIGN_REPLY, readExecuteRequest } from "./execute-request.ts";
import type { PluginJobs } from "./plugin-jobs.ts";

/** What is served. */
export interface PluginServerOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly jobs: Pick<PluginJobs, "answer">;
  /** Of this pod; read for every request, since the file may come late. `undefined` while it is not there. */
  readonly token: () => Promise<string | undefined>;
  readonly logger: Logger;
}

/** A server that listens. */
export interface RunningPluginServer {
  readonly port: number;
  /** Lets requests under way end for so long, then cuts them. */
  close(graceMs: number): Promise<void>;
}

const PATH = "/api/v1/template.execute";
/** A task set, which the template comes from, has 1.5 MiB at most. */
const LARGEST_REQUEST_BYTES = 4 * 1024 * 1024;
const READ_TIMEOUT_MS = 10_000;

/** What the agent is told when there is no reply. */
class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Rejects when the port cannot be listened on. */
export async function startPluginServer(options: PluginServerOptions): Promise<RunningPluginServer> {
  const server = createServer({ requestTimeout: READ_TIMEOUT_MS, headersTimeout: READ_TIMEOUT_MS }, (request, response) => {
    void respond(request, response, options);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    async close(graceMs) {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeIdleConnections();
      const timer = setTimeout(() => server.closeAllConnections(), graceMs);
      await closed;
      clearTimeout(timer);
    },
  };
}

async function respond(request: IncomingMessage, response: ServerResponse, options: PluginServerOptions): Promise<void> {
  const gone = new AbortController();
  response.on("close", () => gone.abort(new Error("the agent is gone")));
  try {
    await authenticate(request, options);
    const read = readExecuteRequest(await readBody(request));
    if (read.kind === "broken") throw new Refusal(400, `Cannot read the request of Argo's agent: ${read.problem}`);
    const reply = read.kind === "foreign" ? FOREIGN_REPLY : await options.jobs.answer(read.request, gone.signal);
    send(response, 200, reply);
  } catch (error) {
    if (response.destroyed) return;
    const status = error instanceof Refusal ? error.status : 500;
    options.logger.warn(`a request is refused: ${errorMessage(error)}`, { status });
    response.setHeader("connection", "close");
    send(response, status, { message: errorMessage(error) });
  }
}

async function authenticate(request: IncomingMessage, { token }: PluginServerOptions): Promise<void> {
  const [path = ""] = (request.url ?? "").split("?");
  const expected = await token();
  // Tried again by the agent for a quarter of a minute.
  if (expected === undefined) throw new Refusal(503, "the token of this pod is not there yet");
  if (!isSame(request.headers.authorization ?? "", `Bearer ${expected}`))
    throw new Refusal(403, "the token is not that of this pod");
  if (path !== PATH || request.method !== "POST") throw new Refusal(400, `there is only POST ${PATH}`);
}

/** In a time that does not tell how much of it is right. */
function isSame(given: string, expected: string): boolean {
  const [left, right] = [given, expected].map((text) => createHash("sha256").update(text).digest());
  return left !== undefined && right !== undefined && timingSafeEqual(left, right);
}

async function readBody(request: IncomingMessage): Promise<JsonValue> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > LARGEST_REQUEST_BYTES) throw new Refusal(413, `a request has at most ${LARGEST_REQUEST_BYTES} bytes`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8")) as JsonValue;
  } catch {
    throw new Refusal(400, "Cannot read the request of Argo's agent: it is not JSON");
  }
}

function send(response: ServerResponse, status: number, body: JsonObject): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json", "content-length": String(Buffer.byteLength(text)) }).end(text);
}
