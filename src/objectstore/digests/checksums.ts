/**
 * The checksums an S3 store may offer for an object, and computing them piece by piece.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { createCrc } from "./crc.ts";

/** What a checksum is computed with. */
export type ChecksumAlgorithm = "crc32" | "sha256" | "sha1" | "crc32c" | "crc64nvme" | "md5";

/** Cheapest first (bench/digests.ts). */
export const CHECKSUM_ALGORITHMS: readonly Exclude<ChecksumAlgorithm, "md5">[] = [
  "crc32",
  "crc32c",
  "crc64nvme",
  "sha1",
  "sha256",
];

/** What an answer says the bytes must give. */
export interface OfferedChecksum {
  readonly algorithm: ChecksumAlgorithm;
  /** Base64, without the number of parts. */
  readonly value: string;
  /** Where the checksum is of the checksums of that many parts. */
  readonly parts?: number;
}

/** A checksum under way: fed piece by piece, asked once. */
export interface Checksum {
  update(bytes: Uint8Array): void;
  digest(): Buffer;
}

/** Begins a checksum. */
export function createChecksum(algorithm: ChecksumAlgorithm): Checksum {
  switch (algorithm) {
    case "crc32c":
    case "crc64nvme":
      return createCrc(algorithm);
    case "crc32":
      return createCrc32();
    case "md5":
    case "sha1":
    case "sha256": {
      const hash = createHash(algorithm);
      return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest() };
    }
  }
}

function createCrc32(): Checksum {
  let value = 0;
  return {
    update(bytes) {
      value = crc32(bytes, value);
    },
    digest() {
      const digest = Buffer.alloc(4);
      digest.writeUInt32BE(value);
      return digest;
    },
  };
}

/** Whether a tag has the shape of an MD5 digest in hex. */
export function isMd5(etag: string): boolean {
  return /^[0-9a-f]{32}$/.test(etag);
}

/** Reads the `x-amz-checksum-*` headers of an answer, cheapest algorithm first. What is not a checksum is passed over. */
export function offeredChecksums(headers: Readonly<Record<string, string | string[] | undefined>>): OfferedChecksum[] {
  return CHECKSUM_ALGORITHMS.flatMap((algorithm) => {
    const text = headers[`x-amz-checksum-${algorithm}`];
    const match = typeof text === "string" ? /^([A-Za-z0-9+/]+={0,2})(?:-(\d{1,5}))?$/.exec(text.trim()) : null;
    if (match?.[1] === undefined) return [];
    // One part's checksum of checksums is still not the checksum of the object.
    return [{ algorithm, value: match[1], ...(match[2] === undefined ? {} : { parts: Number(match[2]) }) }];
  });
}
