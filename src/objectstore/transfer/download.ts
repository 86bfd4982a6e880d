/**
 * One object to one local file: small ones in one request, larger ones in parallel ranges, streamed to a temporary name beside the
 * target and renamed when complete and verified. An interrupted request goes on where it stopped, of the same version of the object.
 *
 * Source: docs/spec/object-stores.md#download, #decision-checksums.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { BlobBody, BlobEntry, BlobRange, StoredTag } from "../bucket.ts";
import { StoreFailure } from "../store-failure.ts";
import { runBounded } from "./run-bounded.ts";
import type { TransferContext } from "./upload.ts";
import { SMALL_FILE_BYTES } from "./small-files.ts";
import { claimOfWhole, isOfParts, isRegionIntact, startVerification } from "./verify-download.ts";
import type { Verification } from "./verify-download.ts";

/** Objects up to this size come in one request; larger ones in ranges of this size. */
export const RANGE_BYTES = 16 * 1024 * 1024;
const RANGES_AT_ONCE = 4;
/** A socket gives 64 KiB at a time; each write costs a turn through the thread pool. */
const WRITE_BYTES = 1024 * 1024;
/** How often an object is fetched whose bytes arrive damaged. */
const MOST_FETCHES = 3;

/** Downloads the listed object to `path`, whose folder exists. `entry.key` is the key as the store spells it. */
export async function downloadFile(context: TransferContext, entry: BlobEntry, path: string): Promise<void> {
  const partialPath = partialPathOf(path);
  const file = await open(partialPath, "wx+", 0o666);
  try {
    try {
      await fetchIntact(context, entry, file);
    } finally {
      await file.close();
    }
    await rename(partialPath, path);
  } catch (error) {
    await rm(partialPath, { force: true });
    throw error;
  }
}

/**
 * Downloads a small object, held in memory, if a thread can write it.
 *
 * @returns whether the file is there; where it is not, nothing is, and the object is to be downloaded the usual way.
 */
export async function downloadSmallFile(context: TransferContext, entry: BlobEntry, path: string): Promise<boolean> {
  const { smallFiles, signal } = context;
  if (entry.sizeBytes > SMALL_FILE_BYTES || isOfParts(entry.etag) || !smallFiles.isWorthIt()) return false;
  const bytes = Buffer.allocUnsafe(entry.sizeBytes);
  const collect = (chunks: readonly Buffer[], position: number): void => {
    let at = position;
    for (const chunk of chunks) at += chunk.copy(bytes, at);
  };
  const tag = await fetchWhole(context, entry, collect, true);
  const claim = claimOfWhole(tag);
  if (claim === "of parts") return false;
  signal.throwIfAborted();
  const checksum = claim === undefined ? {} : { checksum: claim };
  return (await smallFiles.write({ path, partialPath: partialPathOf(path), bytes, ...checksum })) === "written";
}

/** Of this process; asking for random bytes costs as much as a digest of the file. */
const PARTIAL_NAME = `.kfp-${randomBytes(6).toString("hex")}`;
let partialFiles = 0;

function partialPathOf(path: string): string {
  return join(dirname(path), `${PARTIAL_NAME}-${++partialFiles}.partial`);
}

/** What the parts of one download share: the version of the object that the first answer was about. */
interface Version {
  etag: string;
}

/** Damage on the way is gone with the next try; what is damaged in the store stays so. */
async function fetchIntact(context: TransferContext, entry: BlobEntry, file: FileHandle): Promise<void> {
  for (let fetches = 1; ; fetches++) {
    const ranged = entry.sizeBytes > RANGE_BYTES ? await fetchRanges(context, entry, file) : undefined;
    const verification =
      ranged ?? (await startVerification(context, entry, file, await fetchWhole(context, entry, writerTo(file))));
    const problem = await verification.findDamage();
    if (problem === undefined) return;
    if (fetches >= Math.min(MOST_FETCHES, context.retrier.attempts)) {
      throw new StoreFailure(problem, { reason: "DAMAGED", tries: fetches });
    }
  }
}

/**
 * One request after the other until the object is there.
 *
 * @returns what the first answer about these bytes said of the object.
 */
async function fetchWhole(context: TransferContext, entry: BlobEntry, write: Write, isOneOfMany = false): Promise<StoredTag> {
  const version: Version = { etag: "" };
  let written = 0;
  let tag: StoredTag | undefined;
  return await context.retrier.run(async () => {
    const body = await getVersion(context, entry, { offset: written, isOneOfMany }, version);
    // A range has checksums of its own, if any.
    if (!body.isPartial || tag === undefined) tag = body.isPartial ? { ...body.tag, checksums: [] } : body.tag;
    version.etag = body.tag.etag;
    const end = await writeBody(body, write, { context, entry, end: entry.sizeBytes, onProgress: (at) => (written = at) });
    if (end !== entry.sizeBytes) throw truncated(end, entry.sizeBytes);
    return tag;
  });
}

/**
 * @returns the check of what was fetched; `undefined` when the store does not honour ranges and nothing useful was written.
 */
