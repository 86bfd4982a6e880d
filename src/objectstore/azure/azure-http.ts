/**
 * One request to Azure Blob Storage: authorized, watched, its refusals turned into failures that no provider owns.
 *
 * Source: docs/spec/object-stores.md#azure-blob-storage.
 *
 * @module
 */
import type { IncomingMessage } from "node:http";
import type { Clock } from "../../ports/clock.ts";
import { refusalTimes } from "../http/refusal-times.ts";
import { readAnswer } from "../http/send-request.ts";
import type { ConnectionSettings, OutgoingRequest } from "../http/send-request.ts";
import { createStoreHttp } from "../http/store-http.ts";
import type { StoreCall, StoreHttp } from "../http/store-http.ts";
import { StoreFailure } from "../store-failure.ts";
import { failureReason } from "./azure-answers.ts";
import type { AzureLogin } from "./azure-login.ts";
import type { ServiceAddress } from "./service-address.ts";
import { signRequest } from "./shared-key.ts";

/** The first version with blocks of 100 MiB and more is older; this one is known to all servers in use. */
const API_VERSION = "2021-12-02";
/** The service refuses requests whose date is further from its own. */
const MOST_SKEW_MS = 15 * 60_000;

/** What requests to one container share. */
export interface AzureHttpSettings extends ConnectionSettings {
  readonly service: ServiceAddress;
  readonly container: string;
  readonly login: AzureLogin;
  readonly clock: Clock;
}

/** One request. */
export interface AzureCall extends StoreCall {
  readonly method: "GET" | "HEAD" | "PUT" | "DELETE";
  /** Name of the blob; absent: the container. */
  readonly key?: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

/** Requests to one container. */
export type AzureHttp = StoreHttp<AzureCall>;

/** Sends nothing yet. */
export function createAzureHttp(settings: AzureHttpSettings): AzureHttp {
  const { login, clock } = settings;
  return createStoreHttp(settings, {
    tokensFor: () => (login.kind === "Entra ID" ? login.tokens : undefined),
    toRequest: (call, token) => authorized(settings, call, token),
    refusal: async (answer, call) => await refusal(answer, call, clock),
  });
}

function authorized(settings: AzureHttpSettings, call: AzureCall, token: string | undefined): OutgoingRequest {
  const { service, login, clock } = settings;
  const { method, body } = call;
  const url = urlOf(settings, call);
  const headers = {
    "user-agent": "kfp-runtime",
    "x-ms-version": API_VERSION,
    "x-ms-date": clock.now().toUTCString(),
    ...call.headers,
    ...(method === "PUT" ? { "content-length": String(body?.length ?? 0) } : {}),
  };
  const pieces = body === undefined ? {} : { body: [body] };
  if (token !== undefined) return { method, url, headers: { ...headers, authorization: `Bearer ${token}` }, ...pieces };
  if (login.kind !== "shared key") return { method, url, headers, ...pieces };
  const authorization = signRequest({ accountName: service.accountName, key: login.key }, { method, url, headers });
  return { method, url, headers: { ...headers, authorization }, ...pieces };
}

function urlOf({ service, container, login, clock }: AzureHttpSettings, { key, query = {} }: AzureCall): URL {
  const path = key === undefined ? "" : `/${key.split("/").map(encodeURIComponent).join("/")}`;
  const options = new URLSearchParams(query).toString();
  const sas = login.kind === "SAS" ? validSas(login.token, clock) : "";
  const text = [options, sas].filter((part) => part !== "").join("&");
  return new URL(`${service.url}/${encodeURIComponent(container)}${path}${text === "" ? "" : `?${text}`}`);
}

function validSas({ text, expiresAtMs }: { readonly text: string; readonly expiresAtMs?: number }, clock: Clock): string {
  if (expiresAtMs === undefined || expiresAtMs > clock.now().getTime()) return text;
  throw new StoreFailure(`the SAS token was good until ${new Date(expiresAtMs).toISOString()}`, { reason: "ExpiredToken" });
}

async function refusal(answer: IncomingMessage, { key }: AzureCall, clock: Clock): Promise<StoreFailure> {
  const status = answer.statusCode ?? 0;
  const header = answer.headers["x-ms-error-code"];
  // The status is known already: what cuts the text short must not hide it.
  const text = await readAnswer(answer).catch(() => "");
  const times = refusalTimes(answer.headers);
  const skewMs = times.answeredAtMs === undefined ? 0 : Math.abs(times.answeredAtMs - clock.now().getTime());
  const code = typeof header === "string" ? header : undefined;
  const reason =
    status === 403 && skewMs > MOST_SKEW_MS
      ? "RequestExpired"
      : failureReason({ status, code, text, what: key === undefined ? "container" : "blob" });
  return new StoreFailure(`HTTP ${status}`, { status, ...(reason === undefined ? {} : { reason }), ...times });
}
