/**
 * What is served over HTTP: endpoints that turn requests into answers, and know nothing of sockets.
 *
 * @module
 */
import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import type { DescribeOperation } from "../openapi/operation.ts";
import type { PathTemplate, PathVariables } from "./path-template.ts";

/** One request, its body not read yet. */
export interface RestRequest {
  readonly method: string;
  /** After the question mark, still encoded. */
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readable;
  /** Ends when the client is gone, the time is over, or the server closes. */
  readonly signal: AbortSignal;
}

/** A whole answer. */
export interface WholeAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

/** An answer that is written piece by piece; `write` ends the response or throws, which cuts the connection. */
export interface StreamedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly write: (response: ServerResponse, signal: AbortSignal) => Promise<void>;
  /** Called once in the end, written or not. */
  readonly close?: () => Promise<void>;
}

export type RestAnswer = WholeAnswer | StreamedAnswer;

/** Something that answers one method of one path. */
export interface RestEndpoint {
  /** `GET` answers HEAD as well. */
  readonly method: "GET" | "PUT" | "POST" | "PATCH" | "DELETE";
  readonly path: PathTemplate;
  /** Absent: not in the OpenAPI document. */
  readonly describe?: DescribeOperation;
  /** Errors become answers as the gateway writes them. */
  readonly handle: (request: RestRequest, variables: PathVariables) => Promise<RestAnswer> | RestAnswer;
}
