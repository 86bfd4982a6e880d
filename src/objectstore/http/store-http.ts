/**
 * Requests to one store, without retries: authorized with a token that is replaced once where the store refuses it, refusals turned into
 * failures that no provider owns.
 *
 * @module
 */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { TokenSource } from "../credentials/remembered-tokens.ts";
import type { BlobContent } from "../bucket.ts";
import type { StoreFailure } from "../store-failure.ts";
import { streamContent } from "../transfer/read-batches.ts";
import { SMALLEST_DIRECT_BYTES } from "./direct-connections.ts";
import { getDirectly, readAnswer, sendRequest } from "./send-request.ts";
import type { ConnectionSettings, OutgoingRequest } from "./send-request.ts";

/** What all calls have in common. */
export interface StoreCall {
  /** Statuses that are answers, besides all of 2xx. */
  readonly alsoExpected?: readonly number[];
}

/** An answer whose text has been read. */
export interface TextAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** An answer whose content is to be read. */
export interface ContentAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly content: BlobContent;
}

/** Sends requests, without retries. */
export interface StoreHttp<Call extends StoreCall> {
  /**
   * Sends a GET of content. Whoever gets the answer must read or destroy it.
   *
   * @param lengthBytes Of the range that is asked for, where it has an end.
   * @throws {StoreFailure} for a refusal; what fetching a token throws.
   */
  open(call: Call, lengthBytes: number | undefined, signal: AbortSignal): Promise<ContentAnswer>;
  read(call: Call, signal: AbortSignal): Promise<TextAnswer>;
}

/** What a provider has of its own. */
export interface StoreProtocol<Call extends StoreCall> {
  /** Absent: the call needs no token. */
  readonly tokensFor: (call: Call) => TokenSource | undefined;
  /** Throws `StoreFailure` where the login is known to be of no use. */
  readonly toRequest: (call: Call, token: string | undefined) => OutgoingRequest;
  /** Reads what the answer says about itself. */
  readonly refusal: (answer: IncomingMessage, call: Call) => Promise<StoreFailure>;
}

export function createStoreHttp<Call extends StoreCall>(
  settings: ConnectionSettings,
  { tokensFor, toRequest, refusal }: StoreProtocol<Call>,
): StoreHttp<Call> {
  async function send(call: Call, signal: AbortSignal): Promise<IncomingMessage> {
    const tokens = tokensFor(call);
    for (let tries = 1; ; tries++) {
      signal.throwIfAborted();
      const token = await tokens?.get();
      const answer = await sendRequest(settings, toRequest(call, token), signal);
      const status = answer.statusCode ?? 0;
      if ((status >= 200 && status < 300) || call.alsoExpected?.includes(status) === true) return answer;
      const failure = await refusal(answer, call);
      if (status !== 401 || tokens === undefined || token === undefined) throw failure;
      // A token may be revoked before its time.
      tokens.forget(token);
      if (tries > 1) throw failure;
    }
  }

  return {
    async open(call, lengthBytes, signal) {
      if ((lengthBytes ?? 0) >= SMALLEST_DIRECT_BYTES) {
        signal.throwIfAborted();
        const token = await tokensFor(call)?.get();
        const direct = await getDirectly(settings, toRequest(call, token), signal);
        if (direct !== undefined) return direct;
      }
      const answer = await send(call, signal);
      return { status: answer.statusCode ?? 0, headers: answer.headers, content: streamContent(answer) };
    },
    async read(call, signal) {
      const answer = await send(call, signal);
      return { status: answer.statusCode ?? 0, headers: answer.headers, text: await readAnswer(answer) };
    },
  };
}
