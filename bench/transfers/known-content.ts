/**
 * The content of every object of the transfer benchmark: one block, again and again. Both sides know it, so that the server can name the
 * digest of a body without computing it each time, and answers downloads from memory.
 *
 * @module
 */
import { createCipheriv, createHash } from "node:crypto";
import { crc32 } from "node:zlib";

export const BLOCK_BYTES = 1024 * 1024;

/** Bytes that compress badly, the same in every process. */
export const BLOCK: Buffer = createCipheriv("aes-128-ctr", Buffer.alloc(16, 1), Buffer.alloc(16, 2)).update(
  Buffer.alloc(BLOCK_BYTES),
);

/** Of so many bytes of content that begin where a block begins; computed once for each length. */
function remembered(compute: (blocks: Iterable<Buffer>) => string): (sizeBytes: number) => string {
  const known = new Map<number, string>();
  return (sizeBytes) => {
    const digest = known.get(sizeBytes) ?? compute(blocksOf(sizeBytes));
    known.set(sizeBytes, digest);
    return digest;
  };
}

function* blocksOf(sizeBytes: number): Generator<Buffer> {
  for (let left = sizeBytes; left > 0; left -= BLOCK_BYTES) yield left < BLOCK_BYTES ? BLOCK.subarray(0, left) : BLOCK;
}

/** In hex. */
export const contentMd5 = remembered((blocks) => {
  const hash = createHash("md5");
  for (const block of blocks) hash.update(block);
  return hash.digest("hex");
});

/** In Base64, as stores write it. */
export const contentCrc32 = remembered((blocks) => {
  let value = 0;
  for (const block of blocks) value = crc32(block, value);
  const digest = Buffer.alloc(4);
  digest.writeUInt32BE(value);
  return digest.toString("base64");
});

/** The ETag that S3 gives an object: MD5 of the whole, or of the digests of its parts with their number. */
export function contentTag(parts: readonly number[], isMultipart: boolean): string {
  if (!isMultipart) return contentMd5(parts[0] ?? 0);
  const digests = parts.map((sizeBytes) => Buffer.from(contentMd5(sizeBytes), "hex"));
  return `${createHash("md5").update(Buffer.concat(digests)).digest("hex")}-${String(parts.length)}`;
}
