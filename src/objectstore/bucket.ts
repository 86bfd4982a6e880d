/**
 * What the transfer code needs of a provider: an open bucket that takes files, gives byte ranges, lists and deletes.
 *
 * Each provider has a folder with a function that opens one (providers.ts). How a large file travels (parts, blocks, resumable
 * sessions) is the provider's own business below `putFile`; everything above this interface is shared.
 *
 * Methods throw `StoreFailure`, or an error of ours where the login fails. `putFile` repeats its requests by itself, because only it
 * knows which may be repeated; all others send one request and leave repeating to the caller. Keys are as the store spells them:
 * escaped by `escapeKey`.
 *
 * @module
 */
import type { FileHandle } from "node:fs/promises";
import type { Retrier } from "./retry.ts";
import type { OfferedChecksum } from "./digests/checksums.ts";
import type { Digests } from "./digests/digests.ts";
import type { SmallFiles } from "./transfer/small-files.ts";
import type { BufferPool, ByteBudget } from "./transfer/run-bounded.ts";

/** What an answer says about stored bytes. */
export interface StoredTag {
  /** Names the version of the object. Without quotes; "" when the answer has none. */
  readonly etag: string;
  /** Whether the tag may be the MD5 digest of the whole object, or the digest of its parts' digests with their number. */
  readonly isContentDigest: boolean;
  /** Of just the bytes that the answer is about: of the object, or of the range. Cheapest algorithm first. */
  readonly checksums: readonly OfferedChecksum[];
}

/** An object as a listing names it. */
export interface BlobEntry {
  readonly key: string;
  readonly sizeBytes: number;
  readonly etag: string;
}

/** What a store answers about one object without its content. */
export interface BlobStat extends BlobEntry {
  readonly tag: StoredTag;
}

/** A piece of a listing. */
export interface BlobPage {
  readonly entries: readonly BlobEntry[];
  /** Absent on the last page. */
  readonly nextToken?: string;
}

/** Bytes that a store sends. Read once. */
export interface BlobContent {
  /**
   * The bytes as they arrive, about `batchBytes` at a time; each batch is valid until the next one is asked for. What arrived before a
   * failure comes before it.
   */
  batches(batchBytes: number): AsyncGenerator<readonly Buffer[]>;
  /** Ends the answer where it is not over; nothing otherwise. */
  destroy(): void;
}

/** The content of an object, or of a range of it. Whoever gets it must read or destroy the content. */
export interface BlobBody {
  readonly content: BlobContent;
  readonly tag: StoredTag;
  /** Position of the first byte in the object: 0 when the store ignored the asked range. */
  readonly offset: number;
  /** Whether the answer is a part of the object (HTTP 206). */
  readonly isPartial: boolean;
}

/** Which bytes of which version of an object. */
export interface BlobRange {
  readonly offset: number;
  /** Absent: to the end. */
  readonly lengthBytes?: number;
  /** Whether the object is one of hundreds of small ones; default false. */
  readonly isOneOfMany?: boolean;
  /** The answer must be of the object with this tag; another one fails with status 412. */
  readonly etag?: string;
}

/** A regular file of this disk that is to become an object. */
export interface SourceFile {
  /** Open for reading; closed by the caller. Absent where all of it is in `head`. */
  readonly file?: FileHandle;
  /** For messages. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly contentType: string;
  /** Its first bytes, as far as they have been read already; of a small file all. */
  readonly head?: Buffer;
  /** Of all its bytes. */
  readonly digests?: KnownDigests;
}

/** Digests of the content of a file in hex, as far as they are known. */
export type KnownDigests = Readonly<Partial<Record<"md5" | "sha256", string>>>;

/** What all transfers of a run share. */
export interface TransferTools {
  readonly retrier: Retrier;
  /** Bounds the bytes held in memory at once. */
  readonly budget: ByteBudget;
  readonly buffers: BufferPool;
  /** Computes digests of large pieces beside what the event loop does. */
  readonly digests: Digests;
  /** Reads and writes small files beside what the event loop does. */
  readonly smallFiles: SmallFiles;
  /** Aborted when the store is closed. */
  readonly signal: AbortSignal;
}

/** Lengths that the parts of an object may have: all of one length but the last. */
export interface PartSizes {
  readonly sizes: readonly number[];
  /** The store told; otherwise they are guesses, and none of them matching means nothing. */
  readonly isCertain: boolean;
}

/** A bucket of a provider, logged in. */
export interface Bucket {
  /** How many small objects may be under way at once. Absent: some dozens. */
  readonly smallAtOnce?: number;
  /** What `putFile` has to know of small files besides their bytes. Absent: nothing. */
  readonly smallDigests?: () => readonly ("md5" | "sha256")[];
  /** The key as it is written to the store; `unescapeKey` (object-key.ts) is the inverse for every provider. */
  escapeKey(key: string): string;
  /**
   * Makes the file an object, in constant memory, with requests repeated. What was stored is checked by what the store says of it,
   * at least by its length. A failed upload leaves no object and nothing half written.
   */
  putFile(key: string, source: SourceFile, tools: TransferTools): Promise<void>;
  getRange(key: string, range: BlobRange, signal: AbortSignal): Promise<BlobBody>;
  stat(key: string, signal: AbortSignal): Promise<BlobStat>;
  /**
   * What an object of so many parts was cut into, where its checksum is made of theirs. Absent where the store's checksums are always
   * of the whole object.
   */
  partSizes?(entry: BlobEntry, parts: number, tools: TransferTools): Promise<PartSizes>;
  /** Some hundred or thousand keys that begin with `prefix`, in the store's order, without a delimiter. */
  list(prefix: string, token: string | undefined, signal: AbortSignal): Promise<BlobPage>;
  /** Removes the object. One that is not there is no failure. */
  delete(key: string, signal: AbortSignal): Promise<void>;
  close(): void;
}
