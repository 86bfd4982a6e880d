/**
 * One local file to one object of Google Cloud Storage: small ones in one request, larger ones in the chunks of a resumable upload,
 * all in constant memory.
 *
 * The CRC-32C of the file is known before the first byte is sent and goes ahead of them, so that the store itself refuses wrong bytes
 * and never makes an object of them. An interrupted upload goes on where the store stopped; a lost session begins again; one that
 * fails for good is cancelled and leaves nothing.
 *
 * Source: docs/spec/object-stores.md#upload, #decision-checksums; Cloud Storage, "Resumable uploads".
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import type { SourceFile, TransferTools } from "../bucket.ts";
import { BAD_CHECKSUM } from "../store-advice.ts";
import { StoreFailure } from "../store-failure.ts";
import { FileShrankError } from "../digests/digests.ts";
import { JoinedCrc } from "../digests/joined-crc.ts";
import { BUFFER_BYTES, withBody } from "../transfer/file-body.ts";
import { OBJECT_FIELDS, parseObject } from "./gcs-answers.ts";
import type { ObjectFacts } from "./gcs-answers.ts";
import type { TextAnswer } from "../http/store-http.ts";
import type { GcsHttp } from "./gcs-http.ts";

/** Files up to this size are one request. A multiple of 256 KiB, which the store wants of all chunks but the last. */
export const CHUNK_BYTES = BUFFER_BYTES;
/** Answered while bytes are missing. */
const INCOMPLETE = 308;
/** How the store confirms that a session is cancelled. */
const CANCELLED = 499;
/** How often an upload begins whose session is lost or damaged. */
const MOST_SESSIONS = 3;
/** A cancellation must not prolong a failure by much, and runs although the store may be closing. */
const CANCEL_TIMEOUT_MS = 10_000;

/** What an upload works with. */
export interface PutContext extends TransferTools {
  readonly http: GcsHttp;
  /** Path of uploads to the bucket. */
  readonly uploads: string;
  /** Path of an object. */
  readonly objectAt: (key: string, query?: Readonly<Record<string, string>>) => string;
}

interface PutTarget extends SourceFile {
  readonly key: string;
}

/** Uploads the file; `key` is the escaped object key. */
export async function putFile(context: PutContext, key: string, source: SourceFile): Promise<void> {
  const target = { ...source, key };
  if (target.sizeBytes <= CHUNK_BYTES) await putWhole(context, target);
  else await putChunks(context, target, await checksumOf(context, target));
}

async function putWhole(context: PutContext, target: PutTarget): Promise<void> {
  const { retrier, signal, http, digests } = context;
  await withBody(context, target, { offset: 0, lengthBytes: target.sizeBytes }, async (content) => {
    const digest = await digests.ofBytes(content, "crc32c");
    const crc32c = digest.toString("base64");
    const boundary = `kfp-${randomBytes(16).toString("hex")}`;
    const head = [
      `--${boundary}\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n${metadata(target, crc32c)}\r\n`,
      `--${boundary}\r\ncontent-type: ${target.contentType}\r\n\r\n`,
    ].join("");
    const body = [Buffer.from(head), content, Buffer.from(`\r\n--${boundary}--\r\n`)];
    const headers = { "content-type": `multipart/related; boundary=${boundary}` };
    const at = uploadAt(context, "multipart", target.key);
    await retrier.run(async () => {
      const { text } = await http.read({ method: "POST", target: at, headers, body, absent: "NoSuchBucket" }, signal);
      await assertStored(context, target, { stored: parseObject(text), crc32c });
    });
  });
}

async function putChunks(context: PutContext, target: PutTarget, crc32c: string): Promise<void> {
  for (let sessions = 1; ; sessions++) {
    const session = await startSession(context, target, crc32c);
    try {
      const stored = await sendChunks(context, target, session);
      return await assertStored(context, target, { stored, crc32c });
    } catch (error) {
      await cancel(context, session);
      if (!isWorthAnotherSession(error) || sessions >= MOST_SESSIONS) throw error;
    }
  }
}

/** The store has lost the session, or found damage that a new one would not have. */
function isWorthAnotherSession(error: unknown): boolean {
  if (!(error instanceof StoreFailure)) return false;
  return error.status === 410 || error.reason === "NoSuchUpload" || error.reason === BAD_CHECKSUM;
}

/** @returns the address of the session, a secret: whoever knows it may write the object. */
async function startSession(context: PutContext, target: PutTarget, crc32c: string): Promise<string> {
  const { retrier, signal, http } = context;
  const headers = {
    "content-type": "application/json; charset=UTF-8",
    "x-upload-content-type": target.contentType,
    "x-upload-content-length": String(target.sizeBytes),
  };
  const body = [Buffer.from(metadata(target, crc32c))];
  const at = uploadAt(context, "resumable", target.key);
  return await retrier.run(async () => {
    const answer = await http.read({ method: "POST", target: at, headers, body, absent: "NoSuchBucket" }, signal);
    const { location } = answer.headers;
    if (location === undefined || !URL.canParse(location)) throw new StoreFailure("the store answered no upload session");
    return location;
  });
}

