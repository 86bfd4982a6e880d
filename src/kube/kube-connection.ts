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
  readonly method: "GET" | "POST" | "DELETE";
  /** From the root of the server. */
  readonly path: string;
  /** JSON text. */
  readonly body?: string;
  readonly timeoutMs: number;
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
  close(): void;
}

/** ConfigMaps and Secrets are at most 1 MiB, base64 and managed fields on top. */
const LARGEST_ANSWER_BYTES = 8 * 1024 * 1024;

/** @throws {KubeError} KUBE_UNAVAILABLE when there is no way to reach Kubernetes. */
export async function openConnection(options: KubeConfigOptions): Promise<OpenConnection> {
  const settings = await findKubeConnection(options);
  const agent = settings.server.startsWith("https:") ? new TlsAgent(tlsOptions(settings)) : undefined;
  return {
    server: settings.server,
    tokenRotates: settings.tokenFile !== undefined,
    exchange: async (request) => send(settings.server, agent, request, await authorization(settings)),
    close: () => agent?.destroy(),
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

async function authorization(settings: KubeConnection): Promise<Record<string, string>> {
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

async function send(
  server: string,
  agent: Agent | undefined,
  { method, path, body, timeoutMs }: Exchange,
  credentials: Record<string, string>,
): Promise<RawAnswer> {
  const headers = {
    accept: "application/json",
    "user-agent": "kfp-runtime",
    ...(body === undefined ? {} : { "content-type": "application/json", "content-length": String(Buffer.byteLength(body)) }),
    ...credentials,
  };
  return await new Promise((resolve, reject) => {
    const onResponse = (response: IncomingMessage): void => {
      readText(response).then((text) => resolve({ status: response.statusCode ?? 0, text, ...retryAfter(response) }), reject);
    };
    const url = server + path;
    const request =
      agent === undefined
        ? httpRequest(url, { method, headers }, onResponse)
        : httpsRequest(url, { method, headers, agent }, onResponse);
    const timer = setTimeout(() => request.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs);
    request.once("error", reject);
    request.once("close", () => clearTimeout(timer));
    request.end(body);
  });
}

/** The header's other form, a date, is not used by API servers. */
function retryAfter(response: IncomingMessage): { retryAfterSeconds?: number } {
  const text = response.headers["retry-after"] ?? "";
  return /^\d{1,9}$/.test(text) ? { retryAfterSeconds: Number(text) } : {};
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > LARGEST_ANSWER_BYTES) throw new Error("the answer is too long");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
