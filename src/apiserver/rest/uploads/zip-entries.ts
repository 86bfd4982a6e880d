/**
 * The files of a zip archive in memory. Pure but for the inflating.
 *
 * The list at the end of the archive decides, as in every careful reader; what stands before a file's own bytes is only passed over.
 * Archives in several parts, encrypted ones and methods other than stored and deflated are refused. So are sizes of zip64, which start
 * where no upload gets.
 *
 * @module
 */
import { promisify } from "node:util";
import { crc32, inflateRaw } from "node:zlib";

/** A file, still packed. */
export interface ZipFile {
  readonly name: string;
  readonly method: number;
  readonly checksum: number;
  readonly packedSize: number;
  /** As the list says; reading checks it. */
  readonly size: number;
  readonly headerOffset: number;
}

const END_SIGNATURE = 0x06054b50;
const END_BYTES = 22;
const LONGEST_COMMENT = 0xffff;
const LIST_SIGNATURE = 0x02014b50;
const LIST_BYTES = 46;
const HEADER_SIGNATURE = 0x04034b50;
const HEADER_BYTES = 30;
const MAX_ENTRIES = 10_000;
const ENCRYPTED = 1;
const STORED = 0;
const DEFLATED = 8;

/**
 * Lists the files in their order; names of folders end with a slash.
 *
 * @throws {Error} The bytes are not a zip archive, or one of a kind that is not read here.
 */
export function zipFiles(archive: Buffer): ZipFile[] {
  const end = endOfList(archive);
  const count = archive.readUInt16LE(end + 10);
  if (archive.readUInt16LE(end + 4) !== 0 || archive.readUInt16LE(end + 8) !== count) throw new Error("it has several parts");
  if (count > MAX_ENTRIES) throw new Error(`it has more than ${MAX_ENTRIES} entries`);
  const files: ZipFile[] = [];
  let at = archive.readUInt32LE(end + 16);
  for (let index = 0; index < count; index += 1) {
    if (at + LIST_BYTES > archive.length || archive.readUInt32LE(at) !== LIST_SIGNATURE) throw new Error("its list is broken");
    if ((archive.readUInt16LE(at + 8) & ENCRYPTED) !== 0) throw new Error("it is encrypted");
    const nameLength = archive.readUInt16LE(at + 28);
    files.push({
      // Names in old code pages come out with other letters, which no name looked for here has.
      name: archive.subarray(at + LIST_BYTES, at + LIST_BYTES + nameLength).toString(),
      method: archive.readUInt16LE(at + 10),
      checksum: archive.readUInt32LE(at + 16),
      packedSize: archive.readUInt32LE(at + 20),
      size: archive.readUInt32LE(at + 24),
      headerOffset: archive.readUInt32LE(at + 42),
    });
    at += LIST_BYTES + nameLength + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
  }
  return files;
}

/** The end of the list is at the end of the archive, but for a comment. */
function endOfList(archive: Buffer): number {
  const first = Math.max(0, archive.length - END_BYTES - LONGEST_COMMENT);
  for (let at = archive.length - END_BYTES; at >= first; at -= 1) {
    const isEnd = archive.readUInt32LE(at) === END_SIGNATURE;
    if (isEnd && at + END_BYTES + archive.readUInt16LE(at + 20) === archive.length) return at;
  }
  throw new Error("it is not a zip archive, or ends early");
}

/**
 * Unpacks a file.
 *
 * @throws {Error} It is larger than `maxBytes`, of another size or checksum than the list says, or broken.
 */
export async function readZipFile(archive: Buffer, file: ZipFile, maxBytes: number): Promise<Buffer> {
  if (file.size > maxBytes) throw new Error(`its file inflates to more than ${maxBytes} bytes`);
  const { headerOffset: at } = file;
  if (at + HEADER_BYTES > archive.length || archive.readUInt32LE(at) !== HEADER_SIGNATURE) throw new Error("an entry is broken");
  const begin = at + HEADER_BYTES + archive.readUInt16LE(at + 26) + archive.readUInt16LE(at + 28);
  if (begin + file.packedSize > archive.length) throw new Error("it ends early");
  const packed = archive.subarray(begin, begin + file.packedSize);
  const content = await unpack(packed, file);
  if (content.length !== file.size || crc32(content) !== file.checksum) throw new Error("an entry is not what its list says");
  return content;
}

async function unpack(packed: Buffer, { method, size }: ZipFile): Promise<Buffer> {
  switch (method) {
    case STORED:
      return packed;
    case DEFLATED:
      // One byte more than promised is enough to see the lie; the limit must not be zero.
      return await promisify(inflateRaw)(packed, { maxOutputLength: size + 1 });
    default:
      throw new Error("an entry is packed by a method that is not read here");
  }
}
