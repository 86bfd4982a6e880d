/**
 * One request to the JSON interface of Google Cloud Storage: signed with an access token, watched, its refusals turned into failures
 * that no provider owns.
 *
 * @module
 */
import type { IncomingMessage } from "node:http";
import { refusalTimes } from "../http/refusal-times.ts";
import type { ConnectionSettings, OutgoingRequest } from "../http/send-request.ts";
import { createStoreHttp } from "../http/store-http.ts";
import type { StoreCall, StoreHttp } from "../http/store-http.ts";
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
export interface GcsCall extends StoreCall {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Path and query at the endpoint, or the whole address of an upload session. */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent one after the other. */
  readonly body?: readonly Buffer[];
  /** What a 404 says is not there. */
  readonly absent: "NoSuchBucket" | "NoSuchKey" | "NoSuchUpload";
}

/** Requests to one store. */
export type GcsHttp = StoreHttp<GcsCall>;

/** Sends nothing yet. */
export function createGcsHttp(settings: GcsHttpSettings): GcsHttp {
  const { endpoint, tokens } = settings;
  const urlOf = ({ target }: GcsCall): URL => new URL(target, endpoint);
  return createStoreHttp(settings, {
    // The address of an upload session is a secret of its own. A token goes to no other host than the store's.
    tokensFor: (call) => (urlOf(call).origin === new URL(endpoint).origin ? tokens : undefined),
    toRequest: (call, token) => toRequest(urlOf(call), call, token),
    refusal,
  });
}

function toRequest(url: URL, call: GcsCall, token: string | undefined): OutgoingRequest {
  const { method, body = [] } = call;
  const headers = {
    "user-agent": "kfp-runtime",
    ...call.headers,
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(method === "GET" ? {} : { "content-length": String(body.reduce((sum, { length }) => sum + length, 0)) }),
  };
  return { method, url, headers, body };
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