/** One chunk after the other, each from where the store says it is. */
async function sendChunks(context: PutContext, target: PutTarget, session: string): Promise<ObjectFacts> {
  const { retrier } = context;
  for (let offset = 0; ;) {
    const lengthBytes = Math.min(CHUNK_BYTES, target.sizeBytes - offset);
    let progress: Progress | undefined;
    await withBody(context, target, { offset, lengthBytes }, async (body) => {
      progress = await retrier.run(async (attempt) => {
        // The store may have taken some of it, or all, although the answer was lost.
        const known = attempt === 1 ? undefined : await askProgress(context, target, session);
        if (known !== undefined && ("stored" in known || known.nextOffset !== offset)) return known;
        return await sendChunk(context, target, { session, offset, body });
      });
    });
    if (progress === undefined) throw new StoreFailure("the chunk was not sent");
    if ("stored" in progress) return progress.stored;
    if (progress.nextOffset <= offset || progress.nextOffset >= target.sizeBytes) {
      throw new StoreFailure(`the store took ${progress.nextOffset} of ${target.sizeBytes} bytes and wants no more`);
    }
    offset = progress.nextOffset;
  }
}

/** Where a session is: the next byte it wants, or the object that it has become. */
type Progress = { readonly nextOffset: number } | { readonly stored: ObjectFacts };

interface Chunk {
  readonly session: string;
  readonly offset: number;
  readonly body: Buffer;
}

async function sendChunk({ http, signal }: PutContext, target: PutTarget, { session, offset, body }: Chunk): Promise<Progress> {
  const headers = { "content-range": `bytes ${offset}-${offset + body.length - 1}/${target.sizeBytes}` };
  const call = {
    method: "PUT",
    target: session,
    headers,
    body: [body],
    alsoExpected: [INCOMPLETE],
    absent: "NoSuchUpload",
  } as const;
  return progressOf(await http.read(call, signal));
}

async function askProgress({ http, signal }: PutContext, target: PutTarget, session: string): Promise<Progress> {
  const headers = { "content-range": `bytes */${target.sizeBytes}` };
  const call = { method: "PUT", target: session, headers, alsoExpected: [INCOMPLETE], absent: "NoSuchUpload" } as const;
  return progressOf(await http.read(call, signal));
}

function progressOf({ status, headers, text }: TextAnswer): Progress {
  if (status !== INCOMPLETE) return { stored: parseObject(text) };
  const last = /^bytes=0-(\d+)$/.exec(headers.range ?? "")?.[1];
  return { nextOffset: last === undefined ? 0 : Number(last) + 1 };
}

async function cancel({ http }: PutContext, session: string): Promise<void> {
  const call = { method: "DELETE", target: session, alsoExpected: [CANCELLED], absent: "NoSuchUpload" } as const;
  await http.read(call, AbortSignal.timeout(CANCEL_TIMEOUT_MS)).catch(() => {});
}

/** A store that does not verify what it was told must not keep wrong bytes. */
async function assertStored(
  { http, objectAt }: PutContext,
  target: PutTarget,
  { stored, crc32c }: { readonly stored: ObjectFacts; readonly crc32c: string },
): Promise<void> {
  const { sizeBytes, generation } = stored;
  if (sizeBytes === target.sizeBytes && (stored.crc32c ?? crc32c) === crc32c) return;
  const at = objectAt(target.key, generation === "" ? {} : { ifGenerationMatch: generation });
  const call = { method: "DELETE", target: at, absent: "NoSuchKey" } as const;
  await http.read(call, AbortSignal.timeout(CANCEL_TIMEOUT_MS)).catch(() => {});
  throw new StoreFailure(
    sizeBytes === target.sizeBytes
      ? "the stored bytes differ from the sent ones (CRC-32C does not match)"
      : `the store holds ${sizeBytes} bytes of ${target.sizeBytes}`,
    { reason: BAD_CHECKSUM },
  );
}

function uploadAt({ uploads }: PutContext, uploadType: string, name: string): string {
  return `${uploads}?${new URLSearchParams({ uploadType, name, fields: OBJECT_FIELDS }).toString()}`;
}

function metadata({ key, contentType }: PutTarget, crc32c: string): string {
  return JSON.stringify({ name: key, contentType, crc32c });
}

/** The file is read once more for it, in as many threads as there are. */
async function checksumOf({ digests, signal }: PutContext, { file, path, sizeBytes }: PutTarget): Promise<string> {
  if (file === undefined) throw new StoreFailure(`${path} is not open any more`);
  const crc = new JoinedCrc(digests, { file, sizeBytes }, "crc32c");
  try {
    const digest = await crc.digest();
    signal.throwIfAborted();
    return digest.toString("base64");
  } catch (error) {
    await crc.settle();
    throw error instanceof FileShrankError ? new StoreFailure(`${path} became shorter while it was uploaded`) : error;
  }
}
