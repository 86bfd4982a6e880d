/**
 * The content of every object of the transfer benchmark: one block, again and again. Both sides know it, so that the server can name the
 * digest of a body without computing it each time, and answers downloads from memory.
 *
 * @module
 */
import { createCipheriv, createHash } from "node:crypto";

export const BLOCK_BYTES = 1024 * 1024;

/** Bytes that compress badly, the same in every process. */
export const BLOCK: Buffer = createCipheriv("aes-128-ctr", Buffer.alloc(16, 1), Buffer.alloc(16, 2)).update(
  Buffer.alloc(BLOCK_BYTES),
);

const known = new Map<number, string>();

/** MD5 of so many bytes of content that begin where a block begins. */
export function contentMd5(sizeBytes: number): string {
  const found = known.get(sizeBytes);
  if (found !== undefined) return found;
  const hash = createHash("md5");
  for (let left = sizeBytes; left > 0; left -= BLOCK_BYTES) hash.update(left < BLOCK_BYTES ? BLOCK.subarray(0, left) : BLOCK);
  const digest = hash.digest("hex");
  known.set(sizeBytes, digest);
  return digest;
}

/** The ETag that S3 gives an object: MD5 of the whole, or of the digests of its parts with their number. */
export function contentTag(parts: readonly number[], isMultipart: boolean): string {
  if (!isMultipart) return contentMd5(parts[0] ?? 0);
  const digests = parts.map((sizeBytes) => Buffer.from(contentMd5(sizeBytes), "hex"));
  return `${createHash("md5").update(Buffer.concat(digests)).digest("hex")}-${String(parts.length)}`;
}
