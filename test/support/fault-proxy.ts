/**
 * A reverse proxy in front of a store that does to requests and answers what networks, proxies and overloaded servers do.
 *
 * Bodies are held in memory, so that a fault can hit a chosen byte. The `Host` header goes on as it came: some signatures cover it.
 *
 * @module
 */
import { createServer, request as httpRequest } from "node:http";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { request as httpsRequest } from "node:https";

/** A request that arrives at the proxy. */
export interface ProxiedRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
}

/** What goes wrong with one request. */
export type ProxyFault =
  /** Answered by the proxy, never forwarded. */
  | {
      readonly kind: "status";
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  /** The connection is closed before anything is read: by RST, or orderly. */
  | { readonly kind: "reset" | "close" }
  /** So many bytes of the body are read, then the connection breaks. */
  | { readonly kind: "take"; readonly bytes: number }
  /** Carried out, the answer is lost. */
  | { readonly kind: "lose-answer" }
  /** Carried out, the answer's body ends after so many bytes: by a broken connection, or as if it were complete. */
  | { readonly kind: "truncate" | "truncate-politely"; readonly afterBytes: number }
  /** Carried out, then nothing comes: before the answer, or in the middle of its body. */
  | { readonly kind: "hang" }
  | { readonly kind: "stall"; readonly afterBytes: number }
  /** The byte in the middle of the body arrives flipped: of the request, or of the answer. */
  | { readonly kind: "damage-request" | "damage-answer" }
  /** Something that is not HTTP. */
  | { readonly kind: "garbage" }
  /** An answer of somebody on the way, as captive portals and broken gateways give. */
  | { readonly kind: "foreign-page"; readonly status: number }
  /** Carried out without its header `range`. */
  | { readonly kind: "ignore-range" }
  /** The answer's bytes with more behind them. */
  | { readonly kind: "too-long"; readonly extraBytes: number }
  /** Carried out, then `call` is called and nothing is answered. */
  | { readonly kind: "interrupt-after"; readonly call: () => void }
  /** Not carried out: `call` is called and nothing is answered. */
  | { readonly kind: "interrupt-before"; readonly call: () => void }
  /** The answer says that it is another range. */
  | { readonly kind: "wrong-range" };

export interface FaultProxy {
  readonly endpoint: string;
  /** All so far. */
  readonly requests: ProxiedRequest[];
  /** Asked for every request; `index` counts from 0 since the last `reset`. Answer `undefined` for normal service. */
  fault: (request: ProxiedRequest, index: number) => ProxyFault | undefined;
  /** Forgets requests and faults. */
  reset(): void;
  close(): Promise<void>;
}

/** @param origin Of the store. @param caPem Of its certificate, "" for plain HTTP. */
export async function startFaultProxy(origin: string, caPem = ""): Promise<FaultProxy> {
  const { protocol, hostname, port } = new URL(origin);
  const send = protocol === "https:" ? httpsRequest : httpRequest;
  const proxy = { requests: [] as ProxiedRequest[], fault: (() => undefined) as FaultProxy["fault"] };

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket } = request;
    const what = { method: request.method ?? "GET", target: request.url ?? "/", headers: request.headers };
    const fault = proxy.fault(what, proxy.requests.length);
    proxy.requests.push(what);
    if (fault?.kind === "reset") return void socket.resetAndDestroy();
    if (fault?.kind === "close") return void socket.destroy();
    if (fault?.kind === "garbage") return void socket.end("SSH-2.0-OpenSSH_9.6\r\n");
    if (fault?.kind === "interrupt-before") {
      fault.call();
      return void socket.destroy();
    }
    const body = await readBody(request, fault?.kind === "take" ? fault.bytes : undefined);
    if (body === undefined || fault?.kind === "take") return void socket.resetAndDestroy();
    if (fault?.kind === "hang") return;
    if (fault?.kind === "status") {
      return void response.writeHead(fault.status, { ...fault.headers }).end(fault.body ?? "");
    }
    if (fault?.kind === "foreign-page") {
      return void response.writeHead(fault.status, { "content-type": "text/html" }).end("<html><body>Welcome!</body></html>");
    }
    const answer = await forward(what, fault?.kind === "damage-request" ? damaged(body) : body, fault);
    if (answer === undefined) return void socket.destroy();
    if (fault?.kind === "interrupt-after") {
      fault.call();
      return void socket.destroy();
    }
    deliver(response, answer, fault);
  }

  function forward(
    { method, target, headers }: ProxiedRequest,
    body: Buffer,
    fault: ProxyFault | undefined,
  ): Promise<Answer | undefined> {
    const sent: IncomingHttpHeaders = { ...headers };
    delete sent.connection;
    if (fault?.kind === "ignore-range") delete sent.range;
    return new Promise((resolve) => {
      const options = {
        hostname,
        port,
        method,
        path: target,
        headers: sent,
        agent: false as const,
        ...(caPem === "" ? {} : { ca: caPem }),
      };
      const outgoing = send(options, (incoming) => {
        void readBody(incoming).then((text) => {
          resolve(text === undefined ? undefined : { status: incoming.statusCode ?? 0, headers: incoming.headers, body: text });
        });
      });
      outgoing.once("error", () => resolve(undefined));
      outgoing.end(body);
    });
  }

  const server = createServer((request, response) => void serve(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");
  return Object.assign(proxy, {
    endpoint: `http://127.0.0.1:${address.port}`,
    reset() {
      proxy.requests.length = 0;
      proxy.fault = () => undefined;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

function deliver(response: ServerResponse, answer: Answer, fault: ProxyFault | undefined): void {
  const { status, body } = answer;
  const headers: IncomingHttpHeaders = { ...answer.headers };
  // A HEAD answers a length without a body.
  const isHead = response.req.method === "HEAD";
  for (const name of ["connection", "keep-alive", "transfer-encoding"]) delete headers[name];
  if (!isHead && status !== 204 && status !== 304) headers["content-length"] = String(body.length);
  switch (fault?.kind) {
    case "lose-answer":
      return void response.socket?.resetAndDestroy();
    case "truncate":
    case "stall": {
      response.writeHead(status, headers);
      const cut = body.subarray(0, Math.min(fault.afterBytes, Math.max(0, body.length - 1)));
      const end = (): void => void (fault.kind === "truncate" ? response.socket?.resetAndDestroy() : undefined);
      if (cut.length > 0) response.write(cut, end);
      else {
        response.flushHeaders();
        setImmediate(end);
      }
      return;
    }
    case "truncate-politely": {
      const cut = body.subarray(0, Math.min(fault.afterBytes, Math.max(0, body.length - 1)));
      return void response.writeHead(status, isHead ? headers : { ...headers, "content-length": String(cut.length) }).end(cut);
    }
    case "damage-answer":
      return void response.writeHead(status, headers).end(damaged(body));
    case "too-long": {
      const long = Buffer.concat([body, Buffer.alloc(fault.extraBytes, "x")]);
      return void response.writeHead(status, { ...headers, "content-length": String(long.length) }).end(long);
    }
    case "wrong-range":
      return void response.writeHead(status, { ...headers, "content-range": "bytes 7-8/9" }).end(body);
    default:
      return void response.writeHead(status, headers).end(body);
  }
}

function damaged(body: Buffer): Buffer {
  if (body.length === 0) return body;
  const copy = Buffer.from(body);
  const middle = copy.length >> 1;
  copy.writeUInt8(copy.readUInt8(middle) ^ 1, middle);
  return copy;
}

/** @returns nothing when the connection broke. @param enough Bytes after which reading ends. */
async function readBody(stream: IncomingMessage, enough = Number.POSITIVE_INFINITY): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= enough) break;
    }
  } catch {
    return undefined;
  }
  return Buffer.concat(chunks);
}
