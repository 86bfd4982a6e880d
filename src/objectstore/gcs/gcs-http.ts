/**
 * One request to the JSON interface of Google Cloud Storage: signed with an access token, watched, its refusals turned into failures
 * that no provider owns.
 *
 * @module
 */
import { request as httpRequest } from "node:http";
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { HttpAgents } from "../http-agents.ts";
import { systemFailure } from "../store-errors.ts";
import { StoreFailure } from "../store-failure.ts";
import { readBody } from "../transfer/read-body.ts";
import type { TokenSource } from "./access-tokens.ts";
import { refusalReason } from "./gcs-answers.ts";

/** What requests to one store share. */
export interface GcsHttpSettings {
  /** `http(s)://host[:port]`, without trailing slash. */
  readonly endpoint: string;
  readonly agents: HttpAgents;
  /** Absent: requests are anonymous. */
  readonly tokens?: TokenSource;
  /** Time without a byte after which a request is given up. */
  readonly idleTimeoutMs: number;
  readonly connectTimeoutMs: number;
}

/** One request. */
export interface GcsCall {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Path and query at the endpoint, or the whole address of an upload session. */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent one after the other. */
  readonly body?: readonly Buffer[];
  /** Statuses that are answers, besides all of 2xx. */
  readonly alsoExpected?: readonly number[];
  /** What a 404 says is not there. */
  readonly absent: "NoSuchBucket" | "NoSuchKey" | "NoSuchUpload";
}

/** An answer whose text has been read. */
export interface GcsTextAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** Sends requests, without retries. */
export interface GcsHttp {
  /** Whoever gets the answer must read or destroy it. @throws {StoreFailure} for a refusal; what fetching a token throws. */
  open(call: GcsCall, signal: AbortSignal): Promise<IncomingMessage>;
  read(call: GcsCall, signal: AbortSignal): Promise<GcsTextAnswer>;
}

export function createGcsHttp(settings: GcsHttpSettings): GcsHttp {
  const { endpoint, tokens } = settings;

  async function open(call: GcsCall, signal: AbortSignal): Promise<IncomingMessage> {
    const url = new URL(call.target, endpoint);
    // The address of an upload session is a secret of its own. A token goes to no other host than the store's.
    const source = url.origin === new URL(endpoint).origin ? tokens : undefined;
    for (let tries = 1; ; tries++) {
      signal.throwIfAborted();
      const token = await source?.get();
      const answer = await send(settings, url, { call, token, signal });
      const status = answer.statusCode ?? 0;
      if ((status >= 200 && status < 300) || call.alsoExpected?.includes(status) === true) return answer;
      const failure = await refusal(answer, call);
      if (status !== 401 || source === undefined || token === undefined) throw failure;
      // A token may be revoked before its time.
      source.forget(token);
      if (tries > 1) throw failure;
    }
  }

  return {
    open,
    async read(call, signal) {
      const answer = await open(call, signal);
      const text = await readBody(answer).catch((error: unknown) => {
        throw systemFailure(error);
      });
      return { status: answer.statusCode ?? 0, headers: answer.headers, text };
    },
  };
}

interface Sending {
  readonly call: GcsCall;
  readonly token: string | undefined;
  readonly signal: AbortSignal;
}

function send(settings: GcsHttpSettings, url: URL, { call, token, signal }: Sending): Promise<IncomingMessage> {
  const { agents, idleTimeoutMs, connectTimeoutMs } = settings;
  const body = call.body ?? [];
  const isHttps = url.protocol === "https:";
  const headers = {
    "user-agent": "kfp-runtime",
    ...call.headers,
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(call.method === "GET" ? {} : { "content-length": String(body.reduce((sum, { length }) => sum + length, 0)) }),
  };
  return new Promise((resolve, reject) => {
    const options = { method: call.method, headers, agent: isHttps ? agents.https : agents.http };
    const request = (isHttps ? httpsRequest : httpRequest)(url, options);
    const abort = (): void => void request.destroy(new StoreFailure("the store was closed"));
    signal.addEventListener("abort", abort, { once: true });
    request.once("close", () => signal.removeEventListener("abort", abort));
    request.once("response", resolve);
    // Once there is an answer its stream tells of what happens to the connection.
    request.on("error", (error) => reject(systemFailure(error)));
    request.setTimeout(idleTimeoutMs, () => request.destroy(timeout(`no byte moved for ${idleTimeoutMs / 1000} s`)));
    limitConnecting(request, connectTimeoutMs);
    for (const piece of body) request.write(piece);
    request.end();
  });
}

function limitConnecting(request: ClientRequest, connectTimeoutMs: number): void {
  request.once("socket", (socket) => {
    if (!socket.connecting) return;
    const timer = setTimeout(() => {
      request.destroy(timeout(`no connection within ${connectTimeoutMs / 1000} s`));
    }, connectTimeoutMs);
    for (const event of ["connect", "close"]) socket.once(event, () => clearTimeout(timer));
  });
}

function timeout(message: string): StoreFailure {
  return new StoreFailure(message, { reason: "TIMEOUT" });
}

async function refusal(answer: IncomingMessage, { absent }: GcsCall): Promise<StoreFailure> {
  const status = answer.statusCode ?? 0;
  // The status is known already: what cuts the text short must not hide it.
  const text = await readBody(answer).catch(() => "");
  const reason = status === 404 ? absent : refusalReason(text);
  const answeredAtMs = Date.parse(answer.headers.date ?? "");
  return new StoreFailure(`HTTP ${status}`, {
    status,
    ...(reason === undefined ? {} : { reason }),
    ...(Number.isNaN(answeredAtMs) ? {} : { answeredAtMs }),
  });
}