async function fetchRanges(context: TransferContext, entry: BlobEntry, file: FileHandle): Promise<Verification | undefined> {
  const version: Version = { etag: "" };
  const first = await fetchRange(context, entry, file, { start: 0, version, whole: undefined });
  if (first === undefined) return undefined;
  const whole = await wholeTag(context, entry, first);
  const verification = await startVerification(context, entry, file, whole);
  verification.onWritten({ start: 0, end: RANGE_BYTES });
  try {
    await runBounded(rangeStarts(entry.sizeBytes), RANGES_AT_ONCE, async (start) => {
      if ((await fetchRange(context, entry, file, { start, version, whole })) === undefined) {
        throw new StoreFailure("the store honoured one byte range and ignored the next");
      }
      verification.onWritten({ start, end: Math.min(start + RANGE_BYTES, entry.sizeBytes) });
    });
  } catch (error) {
    await verification.settle();
    throw error;
  }
  return verification;
}

/** Answers with a range carry the object's ETag, but its checksums only answers about the whole. */
async function wholeTag(context: TransferContext, entry: BlobEntry, ofRange: StoredTag): Promise<StoredTag> {
  const { bucket, retrier, signal } = context;
  const fallback = { ...ofRange, checksums: [] };
  try {
    const { tag } = await retrier.run(() => bucket.stat(entry.key, signal));
    return tag.etag === ofRange.etag ? tag : fallback;
  } catch (error) {
    // A store that does not answer HEAD has given its ETag already.
    if (!(error instanceof StoreFailure) || signal.aborted) throw error;
    return fallback;
  }
}

async function fetchRange(
  context: TransferContext,
  entry: BlobEntry,
  file: FileHandle,
  options: { start: number; version: Version; whole: StoredTag | undefined },
): Promise<StoredTag | undefined> {
  const { start, version, whole } = options;
  const end = Math.min(start + RANGE_BYTES, entry.sizeBytes);
  let at = start;
  return await context.retrier.run(async () => {
    const body = await getVersion(context, entry, { offset: at, lengthBytes: end - at }, version);
    if (!body.isPartial) {
      body.content.destroy();
      return undefined;
    }
    version.etag = body.tag.etag;
    const stopped = await writeBody(body, writerTo(file), { context, entry, end, onProgress: (position) => (at = position) });
    if (stopped !== end) throw truncated(stopped - start, end - start);
    const { offset } = body;
    if (
      whole === undefined ||
      offersSame(body.tag, whole) ||
      (await isRegionIntact(context, file, { start: offset, end }, body.tag))
    ) {
      return body.tag;
    }
    at = start;
    throw new StoreFailure("a range of the object arrived damaged (its checksum does not match)", { reason: "UNEXPECTED_EOF" });
  });
}

async function getVersion(context: TransferContext, entry: BlobEntry, range: BlobRange, version: Version): Promise<BlobBody> {
  try {
    return await context.bucket.getRange(
      entry.key,
      version.etag === "" ? range : { ...range, etag: version.etag },
      context.signal,
    );
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
  /** Position after the last wanted byte. */
  readonly end: number;
  /** Called with the position up to which bytes are on disk. */
  readonly onProgress: (position: number) => void;
}

/** Takes bytes that are gone when it is done. */
type Write = (chunks: readonly Buffer[], position: number) => Promise<void> | void;

function writerTo(file: FileHandle): Write {
  return (chunks, position) => writeFully(file, chunks, position);
}

/** Some stores send the checksum of the whole object with each range. */
function offersSame({ checksums }: StoredTag, whole: StoredTag): boolean {
  return checksums.every(({ value }) => whole.checksums.some((other) => other.value === value));
}

/** @returns the position reached. */
async function writeBody(body: BlobBody, write: Write, options: WriteOptions): Promise<number> {
  let position = body.offset;
  try {
    for await (const chunks of body.content.batches(WRITE_BYTES)) {
      options.context.signal.throwIfAborted();
      const sizeBytes = chunks.reduce((sum, { length }) => sum + length, 0);
      if (position + sizeBytes > options.end) {
        throw new StoreFailure(`the store sent more than the ${options.entry.sizeBytes} bytes that it listed`);
      }
      await write(chunks, position);
      position += sizeBytes;
      options.onProgress(position);
    }
  } finally {
    body.content.destroy();
  }
  return position;
}

async function writeFully(file: FileHandle, chunks: readonly Buffer[], position: number): Promise<void> {
  const { bytesWritten } = await file.writev(chunks, position);
  const sizeBytes = chunks.reduce((sum, { length }) => sum + length, 0);
  if (bytesWritten === sizeBytes) return;
  const rest = Buffer.concat(chunks).subarray(bytesWritten);
  for (let done = 0; done < rest.length;) {
    const written = await file.write(rest, done, rest.length - done, position + bytesWritten + done);
    done += written.bytesWritten;
  }
}

function truncated(received: number, expected: number): StoreFailure {
  return new StoreFailure(`the answer ended after ${received} of ${expected} bytes`, { reason: "UNEXPECTED_EOF" });
}
