/**
 * One request to the JSON interface of Google Cloud Storage: signed with an access token, watched, its refusals turned into failures
 * that no provider owns.
 *
 * @module
 */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { refusalTimes } from "../http/refusal-times.ts";
import { readAnswer, sendRequest } from "../http/send-request.ts";
import type { ConnectionSettings } from "../http/send-request.ts";
import type { TokenSource } from "../credentials/remembered-tokens.ts";
import { StoreFailure } from "../store-failure.ts";
import { readBody } from "../transfer/read-body.ts";
import { refusalReason } from "./gcs-answers.ts";

/** What requests to one store share. */
export interface GcsHttpSettings extends ConnectionSettings {
  /** `http(s)://host[:port]`, without trailing slash. */
  readonly endpoint: string;
  /** Absent: requests are anonymous. */
  readonly tokens?: TokenSource;
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
      return { status: answer.statusCode ?? 0, headers: answer.headers, text: await readAnswer(answer) };
    },
  };
}

interface Sending {
  readonly call: GcsCall;
  readonly token: string | undefined;
  readonly signal: AbortSignal;
}

function send(settings: GcsHttpSettings, url: URL, { call, token, signal }: Sending): Promise<IncomingMessage> {
  const { method, body = [] } = call;
  const headers = {
    "user-agent": "kfp-runtime",
    ...call.headers,
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(method === "GET" ? {} : { "content-length": String(body.reduce((sum, { length }) => sum + length, 0)) }),
  };
  return sendRequest(settings, { method, url, headers, body }, signal);
}

async function refusal(answer: IncomingMessage, { absent }: GcsCall): Promise<StoreFailure> {
  const status = answer.statusCode ?? 0;
  // The status is known already: what cuts the text short must not hide it.
  const text = await readBody(answer).catch(() => "");
  const reason = status === 404 ? absent : refusalReason(text);
  return new StoreFailure(`HTTP ${status}`, {
    status,
    ...(reason === undefined ? {} : { reason }),
    ...refusalTimes(answer.headers),
  });
}
