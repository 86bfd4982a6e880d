/**
 * One object piece by piece, for readers who keep no copy: any range of it, of one version, with interrupted answers continued.
 *
 * Unlike a download it is not verified as a whole: whoever asks for a range gets it before the rest has been read.
 *
 * @module
 */
import type { ObjectLook } from "../../ports/object-store.ts";
import type { BlobContent, BlobStat } from "../bucket.ts";
import { unescapeKey } from "../object-key.ts";
import { isRetryable, systemFailure } from "../store-errors.ts";
import { StoreFailure } from "../store-failure.ts";
import type { TransferContext } from "./upload.ts";

/** Names of a folder that are worth telling. */
const SHOWN_NAMES = 20;
/** What arrives is passed on without waiting for more. */
const BATCH_BYTES = 1;

/** What a key names. @param key Unescaped, without trailing slash. */
export async function lookAtObject(context: TransferContext, key: string): Promise<ObjectLook> {
  const { bucket, retrier, signal } = context;
  const exact = bucket.escapeKey(key);
  const stat = await retrier.run(() => bucket.stat(exact, signal)).catch(unlessMissing);
  if (stat !== undefined) {
    return { kind: "object", sizeBytes: stat.sizeBytes, read: (start, end) => readRange(context, stat, { start, end }) };
  }
  const { entries, nextToken } = await retrier.run(() => bucket.list(`${exact}/`, undefined, signal));
  if (entries.length === 0) return { kind: "missing" };
  const names = entries.slice(0, SHOWN_NAMES).map((entry) => unescapeKey(entry.key).slice(key.length + 1));
  return { kind: "folder", names, isWhole: entries.length <= SHOWN_NAMES && nextToken === undefined };
}

function unlessMissing(error: unknown): undefined {
  if (error instanceof StoreFailure && error.status === 404 && error.reason !== "NoSuchBucket") return undefined;
  throw error;
}

async function* readRange(
  { bucket, retrier, signal }: TransferContext,
  object: BlobStat,
  { start, end }: { readonly start: number; readonly end: number },
): AsyncGenerator<Uint8Array> {
  const { etag } = object;
  let at = start;
  for (let interruptions = 0; at < end;) {
    const range = { offset: at, lengthBytes: end - at, ...(etag === "" ? {} : { etag }) };
    const body = await retrier.run(() => bucket.getRange(object.key, range, signal));
    if (body.offset > at) {
      body.content.destroy();
      throw new StoreFailure("the store sent another range than it was asked for");
    }
    try {
      for await (const piece of wanted(body.content, at - body.offset, end - at)) {
        signal.throwIfAborted();
        at += piece.length;
        yield piece;
      }
      if (at < end)
        throw new StoreFailure(`the answer ended after ${at - start} of ${end - start} bytes`, { reason: "UNEXPECTED_EOF" });
    } catch (error) {
      interruptions += 1;
      if (interruptions >= retrier.attempts || signal.aborted || !isRetryable(systemFailure(error))) throw error;
    } finally {
      body.content.destroy();
    }
  }
}

/**
 * A store that ignores ranges sends the object from its beginning, and to its end. Pieces are copies: whoever gets them may keep them.
 */
async function* wanted(content: BlobContent, skip: number, length: number): AsyncGenerator<Uint8Array> {
  let toSkip = skip;
  let left = length;
  for await (const chunks of content.batches(BATCH_BYTES)) {
    for (const chunk of chunks) {
      const piece = chunk.subarray(Math.min(toSkip, chunk.length)).subarray(0, left);
      toSkip = Math.max(0, toSkip - chunk.length);
      left -= piece.length;
      if (piece.length > 0) yield Buffer.from(piece);
      if (left === 0) return;
    }
  }
}
