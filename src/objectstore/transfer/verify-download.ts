/**
 * Whether the bytes of a download are those the store holds, judged by what its answers offer: a checksum or the MD5 of the object, or
 * one made of those of its parts where the size of the parts can be found out.
 *
 * The file is read again, in small pieces: parts and ranges arrive in any order, and what counts is what is on the disk. Where parts have
 * digests of their own, or those of pieces can be joined, that happens while others still arrive. One proof is enough, the cheapest one
 * is taken (docs/adr/0046-checksums-of-large-objects.md).
 *
 * Source: docs/spec/object-stores.md#decision-checksums.
 *
 * @module
 */
import type { FileHandle } from "node:fs/promises";
import type { BlobEntry, StoredTag } from "../bucket.ts";
import { createChecksum, isMd5 } from "../digests/checksums.ts";
import type { ChecksumAlgorithm } from "../digests/checksums.ts";
import type { FileRegion } from "../digests/digests.ts";
import { isCrc } from "../digests/crc-join.ts";
import { JoinedCrc } from "../digests/joined-crc.ts";
import { PartDigests } from "../digests/part-digests.ts";
import type { TransferContext } from "./upload.ts";

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

/** A check that goes along with a download. */
export interface Verification {
  /** To be told of every byte once, as soon as it is on the disk. */
  onWritten(region: FileRegion): void;
  /** When all is there. @returns What is wrong, for a message; `undefined` when the bytes are right, or nothing is offered that could tell. */
  findDamage(): Promise<string | undefined>;
  /** Waits until nothing reads the file any more; needed where `findDamage` was not called. */
  settle(): Promise<void>;
}

/** Finds out what the bytes can be checked by. @param tag Of the object, as the store answered for the whole of it. */
export async function startVerification(
  context: TransferContext,
  entry: BlobEntry,
  file: FileHandle,
  tag: StoredTag,
): Promise<Verification> {
  const { bucket, digests } = context;
  const claims = claimsOf(tag);
  const whole = claims.find(({ parts }) => parts === undefined);
  if (whole !== undefined) return verifyWhole(context, entry, file, whole);
  const [composite] = claims;
  if (composite?.parts === undefined || bucket.partSizes === undefined) return verifyAtTheEnd(() => Promise.resolve(undefined));
  const { sizes, isCertain } = await bucket.partSizes(entry, composite.parts, context);
  const [likely, ...others] = sizes.map(
    (partBytes) => new PartDigests(digests, { file, sizeBytes: entry.sizeBytes, partBytes }, composite.algorithm),
  );
  return {
    onWritten: (region) => likely?.onWritten(region),
    async findDamage() {
      for (const parts of likely === undefined ? [] : [likely, ...others]) {
        if (joinDigests(composite, await parts.all()) === composite.value) return undefined;
      }
      return isCertain ? damage(composite) : undefined;
    },
    settle: async () => await likely?.settle(),
  };
}

/** A CRC is joined from those of pieces, which go along with the download; other digests take one byte after the other. */
function verifyWhole({ digests }: TransferContext, { sizeBytes }: BlobEntry, file: FileHandle, claim: Claim): Verification {
  const { algorithm, encoding, value } = claim;
  const judge = (digest: Buffer): string | undefined => (digest.toString(encoding) === value ? undefined : damage(claim));
  if (!isCrc(algorithm)) {
    return verifyAtTheEnd(async () => judge(await digests.ofRegion(file, { start: 0, end: sizeBytes }, algorithm)));
  }
  const crc = new JoinedCrc(digests, { file, sizeBytes }, algorithm);
  return {
    onWritten: (region) => crc.onWritten(region),
    findDamage: async () => judge(await crc.digest()),
    settle: async () => await crc.settle(),
  };
}

function verifyAtTheEnd(findDamage: () => Promise<string | undefined>): Verification {
  return { onWritten() {}, findDamage, settle: () => Promise.resolve() };
}

/** As stores make one checksum of many. */
function joinDigests({ algorithm, encoding }: Claim, parts: readonly Buffer[]): string {
  const joined = createChecksum(algorithm);
  for (const part of parts) joined.update(part);
  return joined.digest().toString(encoding);
}

/** Whether a range of the file has a checksum that the store offered for just that range. */
export async function isRegionIntact(
  { digests }: TransferContext,
  file: FileHandle,
  region: FileRegion,
  { checksums }: StoredTag,
): Promise<boolean> {
  const offered = checksums.find(({ parts }) => parts === undefined);
  if (offered === undefined) return true;
  return (await digests.ofRegion(file, region, offered.algorithm)).toString("base64") === offered.value;
}

function damage({ name }: Claim): string {
  const hint = name === "ETag" ? "; if this store's ETags are not digests, set KFP_VERIFY_ETAG=off" : "";
  return `the received bytes differ from the stored ones (${name} does not match)${hint}`;
}

/** What all bytes of an object must give; `undefined` where nothing is offered. */
export function claimOfWhole(tag: StoredTag): Pick<Claim, "algorithm" | "encoding" | "value"> | "of parts" | undefined {
  const claims = claimsOf(tag);
  const whole = claims.find(({ parts }) => parts === undefined);
  return whole ?? (claims.length === 0 ? undefined : "of parts");
}

/** Whether a tag is made of those of parts, as far as its form tells. */
export function isOfParts(etag: string): boolean {
  return /-\d+$/.test(etag);
}

/** Cheapest first: MD5 comes after CRCs and before SHA. */
function claimsOf({ etag, isContentDigest, checksums }: StoredTag): Claim[] {
  const claims = checksums.map(({ algorithm, value, parts }): Claim => {
    const name = `checksum ${algorithm}`;
    return { name, algorithm, encoding: "base64", value, ...(parts === undefined ? {} : { parts }) };
  });
  const cheap = claims.filter(({ algorithm }) => isCrc(algorithm));
  const others = claims.filter((claim) => !cheap.includes(claim));
  return [...cheap, ...(isContentDigest ? etagClaims(etag) : []), ...others];
}

function etagClaims(etag: string): Claim[] {
  const base = { name: "ETag", algorithm: "md5", encoding: "hex" } as const;
  if (isMd5(etag)) return [{ ...base, value: etag }];
  const [, value = "", parts = ""] = /^([0-9a-f]{32})-([1-9]\d{0,4})$/.exec(etag) ?? [];
  return value === "" ? [] : [{ ...base, value, parts: Number(parts) }];
}
