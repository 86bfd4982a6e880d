/**
 * One local file to one object of an S3 store: small ones in one request, larger ones in parallel parts, all in constant memory.
 *
 * Bytes are read into a buffer per request, so that a request can be repeated, and a budget bounds what is held at once. What
 * was stored is checked by its tag where that is a digest, else by its length. A multipart upload that fails is aborted.
 *
 * Source: docs/spec/object-stores.md#upload, #decision-checksums.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { KnownDigests, SourceFile, StoredTag, TransferTools } from "../bucket.ts";
import { StoreFailure } from "../store-failure.ts";
import { isMd5 } from "../digests/checksums.ts";
import type { DigestOptions } from "../digests/digests.ts";
import { BUFFER_BYTES, withBody } from "../transfer/file-body.ts";
import { runBounded } from "../transfer/run-bounded.ts";
import type { S3Requests, UploadBody, UploadedPart } from "./s3-requests.ts";

/** Smallest part; files up to this size are one request. S3 wants at least 5 MiB. */
export const PART_BYTES = BUFFER_BYTES;
const MAX_PARTS = 10_000;
const PARTS_AT_ONCE = 4;
/** An abort must not prolong a failure by much, and runs although the store may be closing. */
const ABORT_TIMEOUT_MS = 10_000;

/** Learned while transferring: whether the store's tags are MD5 digests. Where they are not, lengths are checked instead. */
export interface TagTrust {
  areDigests: boolean;
}

/** What an upload works with. */
export interface PutContext extends TransferTools {
  readonly requests: S3Requests;
  readonly tags: TagTrust;
}

interface PutTarget extends SourceFile {
  readonly key: string;
}

/** Uploads the file; `key` is the escaped object key. */
export async function putFile(context: PutContext, key: string, source: SourceFile): Promise<void> {
  const target = { ...source, key };
  if (target.sizeBytes <= PART_BYTES) await putWhole(context, target);
  else await putParts(context, target);
}

async function putWhole(context: PutContext, target: PutTarget): Promise<void> {
  const { requests, retrier, signal } = context;
  await withBody(context, target, { offset: 0, lengthBytes: target.sizeBytes }, async (body) => {
    const content = { bytes: body, ...(target.digests === undefined ? {} : { known: target.digests }) };
    const isVerified = await putVerified(context, content, (sent) => requests.put(target.key, sent, target.contentType, signal));
    if (isVerified) return;
    await retrier.run(() => checkLength(context, target));
  });
}

async function putParts(context: PutContext, target: PutTarget): Promise<void> {
  const { requests, retrier, signal } = context;
  const uploadId = await retrier.run(() => requests.startMultipart(target.key, target.contentType, signal));
  try {
    const parts: UploadedPart[] = [];
    const digests = new Map<number, Buffer>();
    await runBounded(partRanges(target.sizeBytes), PARTS_AT_ONCE, async ({ partNumber, offset, lengthBytes }) => {
      await withBody(context, target, { offset, lengthBytes }, async (body) => {
        let etag = "";
        const isVerified = await putVerified(context, { bytes: body }, async (sent) => {
          const tag = await requests.putPart(target.key, uploadId, partNumber, sent, signal);
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
    await requests.abortMultipart(target.key, uploadId, AbortSignal.timeout(ABORT_TIMEOUT_MS)).catch(() => {});
    throw error;
  }
}

interface MultipartState {
  readonly uploadId: string;
  readonly parts: readonly UploadedPart[];
  readonly expectedTag: string | undefined;
}

async function complete(context: PutContext, target: PutTarget, state: MultipartState): Promise<void> {
  const { requests, retrier, signal } = context;
  const tag = await retrier.run(async (attempt) => {
    try {
      return await requests.completeMultipart(target.key, state.uploadId, state.parts, signal);
    } catch (error) {
      // An earlier try may have been carried out although its answer was lost.
      if (attempt === 1 || !(error instanceof StoreFailure) || error.reason !== "NoSuchUpload") throw error;
      const entry = await requests.stat(target.key, signal);
      if (entry.sizeBytes !== target.sizeBytes) throw error;
      return entry.tag;
    }
  });
  if (state.expectedTag !== undefined && tag.etag === state.expectedTag) return;
  await retrier.run(() => checkLength(context, target));
}

/**
 * Sends `bytes` and compares the answered tag with their MD5. The same wrong tag twice means that the store's tags are something
 * else (damage on the way would differ), and the caller checks the length instead.
 *
 * @returns whether the tag proved that the bytes arrived.
 */
async function putVerified(
  context: PutContext,
  { bytes, known }: { readonly bytes: Buffer; readonly known?: KnownDigests },
  send: (body: UploadBody) => Promise<StoredTag>,
): Promise<boolean> {
  const { digests, requests, tags } = context;
  const digestOf = async (algorithm: "md5" | "sha256", options?: DigestOptions): Promise<string> =>
    known?.[algorithm] ?? (await digests.ofBytes(bytes, algorithm, options)).toString("hex");
  const signed = requests.signsBodies ? digestOf("sha256") : undefined;
  // Needed only for the answer, so it is computed while the bytes travel.
  const expected = tags.areDigests ? digestOf("md5", { isPatient: true }) : undefined;
  let isPending = expected !== undefined;
  const settled = expected?.then(
    () => (isPending = false),
    () => (isPending = false),
  );
  const isOneOfMany = known !== undefined;
  const body = signed === undefined ? { bytes, isOneOfMany } : { bytes, isOneOfMany, sha256: await signed };
  let wrongTag: string | undefined;
  try {
    return await context.retrier.run(async () => {
      const tag = await send(body);
      if (expected === undefined || !tags.areDigests || !tag.isContentDigest || !isMd5(tag.etag)) return false;
      if (isPending) digests.hurry();
      if (tag.etag === (await expected)) return true;
      if (tag.etag === wrongTag) {
        tags.areDigests = false;
        return false;
      }
      wrongTag = tag.etag;
      throw new StoreFailure("the stored bytes differ from the sent ones (ETag does not match)", { reason: "UNEXPECTED_EOF" });
    });
  } finally {
    // The buffer is used again when this returns.
    if (isPending) digests.hurry();
    await settled;
  }
}

async function checkLength(context: PutContext, target: PutTarget): Promise<void> {
  const entry = await context.requests.stat(target.key, context.signal);
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

function md5(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}
