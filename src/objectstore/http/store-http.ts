/**
 * Requests to one store, without retries: authorized with a token that is replaced once where the store refuses it, refusals turned into
 * failures that no provider owns.
 *
 * @module
 */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { TokenSource } from "../credentials/remembered-tokens.ts";
import type { StoreFailure } from "../store-failure.ts";
import { readAnswer } from "./send-request.ts";

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

/** Sends requests, without retries. */
export interface StoreHttp<Call extends StoreCall> {
  /** Whoever gets the answer must read or destroy it. @throws {StoreFailure} for a refusal; what fetching a token throws. */
  open(call: Call, signal: AbortSignal): Promise<IncomingMessage>;
  read(call: Call, signal: AbortSignal): Promise<TextAnswer>;
}

/** What a provider has of its own. */
export interface StoreProtocol<Call extends StoreCall> {
  /** Absent: the call needs no token. */
  readonly tokensFor: (call: Call) => TokenSource | undefined;
  readonly send: (call: Call, token: string | undefined, signal: AbortSignal) => Promise<IncomingMessage>;
  /** Reads what the answer says about itself. */
  readonly refusal: (answer: IncomingMessage, call: Call) => Promise<StoreFailure>;
}

export function createStoreHttp<Call extends StoreCall>({ tokensFor, send, refusal }: StoreProtocol<Call>): StoreHttp<Call> {
  async function open(call: Call, signal: AbortSignal): Promise<IncomingMessage> {
    const tokens = tokensFor(call);
    for (let tries = 1; ; tries++) {
      signal.throwIfAborted();
      const token = await tokens?.get();
      const answer = await send(call, token, signal);
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
    open,
    async read(call, signal) {
      const answer = await open(call, signal);
      return { status: answer.statusCode ?? 0, headers: answer.headers, text: await readAnswer(answer) };
    },
  };
}
