/**
 * Whether the bytes of a download are those the store holds, judged by what its answers offer: a checksum or the MD5 of the object, or
 * one made of those of its parts where the size of the parts can be found out.
 *
 * The file is read again, in small pieces: parts and ranges arrive in any order, and what counts is what is on the disk. One proof is
 * enough, the cheapest one is taken.
 *
 * Source: docs/spec/object-stores.md#decision-checksums.
 *
 * @module
 */
import type { FileHandle } from "node:fs/promises";
import type { BlobEntry, StoredTag } from "../bucket.ts";
import { StoreFailure } from "../store-failure.ts";
import { createChecksum, isMd5 } from "./checksums.ts";
import type { ChecksumAlgorithm } from "./checksums.ts";
import type { TransferContext } from "./upload.ts";

const PIECE_BYTES = 256 * 1024;

/** Where bytes lie in the file. */
export interface FileRegion {
  readonly start: number;
  /** Position after the last byte. */
  readonly end: number;
}

/** What the store says about the bytes. */
interface Claim {
  /** For messages. */
  readonly name: string;
  readonly algorithm: ChecksumAlgorithm;
  readonly encoding: "hex" | "base64";
  readonly value: string;
  /** Where it is made of so many parts' checksums. */
  readonly parts?: number;
}

/**
 * @param tag Of the object, as the store answered for the whole of it.
 * @returns What is wrong, for a message; `undefined` when the bytes are right, or nothing is offered that could tell.
 */
export async function findDamage(
  context: TransferContext,
  entry: BlobEntry,
  file: FileHandle,
  tag: StoredTag,
): Promise<string | undefined> {
  const claims = claimsOf(tag);
  const whole = claims.find(({ parts }) => parts === undefined);
  if (whole !== undefined) {
    const digest = await digestOf(file, { start: 0, end: entry.sizeBytes }, whole.algorithm);
    return digest.toString(whole.encoding) === whole.value ? undefined : damage(whole);
  }
  const [composite] = claims;
  if (composite?.parts === undefined || context.bucket.partSizes === undefined) return undefined;
  const { sizes, isCertain } = await context.bucket.partSizes(entry, composite.parts, context);
  for (const partBytes of sizes) if (await matchesParts(file, entry.sizeBytes, composite, partBytes)) return undefined;
  return isCertain ? damage(composite) : undefined;
}

/** Whether a range of the file has a checksum that the store offered for just that range. */
export async function isRegionIntact(file: FileHandle, region: FileRegion, { checksums }: StoredTag): Promise<boolean> {
  const offered = checksums.find(({ parts }) => parts === undefined);
  if (offered === undefined) return true;
  return (await digestOf(file, region, offered.algorithm)).toString("base64") === offered.value;
}

function damage({ name }: Claim): string {
  const hint = name === "ETag" ? "; if this store's ETags are not digests, set KFP_VERIFY_ETAG=off" : "";
  return `the received bytes differ from the stored ones (${name} does not match)${hint}`;
}

/** Cheapest first. */
function claimsOf({ etag, isContentDigest, checksums }: StoredTag): Claim[] {
  const claims = checksums.map(({ algorithm, value, parts }): Claim => {
    const name = `checksum ${algorithm}`;
    return { name, algorithm, encoding: "base64", value, ...(parts === undefined ? {} : { parts }) };
  });
  const native = claims.filter(({ algorithm }) => algorithm !== "crc32c" && algorithm !== "crc64nvme");
  const others = claims.filter((claim) => !native.includes(claim));
  return [...native, ...(isContentDigest ? etagClaims(etag) : []), ...others];
}

function etagClaims(etag: string): Claim[] {
  const base = { name: "ETag", algorithm: "md5", encoding: "hex" } as const;
  if (isMd5(etag)) return [{ ...base, value: etag }];
  const [, value = "", parts = ""] = /^([0-9a-f]{32})-([1-9]\d{0,4})$/.exec(etag) ?? [];
  return value === "" ? [] : [{ ...base, value, parts: Number(parts) }];
}

async function matchesParts(file: FileHandle, sizeBytes: number, claim: Claim, partBytes: number): Promise<boolean> {
  const ofParts = createChecksum(claim.algorithm);
  for (let start = 0; start < sizeBytes; start += partBytes) {
    ofParts.update(await digestOf(file, { start, end: Math.min(start + partBytes, sizeBytes) }, claim.algorithm));
  }
  return ofParts.digest().toString(claim.encoding) === claim.value;
}

async function digestOf(file: FileHandle, { start, end }: FileRegion, algorithm: ChecksumAlgorithm): Promise<Buffer> {
  const checksum = createChecksum(algorithm);
  const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, Math.max(end - start, 1)));
  for (let position = start; position < end;) {
    const { bytesRead } = await file.read(piece, 0, Math.min(piece.length, end - position), position);
    if (bytesRead === 0) throw new StoreFailure("the downloaded file became shorter while it was verified");
    checksum.update(piece.subarray(0, bytesRead));
    position += bytesRead;
  }
  return checksum.digest();
}
