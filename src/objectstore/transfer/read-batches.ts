/**
 * The chunks of a stream, several at a time, without copying them together.
 *
 * @module
 */
import type { Readable } from "node:stream";
import { freeChunk } from "../../node/free-chunk.ts";
import type { BlobContent } from "../bucket.ts";

/** The answer of Node's HTTP client as content of an object. */
export function streamContent(stream: Readable): BlobContent {
  return { batches: (batchBytes) => readBatches(stream, batchBytes), destroy: () => void stream.destroy() };
}

/**
 * Gives what has arrived, once it is `batchBytes` or more, and what is left at the end, also where the stream breaks off: the failure
 * comes after the bytes. A batch is gone when the next one is asked for. While a batch is worked on, the next one may grow to that size.
 */
export async function* readBatches(stream: Readable, batchBytes: number): AsyncGenerator<Buffer[]> {
  let batch: Buffer[] = [];
  let sizeBytes = 0;
  let isOver = false;
  let failure: unknown;
  let wake: () => void = () => {};
  stream.on("data", (chunk: Buffer) => {
    batch.push(chunk);
    sizeBytes += chunk.length;
    if (sizeBytes < batchBytes) return;
    stream.pause();
    wake();
  });
  stream.on("error", (error) => (failure ??= error));
  stream.once("close", () => {
    if (!stream.readableEnded) failure ??= prematureEnd();
    isOver = true;
    wake();
  });
  stream.once("end", () => {
    isOver = true;
    wake();
  });
  for (;;) {
    if (sizeBytes < batchBytes && !isOver) {
      stream.resume();
      await new Promise<void>((resolve) => (wake = resolve));
    }
    const full = batch;
    batch = [];
    sizeBytes = 0;
    if (!isOver) stream.resume();
    if (full.length > 0) {
      yield full;
      full.forEach(freeChunk);
    } else if (isOver) break;
  }
  if (failure !== undefined) throw failure;
}

/** As Node names it, so that it is retried alike. */
export function prematureEnd(): Error {
  return Object.assign(new Error("the answer broke off"), { code: "ERR_STREAM_PREMATURE_CLOSE" });
}
