/**
 * One object to one local file: small ones in one request, larger ones in parallel ranges, streamed to a temporary name beside the
 * target and renamed when complete. An interrupted request goes on where it stopped, of the same version of the object.
 *
 * Source: contract/launcher.md 10.7, decisions.md "checksums of objects".
 *
 * @module
 */
import { createHash, randomBytes } from "node:crypto";
import type { Hash } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import { StoreFailure } from "./blob-client.ts";
import type { BlobBody, BlobEntry, BlobRange } from "./blob-client.ts";
import { runBounded } from "./run-bounded.ts";
import { isMd5 } from "./upload.ts";
import type { TransferContext } from "./upload.ts";

/** Objects up to this size come in one request; larger ones in ranges of this size. */
export const RANGE_BYTES = 16 * 1024 * 1024;
const RANGES_AT_ONCE = 4;

/** Downloads the listed object to `path`, whose folder exists. `entry.key` is the key as the store spells it. */
export async function downloadFile(context: TransferContext, entry: BlobEntry, path: string): Promise<void> {
  const partialPath = join(dirname(path), `.kfp-${randomBytes(6).toString("hex")}.partial`);
  const file = await open(partialPath, "wx", 0o666);
  try {
    try {
      const isRanged = entry.sizeBytes > RANGE_BYTES && (await fetchRanges(context, entry, file));
      if (!isRanged) await fetchWhole(context, entry, file);
    } finally {
      await file.close();
    }
    await rename(partialPath, path);
  } catch (error) {
    await rm(partialPath, { force: true });
    throw error;
  }
}

/** What the parts of one download share: the version of the object that the first answer was about. */
interface Version {
  etag: string;
}

/** One request after the other until the object is there. Twice the same bytes outweigh a tag that disagrees. */
async function fetchWhole(context: TransferContext, entry: BlobEntry, file: FileHandle): Promise<void> {
  const version: Version = { etag: "" };
  let hash = createHash("md5");
  let written = 0;
  let wrongDigest: string | undefined;
  const restart = (): void => {
    hash = createHash("md5");
    written = 0;
    version.etag = "";
  };
  await context.retrier.run(async () => {
    const body = await getVersion(context, entry, { offset: written }, version);
    if (body.offset !== written) restart();
    version.etag = body.tag.etag;
    const end = await writeBody(body, file, { context, entry, hash, end: entry.sizeBytes, onProgress: (at) => (written = at) });
    if (end !== entry.sizeBytes) throw truncated(end, entry.sizeBytes);
    const { etag } = body.tag;
    const digest = hash.digest("hex");
    if (!context.tags.areDigests || !body.tag.isContentDigest || !isMd5(etag) || etag === digest) return;
    if (digest === wrongDigest) {
      context.tags.areDigests = false;
      return;
    }
    wrongDigest = digest;
    restart();
    throw new StoreFailure("the received bytes differ from the stored ones (ETag does not match)", { reason: "UNEXPECTED_EOF" });
  });
}

/** @returns false when the store does not honour ranges and nothing useful was written. */
async function fetchRanges(context: TransferContext, entry: BlobEntry, file: FileHandle): Promise<boolean> {
  const version: Version = { etag: "" };
  if (!(await fetchRange(context, entry, file, { start: 0, version }))) return false;
  await runBounded(rangeStarts(entry.sizeBytes), RANGES_AT_ONCE, async (start) => {
    if (await fetchRange(context, entry, file, { start, version })) return;
    throw new StoreFailure("the store honoured one byte range and ignored the next");
  });
  return true;
}

async function fetchRange(
  context: TransferContext,
  entry: BlobEntry,
  file: FileHandle,
  options: { start: number; version: Version },
): Promise<boolean> {
  const { start, version } = options;
  const end = Math.min(start + RANGE_BYTES, entry.sizeBytes);
  let at = start;
  return await context.retrier.run(async () => {
    const body = await getVersion(context, entry, { offset: at, lengthBytes: end - at }, version);
    if (!body.isPartial) {
      body.stream.destroy();
      return false;
    }
    version.etag = body.tag.etag;
    const stopped = await writeBody(body, file, { context, entry, end, onProgress: (position) => (at = position) });
    if (stopped !== end) throw truncated(stopped - start, end - start);
    return true;
  });
}

async function getVersion(context: TransferContext, entry: BlobEntry, range: BlobRange, version: Version): Promise<BlobBody> {
  try {
    return await context.client.get(entry.key, version.etag === "" ? range : { ...range, etag: version.etag }, context.signal);
  } catch (error) {
    if (!(error instanceof StoreFailure) || error.status !== 412) throw error;
    throw new StoreFailure("the object was replaced while it was downloaded", { status: 412, cause: error });
  }
}

function* rangeStarts(sizeBytes: number): Generator<number> {
  for (let start = RANGE_BYTES; start < sizeBytes; start += RANGE_BYTES) yield start;
}

interface WriteOptions {
  readonly context: TransferContext;
  readonly entry: BlobEntry;
  readonly hash?: Hash;
  /** Position after the last wanted byte. */
  readonly end: number;
  /** Called with the position up to which bytes are on disk. */
  readonly onProgress: (position: number) => void;
}

/** @returns the position reached. */
async function writeBody(body: BlobBody, file: FileHandle, options: WriteOptions): Promise<number> {
  let position = body.offset;
  try {
    for await (const chunk of body.stream as AsyncIterable<Buffer>) {
      options.context.signal.throwIfAborted();
      if (position + chunk.length > options.end) {
        throw new StoreFailure(`the store sent more than the ${options.entry.sizeBytes} bytes that it listed`);
      }
      await writeFully(file, chunk, position);
      options.hash?.update(chunk);
      position += chunk.length;
      options.onProgress(position);
    }
  } finally {
    body.stream.destroy();
  }
  return position;
}

async function writeFully(file: FileHandle, chunk: Buffer, position: number): Promise<void> {
  for (let done = 0; done < chunk.length;) {
    const { bytesWritten } = await file.write(chunk, done, chunk.length - done, position + done);
    done += bytesWritten;
  }
}

function truncated(received: number, expected: number): StoreFailure {
  return new StoreFailure(`the answer ended after ${received} of ${expected} bytes`, { reason: "UNEXPECTED_EOF" });
}
