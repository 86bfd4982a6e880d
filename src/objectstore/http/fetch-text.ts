/**
 * One small HTTP request whose answer is text: credential services.
 *
 * @module
 */
import { request as httpRequest } from "node:http";
import type { Agent } from "node:http";
import { request as httpsRequest } from "node:https";
import { trustDefaultAuthorities } from "../../node/default-authorities.ts";
import { StoreFailure } from "../store-failure.ts";
import { readBody } from "../transfer/read-body.ts";

export interface FetchTextOptions {
  readonly url: string;
  readonly method?: "GET" | "POST" | "PUT";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** For the whole exchange. */
  readonly timeoutMs: number;
  /** Absent: a direct connection. Addresses of the own machine or pod must not go through a proxy. */
  readonly agent?: Agent;
  /** Finds the error code in the text of a refusal. Nothing else of the text is kept: it may echo secrets. */
  readonly reasonOf?: (text: string) => string | undefined;
}

/** @throws {StoreFailure} for any status but 2xx, and when nothing comes in time. */
export async function fetchText(options: FetchTextOptions): Promise<string> {
  const { url, method = "GET", headers = {}, body, timeoutMs, agent, reasonOf } = options;
  const send = url.startsWith("https:") ? httpsRequest : httpRequest;
  if (agent === undefined && send === httpsRequest) trustDefaultAuthorities();
  const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
  return await new Promise<string>((resolve, reject) => {
    const request = send(
      url,
      { method, headers: { ...headers, ...length }, ...(agent === undefined ? {} : { agent }) },
      (response) => {
        const status = response.statusCode ?? 0;
        readBody(response).then((text) => {
          if (status >= 200 && status < 300) resolve(text);
          else reject(refusal(status, reasonOf?.(text)));
        }, reject);
      },
    );
    const timer = setTimeout(
      () => request.destroy(new StoreFailure(`no answer within ${timeoutMs / 1000} s`, { reason: "TIMEOUT" })),
      timeoutMs,
    );
    request.once("error", reject);
    request.once("close", () => clearTimeout(timer));
    request.end(body);
  });
}

function refusal(status: number, reason: string | undefined): StoreFailure {
  return new StoreFailure(`HTTP ${status}`, { status, ...(reason === undefined ? {} : { reason }) });
}
