/**
 * One connection to the Kubernetes API: opened with the first exchange, no proxy in between, credentials read for every exchange.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import type { IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Agent, AgentOptions } from "node:https";
import { errorMessage, KubeError } from "../core/errors.ts";
import { TlsAgent } from "../node/tls-agent.ts";
import { findKubeConnection } from "./kube-config.ts";
import type { KubeConfigOptions, KubeConnection } from "./kube-config.ts";

/** One request, without tries of its own. */
export interface Exchange {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** From the root of the server, with its query. */
  readonly path: string;
  /** JSON text; of a PATCH a merge patch. */
  readonly body?: string;
  readonly timeoutMs: number;
  /** Longest answer that is read; default {@link LARGEST_ANSWER_BYTES}. */
  readonly largestAnswerBytes?: number;
}

/** An answer that goes on for as long as there is something to tell. */
export interface LineStream {
  readonly status: number;
  /** In seconds, where the server says when to come again. */
  readonly retryAfterSeconds?: number;
  /** Without line ends. Throws when the connection breaks, the signal is aborted, or a line is longer than an answer may be. */
  readonly lines: AsyncIterable<string>;
}

/** What came back, whatever the status. */
export interface RawAnswer {
  readonly status: number;
  readonly text: string;
  /** In seconds, where the server says when to come again. */
  readonly retryAfterSeconds?: number;
}

/** A cluster whose address and login are known. */
export interface OpenConnection {
  /** For messages. */
  readonly server: string;
  /** True where a refused token may be an old one: the file holds a newer one soon. */
  readonly tokenRotates: boolean;
  /** @throws {KubeError} KUBE_UNAVAILABLE without a readable token; anything else is a fault of the network. */
  exchange(request: Exchange): Promise<RawAnswer>;
  /**
   * A GET whose answer is read line by line.
   *
   * @param request `timeoutMs` is for the whole of it.
   * @throws As `exchange`.
   */
  stream(request: Pick<Exchange, "path" | "timeoutMs">, signal: AbortSignal): Promise<LineStream>;
  close(): void;
}

/** ConfigMaps and Secrets are at most 1 MiB, base64 and managed fields on top. */
export const LARGEST_ANSWER_BYTES = 8 * 1024 * 1024;
const KEEP_ALIVE_MS = 30_000;
const LINE_FEED = 0x0a;

/** @throws {KubeError} KUBE_UNAVAILABLE when there is no way to reach Kubernetes. */
export async function openConnection(options: KubeConfigOptions): Promise<OpenConnection> {
  const settings = withToken(await findKubeConnection(options), options.token);
  const agent = settings.server.startsWith("https:") ? new TlsAgent(tlsOptions(settings)) : undefined;
  return {
    server: settings.server,
    tokenRotates: settings.tokenFile !== undefined,
    exchange: async (request) => {
      const response = await send(settings.server, agent, request, await authorization(settings));
      const text = await readText(response, request.largestAnswerBytes ?? LARGEST_ANSWER_BYTES);
      return { status: response.statusCode ?? 0, text, ...retryAfter(response) };
    },
    stream: async (request, signal) => {
      const response = await send(settings.server, agent, { method: "GET", signal, ...request }, await authorization(settings));
      return { status: response.statusCode ?? 0, lines: readLines(response), ...retryAfter(response) };
    },
    close: () => agent?.destroy(),
  };
}

interface ConnectionSettings extends KubeConnection {
  readonly askToken?: () => Promise<string>;
}

/** Nothing of the own identity goes along with requests of somebody else. */
function withToken(settings: KubeConnection, askToken: KubeConfigOptions["token"]): ConnectionSettings {
  if (askToken === undefined) return settings;
  const { server, caPem, skipTlsVerify, tlsServerName } = settings;
  return {
    ...{ server, skipTlsVerify, askToken },
    ...(caPem === undefined ? {} : { caPem }),
    ...(tlsServerName === undefined ? {} : { tlsServerName }),
  };
}

function tlsOptions(settings: KubeConnection): AgentOptions {
  return {
    keepAlive: true,
    rejectUnauthorized: !settings.skipTlsVerify,
    ...(settings.caPem === undefined ? {} : { ca: settings.caPem }),
    ...(settings.clientCertPem === undefined ? {} : { cert: settings.clientCertPem }),
    ...(settings.clientKeyPem === undefined ? {} : { key: settings.clientKeyPem }),
    ...(settings.tlsServerName === undefined ? {} : { servername: settings.tlsServerName }),
  };
}

async function authorization(settings: ConnectionSettings): Promise<Record<string, string>> {
  if (settings.askToken !== undefined) return { authorization: `Bearer ${await settings.askToken()}` };
  if (settings.tokenFile !== undefined) {
    try {
      return { authorization: `Bearer ${(await readFile(settings.tokenFile, "utf8")).trim()}` };
    } catch (error) {
      throw new KubeError("KUBE_UNAVAILABLE", `Cannot read the token ${settings.tokenFile}: ${errorMessage(error)}`, {
        cause: error,
      });
    }
  }
  if (settings.token !== undefined) return { authorization: `Bearer ${settings.token}` };
  if (settings.basic !== undefined) return { authorization: `Basic ${Buffer.from(settings.basic).toString("base64")}` };
  return {};
}

/** Resolves with the head of the answer. The limit of time holds until its end: a read of the body fails after it. */
async function send(
  server: string,
  agent: Agent | undefined,
  { method, path, body, timeoutMs, signal }: Exchange & { readonly signal?: AbortSignal },
  credentials: Record<string, string>,
): Promise<IncomingMessage> {
  const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
  const headers = {
    accept: "application/json",
    "user-agent": "kfp-runtime",
    ...(body === undefined ? {} : { "content-type": type, "content-length": String(Buffer.byteLength(body)) }),
    ...credentials,
  };
  return await new Promise((resolve, reject) => {
    const url = server + path;
    const options = { method, headers, ...(signal === undefined ? {} : { signal }) };
    const request = agent === undefined ? httpRequest(url, options, resolve) : httpsRequest(url, { ...options, agent }, resolve);
    const timer = setTimeout(() => request.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs);
    request.on("error", reject);
    // Whoever is gone without a word is noticed by the system.
    request.once("socket", (socket) => socket.setKeepAlive(true, KEEP_ALIVE_MS));
    request.once("close", () => clearTimeout(timer));
    request.end(body);
  });
}

/** The header's other form, a date, is not used by API servers. */
function retryAfter(response: IncomingMessage): { retryAfterSeconds?: number } {
  const text = response.headers["retry-after"] ?? "";
  return /^\d{1,9}$/.test(text) ? { retryAfterSeconds: Number(text) } : {};
}

async function readText(response: IncomingMessage, largestBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > largestBytes) throw new Error("the answer is too long");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

async function* readLines(response: IncomingMessage): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    let begin = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, begin)) {
      yield Buffer.concat([...parts, chunk.subarray(begin, end)]).toString("utf8");
      parts = [];
      sizeBytes = 0;
      begin = end + 1;
    }
    sizeBytes += chunk.length - begin;
    if (sizeBytes > LARGEST_ANSWER_BYTES) throw new Error("a line of the answer is too long");
    if (begin < chunk.length) parts.push(chunk.subarray(begin));
  }
}
