/**
 * Bodies of requests, read whole up to a limit.
 *
 * @module
 */
import type { Readable } from "node:stream";
import { RequestProblem } from "./error-answer.ts";

/**
 * Reads a body.
 *
 * @throws {RequestProblem} It is larger than `maxBytes`, or the client broke off.
 */
export async function readBody(body: Readable, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > maxBytes) throw bodyTooLarge(maxBytes);
      chunks.push(chunk);
    }
  } catch (error) {
    throw error instanceof RequestProblem ? error : new RequestProblem("The body of the request ends early");
  }
  return Buffer.concat(chunks, length);
}

/** Status 413; the connection ends, so that nobody has to read the rest. */
export function bodyTooLarge(maxBytes: number): RequestProblem {
  return new RequestProblem(`The body of the request is larger than ${maxBytes} bytes`, {
    httpStatus: 413,
    headers: { connection: "close" },
  });
}

/**
 * The text of a body.
 *
 * @throws {RequestProblem} It is not UTF-8.
 */
export function utf8Text(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new RequestProblem("The body of the request is not UTF-8");
  }
}
