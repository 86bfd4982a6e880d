/**
 * One local file to one object: small ones in one request, larger ones in parallel parts, all in constant memory.
 *
 * Bytes are read into a buffer per request, so that a request can be repeated, and a budget bounds what is held at once. What
 * was stored is checked by its tag where that is a digest, else by its length. A multipart upload that fails is aborted.
 *
 * Source: docs/spec/object-stores.md#upload, #decision-checksums.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { NotRegularFileError, openRegularFile } from "../../node/regular-file.ts";
import type { OpenFile } from "../../node/regular-file.ts";
import { StoreFailure } from "../blob-client.ts";
import type { BlobClient, StoredTag, UploadedPart } from "../blob-client.ts";
import { SNIFF_BYTES, sniffContentType } from "./content-type.ts";
import { notUploadable } from "../local-tree.ts";
import type { Retrier } from "../retry.ts";
import { runBounded } from "./run-bounded.ts";
import type { BufferPool, ByteBudget } from "./run-bounded.ts";

/** Smallest part; files up to this size are one request. S3 wants at least 5 MiB. */
export const PART_BYTES = 8 * 1024 * 1024;
const MAX_PARTS = 10_000;
const PARTS_AT_ONCE = 4;
/** An abort must not prolong a failure by much, and runs although the store may be closing. */
const ABORT_TIMEOUT_MS = 10_000;

export interface TransferContext {
  readonly client: BlobClient;
  readonly retrier: Retrier;
  readonly budget: ByteBudget;
  /** Of {@link PART_BYTES} each. */
  readonly buffers: BufferPool;
  readonly signal: AbortSignal;
  /** Learned while transferring: the store's tags are no MD5 digests, so lengths are checked instead. */
  readonly tags: { areDigests: boolean };
}

/** Uploads the file at `path`; `key` is the escaped object key. */
export async function uploadFile(context: TransferContext, path: string, key: string): Promise<void> {
  const { file, sizeBytes: size } = await openUploadable(path);
  try {
    const contentType = await sniffFile(file, size);
    if (size <= PART_BYTES) await putWhole(context, file, { key, contentType, sizeBytes: size, path });
    else await putParts(context, file, { key, contentType, sizeBytes: size, path });
  } finally {
    await file.close();
  }
}

/** What was a file a moment ago may be something else by now, so the open descriptor is asked. */
async function openUploadable(path: string): Promise<OpenFile> {
  try {
    return await openRegularFile(path);
  } catch (error) {
    throw error instanceof NotRegularFileError ? notUploadable(path, error.message) : error;
  }
}

interface UploadTarget {
  readonly key: string;
  readonly contentType: string;
  readonly sizeBytes: number;
  readonly path: string;
}

async function putWhole(context: TransferContext, file: FileHandle, target: UploadTarget): Promise<void> {
  const { client, retrier, signal } = context;
  await withBody(context, file, { ...target, offset: 0, lengthBytes: target.sizeBytes }, async (body) => {
    const isVerified = await putVerified(context, body, (bytes) => client.put(target.key, bytes, target.contentType, signal));
    if (isVerified) return;
    await retrier.run(() => checkLength(context, target));
  });
}

async function putParts(context: TransferContext, file: FileHandle, target: UploadTarget): Promise<void> {
  const { client, retrier, signal } = context;
  const uploadId = await retrier.run(() => client.startMultipart(target.key, target.contentType, signal));
  try {
    const parts: UploadedPart[] = [];
    const digests = new Map<number, Buffer>();
    await runBounded(partRanges(target.sizeBytes), PARTS_AT_ONCE, async ({ partNumber, offset, lengthBytes }) => {
      await withBody(context, file, { ...target, offset, lengthBytes }, async (body) => {
        let etag = "";
        const isVerified = await putVerified(context, body, async (bytes) => {
          const tag = await client.putPart(target.key, uploadId, partNumber, bytes, signal);
          etag = tag.etag;
          return tag;
        });
        if (isVerified) digests.set(partNumber, Buffer.from(etag, "hex"));
        parts.push({ partNumber, etag });
      });
    });
    parts.sort((a, b) => a.partNumber - b.partNumber);
    const ordered = parts.map((part) => digests.get(part.partNumber));
    const expectedTag = ordered.every((digest) => digest !== undefined)
      ? `${md5(Buffer.concat(ordered))}-${parts.length}`
      : undefined;
    await complete(context, target, { uploadId, parts, expectedTag });
  } catch (error) {
    await client.abortMultipart(target.key, uploadId, AbortSignal.timeout(ABORT_TIMEOUT_MS)).catch(() => {});
    throw error;
  }
}

