/**
 * The answer of a store or of a login service that is a document, not an object.
 *
 * @module
 */
import type { Readable } from "node:stream";
import type { BlobContent } from "../bucket.ts";
import { StoreFailure } from "../store-failure.ts";

/** Answers other than objects are documents of some kilobytes; a listing of 1000 keys of 1024 bytes, all of them encoded, has 3.5 MB. */
const LARGEST_DOCUMENT_BYTES = 4 * 1024 * 1024;
const READ_BYTES = 256 * 1024;

/** The whole body as text. @throws {StoreFailure} when it is longer than any answer that is not an object. */
export async function readBody(stream: Readable): Promise<string> {
  return (await readDocument(stream)).toString("utf8");
}

/** The whole content as text. @throws {StoreFailure} when it is longer than any answer that is not an object. */
export async function readText(content: BlobContent): Promise<string> {
  const copies: Buffer[] = [];
  let sizeBytes = 0;
  try {
    for await (const chunks of content.batches(READ_BYTES)) {
      sizeBytes += chunks.reduce((sum, { length }) => sum + length, 0);
      if (sizeBytes > LARGEST_DOCUMENT_BYTES) throw new StoreFailure("the store's answer is too long");
      // A batch is gone when the next one is asked for.
      copies.push(Buffer.concat(chunks));
    }
  } finally {
    content.destroy();
  }
  return copies.length === 0 ? "" : Buffer.concat(copies).toString("utf8");
}

/** Bytes of an answer that is not an object. @throws {StoreFailure} when it is longer than any of them. */
export async function readDocument(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > LARGEST_DOCUMENT_BYTES) throw new StoreFailure("the store's answer is too long");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
