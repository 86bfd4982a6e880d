/**
 * One request over HTTP, watched: what providers share whose requests are ours.
 *
 * @module
 */
import { request as httpRequest } from "node:http";
import type { ClientRequest, IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { urlToHttpOptions } from "node:url";
import type { HttpAgents } from "../http-agents.ts";
import { systemFailure } from "../store-errors.ts";
import { StoreFailure } from "../store-failure.ts";
import type { DirectAnswer, DirectRequest } from "./direct-connections.ts";
import { readBody } from "../transfer/read-body.ts";

/** How connections behave. */
export interface ConnectionSettings {
  readonly agents: HttpAgents;
  /** Time without a byte after which a request is given up. */
  readonly idleTimeoutMs: number;
  readonly connectTimeoutMs: number;
}

/** Of a request whose path is signed: it must be sent letter for letter. */
export interface RequestAddress {
  readonly protocol: "http:" | "https:";
  readonly hostname: string;
  readonly port: string;
  /** With its query. */
  readonly path: string;
}

/** What is sent. */
export interface OutgoingRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE";
  /** Where it goes. An address in parts is sent as it stands; a URL has its dots resolved. */
  readonly url: URL | RequestAddress;
  /** Complete, the length of the body included. */
  readonly headers: Readonly<Record<string, string>>;
  /** Sent one after the other. */
  readonly body?: readonly Buffer[];
}

/**
 * Sends a request, without retries and without following redirects.
 *
 * @returns the answer, whatever its status. Whoever gets it must read or destroy it.
 * @throws {StoreFailure} when there is no answer.
 */
export function sendRequest(
  settings: ConnectionSettings,
  { method, url, headers, body = [] }: OutgoingRequest,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const { agents, idleTimeoutMs, connectTimeoutMs } = settings;
  const isHttps = url.protocol === "https:";
  return new Promise((resolve, reject) => {
    const address = url instanceof URL ? urlToHttpOptions(url) : url;
    const options = { ...address, method, headers, agent: isHttps ? agents.https : agents.http };
    const request = (isHttps ? httpsRequest : httpRequest)(options);
    let answer: IncomingMessage | undefined;
    // Once there is an answer, its reader is told.
    const giveUp = (failure: StoreFailure): void => void (answer ?? request).destroy(failure);
    const abort = (): void => giveUp(new StoreFailure("the store was closed"));
    signal.addEventListener("abort", abort, { once: true });
    request.once("close", () => signal.removeEventListener("abort", abort));
    request.once("response", (response) => {
      answer = response;
      resolve(response);
    });
    request.on("error", (error) => reject(systemFailure(error)));
    request.setTimeout(idleTimeoutMs, () => giveUp(timeout(`no byte moved for ${idleTimeoutMs / 1000} s`)));
    limitConnecting(request, connectTimeoutMs);
    for (const piece of body.slice(0, -1)) request.write(piece);
    request.end(body.at(-1));
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

/**
 * Sends a GET of a large range whose content goes through buffers of ours (direct-connections.ts).
 *
 * @returns `undefined` when the request has to be sent with `sendRequest`, whatever it is that it meets there.
 * @throws {StoreFailure} when there is no answer.
 */
export async function getDirectly(
  settings: ConnectionSettings,
  request: Pick<OutgoingRequest, "url" | "headers">,
  signal: AbortSignal,
): Promise<DirectAnswer | undefined> {
  return await settings.agents.direct?.send(directRequest(settings, { ...request, method: "GET" }), signal);
}

/**
 * Sends a request with a small body, or one whose answer is small, through connections of ours (direct-connections.ts), of which there are
 * many. Refusals are answers.
 *
 * @returns `undefined` when the request has to be sent with `sendRequest`.
 * @throws {StoreFailure} when there is no answer.
 */
export async function sendBriefly(
  settings: ConnectionSettings,
  request: BriefRequest,
  signal: AbortSignal,
): Promise<DirectAnswer | undefined> {
  return await settings.agents.brief?.send(directRequest(settings, request), signal);
}

/** What connections of ours send. */
export interface BriefRequest extends Pick<OutgoingRequest, "url" | "headers"> {
  readonly method: "GET" | "PUT";
  readonly body?: Buffer;
}

function directRequest({ idleTimeoutMs, connectTimeoutMs }: ConnectionSettings, request: BriefRequest): DirectRequest {
  const { url, headers, method, body } = request;
  const { protocol, hostname, port, path } = url instanceof URL ? addressOf(url) : url;
  const host = url instanceof URL ? { host: url.host } : {};
  return {
    ...{ method, protocol, hostname, path, idleTimeoutMs, connectTimeoutMs },
    port: port === "" ? (protocol === "https:" ? "443" : "80") : port,
    headers: { ...host, ...headers },
    ...(body === undefined ? {} : { body }),
  };
}

function addressOf({ protocol, hostname, port, pathname, search }: URL): RequestAddress {
  return {
    protocol: protocol === "https:" ? "https:" : "http:",
    // An IPv6 address without brackets.
    hostname: hostname.replace(/^\[|\]$/g, ""),
    port,
    path: `${pathname}${search}`,
  };
}

/** The body of an answer as text. @throws {StoreFailure} */
export async function readAnswer(answer: IncomingMessage): Promise<string> {
  return await readBody(answer).catch((error: unknown) => {
    throw systemFailure(error);
  });
}
