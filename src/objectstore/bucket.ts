/**
 * What the transfer code needs of a store: the S3 operations, one request each, without retries.
 *
 * The two clients (minio-client.ts, s3-client.ts) implement it; everything above them is shared. Methods throw `StoreFailure`.
 * Keys are raw: escaping is done by the caller.
 *
 * @module
 */
import type { Readable } from "node:stream";
import type { OfferedChecksum } from "./transfer/checksums.ts";

/** What the answer to a write says about the stored bytes. */
export interface StoredTag {
  /** Without quotes; "" when the answer has none. */
  readonly etag: string;
  /** False when the answer says that the tag is no digest of the content (encrypted with a key of a key service). */
  readonly isContentDigest: boolean;
  /** Cheapest algorithm first. */
  readonly checksums: readonly OfferedChecksum[];
}

export interface BlobEntry {
  readonly key: string;
  readonly sizeBytes: number;
  readonly etag: string;
}

export interface PartEntry {
  readonly sizeBytes: number;
  /** How many parts the object has; absent where the store does not say. */
  readonly parts?: number;
}

export interface BlobPage {
  readonly entries: readonly BlobEntry[];
  /** Absent on the last page. */
  readonly nextToken?: string;
}

export interface BlobBody {
  readonly stream: Readable;
  readonly tag: StoredTag;
  /** Position of the first byte in the object: 0 when the store ignored the asked range. */
  readonly offset: number;
  /** Whether the answer is a part of the object (HTTP 206). */
  readonly isPartial: boolean;
}

export interface BlobRange {
  readonly offset: number;
  /** Absent: to the end. */
  readonly lengthBytes?: number;
  /** The answer must be of the object with this tag. */
  readonly etag?: string;
}

export interface UploadedPart {
  /** From 1. */
  readonly partNumber: number;
  readonly etag: string;
}

export interface BlobClient {
  put(key: string, body: Buffer, contentType: string, signal: AbortSignal): Promise<StoredTag>;
  /** Answers the id of the upload. */
  startMultipart(key: string, contentType: string, signal: AbortSignal): Promise<string>;
  putPart(key: string, uploadId: string, partNumber: number, body: Buffer, signal: AbortSignal): Promise<StoredTag>;
  completeMultipart(key: string, uploadId: string, parts: readonly UploadedPart[], signal: AbortSignal): Promise<StoredTag>;
  abortMultipart(key: string, uploadId: string, signal: AbortSignal): Promise<void>;
  get(key: string, range: BlobRange, signal: AbortSignal): Promise<BlobBody>;
  /** HEAD. */
  stat(key: string, signal: AbortSignal): Promise<BlobEntry & { readonly tag: StoredTag }>;
  /** HEAD of one part of an object that was uploaded in parts. Stores that know no parts answer for the whole object. */
  statPart(key: string, partNumber: number, signal: AbortSignal): Promise<PartEntry>;
  /** Up to 1000 keys that begin with `prefix`, in the store's order, without a delimiter. */
  list(prefix: string, token: string | undefined, signal: AbortSignal): Promise<BlobPage>;
  close(): void;
}

export interface StoreFailureOptions {
  /** HTTP status of the answer, absent when there was none. */
  readonly status?: number;
  /** Error code of the protocol (`NoSuchKey`) or of the operating system (`ECONNRESET`). */
  readonly reason?: string;
  /** Where the bucket lies, where the answer says so. */
  readonly region?: string;
  /** When the store answered, by its own clock, in ms since 1970. */
  readonly answeredAtMs?: number;
  /** How often it was tried, where more than once. */
  readonly tries?: number;
  readonly cause?: unknown;
}

/** One failed request, in neutral terms. */
export class StoreFailure extends Error {
  readonly status: number | undefined;
  readonly reason: string | undefined;
  readonly region: string | undefined;
  readonly answeredAtMs: number | undefined;
  readonly tries: number;

  constructor(message: string, options: StoreFailureOptions = {}) {
    super(message, { cause: options.cause });
    this.name = "StoreFailure";
    this.status = options.status;
    this.reason = options.reason;
    this.region = options.region;
    this.answeredAtMs = options.answeredAtMs;
    this.tries = options.tries ?? 1;
  }
}
