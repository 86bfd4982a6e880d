/**
 * The S3 operations in use, one request each, without retries: what the two clients (minio/minio-client.ts, s3/s3-client.ts)
 * implement, and what s3-bucket.ts makes a bucket of. Methods throw `StoreFailure`. Keys are raw: escaping is done by the caller.
 *
 * @module
 */
import type { BlobBody, BlobPage, BlobRange, BlobStat, StoredTag } from "../bucket.ts";

/** A part of a stored object. */
export interface PartEntry {
  readonly sizeBytes: number;
  /** How many parts the object has; absent where the store does not say. */
  readonly parts?: number;
}

/** A part of an upload that is not complete yet. */
export interface UploadedPart {
  /** From 1. */
  readonly partNumber: number;
  readonly etag: string;
}

/** Content on its way to the store. */
export interface UploadBody {
  readonly bytes: Buffer;
  /** Of the bytes, in hex, where whoever sends them knows it; only looked at where bodies are signed. */
  readonly sha256?: string;
  /** Whether it is one of hundreds of small objects; default false. */
  readonly isOneOfMany?: boolean;
}

/** Requests to one bucket of an S3 store. */
export interface S3Requests {
  /** Whether the signature covers the content of uploads: over a connection without TLS. */
  readonly signsBodies: boolean;
  /** How many requests for small objects may be under way at once. Absent: some dozens. */
  readonly smallAtOnce?: number;
  put(key: string, body: UploadBody, contentType: string, signal: AbortSignal): Promise<StoredTag>;
  /** Answers the id of the upload. */
  startMultipart(key: string, contentType: string, signal: AbortSignal): Promise<string>;
  putPart(key: string, uploadId: string, partNumber: number, body: UploadBody, signal: AbortSignal): Promise<StoredTag>;
  completeMultipart(key: string, uploadId: string, parts: readonly UploadedPart[], signal: AbortSignal): Promise<StoredTag>;
  abortMultipart(key: string, uploadId: string, signal: AbortSignal): Promise<void>;
  get(key: string, range: BlobRange, signal: AbortSignal): Promise<BlobBody>;
  /** HEAD. */
  stat(key: string, signal: AbortSignal): Promise<BlobStat>;
  /** HEAD of one part of an object that was uploaded in parts. Stores that know no parts answer for the whole object. */
  statPart(key: string, partNumber: number, signal: AbortSignal): Promise<PartEntry>;
  /** Up to 1000 keys that begin with `prefix`, in the store's order, without a delimiter. */
  list(prefix: string, token: string | undefined, signal: AbortSignal): Promise<BlobPage>;
  /** Succeeds also where there is no such object. */
  delete(key: string, signal: AbortSignal): Promise<void>;
  close(): void;
}