interface MultipartState {
  readonly uploadId: string;
  readonly parts: readonly UploadedPart[];
  readonly expectedTag: string | undefined;
}

async function complete(context: TransferContext, target: UploadTarget, state: MultipartState): Promise<void> {
  const { client, retrier, signal } = context;
  const tag = await retrier.run(async (attempt) => {
    try {
      return await client.completeMultipart(target.key, state.uploadId, state.parts, signal);
    } catch (error) {
      // An earlier try may have been carried out although its answer was lost.
      if (attempt === 1 || !(error instanceof StoreFailure) || error.reason !== "NoSuchUpload") throw error;
      const entry = await client.stat(target.key, signal);
      if (entry.sizeBytes !== target.sizeBytes) throw error;
      return entry.tag;
    }
  });
  if (state.expectedTag !== undefined && tag.etag === state.expectedTag) return;
  await retrier.run(() => checkLength(context, target));
}

/**
 * Sends `body` and compares the answered tag with its MD5. The same wrong tag twice means that the store's tags are something
 * else (damage on the way would differ), and the caller checks the length instead.
 *
 * @returns whether the tag proved that the bytes arrived.
 */
async function putVerified(context: TransferContext, body: Buffer, send: (body: Buffer) => Promise<StoredTag>): Promise<boolean> {
  const digest = md5(body);
  let wrongTag: string | undefined;
  return await context.retrier.run(async () => {
    const tag = await send(body);
    if (!context.tags.areDigests || !tag.isContentDigest || !isMd5(tag.etag)) return false;
    if (tag.etag === digest) return true;
    if (tag.etag === wrongTag) {
      context.tags.areDigests = false;
      return false;
    }
    wrongTag = tag.etag;
    throw new StoreFailure("the stored bytes differ from the sent ones (ETag does not match)", { reason: "UNEXPECTED_EOF" });
  });
}

async function checkLength(context: TransferContext, target: UploadTarget): Promise<void> {
  const entry = await context.client.stat(target.key, context.signal);
  if (entry.sizeBytes === target.sizeBytes) return;
  throw new StoreFailure(`the store holds ${entry.sizeBytes} bytes of ${target.sizeBytes}`);
}

function* partRanges(sizeBytes: number): Generator<{ partNumber: number; offset: number; lengthBytes: number }> {
  const partBytes = partSizeFor(sizeBytes);
  for (let offset = 0, partNumber = 1; offset < sizeBytes; offset += partBytes, partNumber++) {
    yield { partNumber, offset, lengthBytes: Math.min(partBytes, sizeBytes - offset) };
  }
}

/** Bytes per part, a multiple of 1 MiB, so that at most 10,000 parts are needed. */
export function partSizeFor(sizeBytes: number): number {
  const mib = 1024 * 1024;
  return Math.max(PART_BYTES, Math.ceil(sizeBytes / MAX_PARTS / mib) * mib);
}

interface BodyRange {
  readonly path: string;
  readonly offset: number;
  readonly lengthBytes: number;
}

/** Reads a range of the file within the budget and hands it to `use`. */
async function withBody(
  context: TransferContext,
  file: FileHandle,
  range: BodyRange,
  use: (body: Buffer) => Promise<void>,
): Promise<void> {
  const { budget, buffers } = context;
  await budget.hold(buffers.sizeFor(range.lengthBytes), async () => {
    const body = buffers.take(range.lengthBytes);
    await fill(body, file, range);
    await use(body);
    // After a failure an abandoned request might still send from it.
    buffers.giveBack(body);
  });
}

async function fill(body: Buffer, file: FileHandle, range: BodyRange): Promise<void> {
  for (let filled = 0; filled < body.length;) {
    const { bytesRead } = await file.read(body, filled, body.length - filled, range.offset + filled);
    if (bytesRead === 0) throw new StoreFailure(`${range.path} became shorter while it was uploaded`);
    filled += bytesRead;
  }
}

async function sniffFile(file: FileHandle, sizeBytes: number): Promise<string> {
  const head = Buffer.alloc(Math.min(SNIFF_BYTES, sizeBytes));
  const { bytesRead } = await file.read(head, 0, head.length, 0);
  return sniffContentType(head.subarray(0, bytesRead));
}

/** Whether a tag has the shape of an MD5 digest in hex. */
export function isMd5(etag: string): boolean {
  return /^[0-9a-f]{32}$/.test(etag);
}

function md5(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}
