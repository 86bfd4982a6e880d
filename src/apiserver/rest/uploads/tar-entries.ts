/**
 * The files of a tar archive in memory: ustar, with the long names of GNU and of POSIX (pax). Pure.
 *
 * Only names and contents are of interest here, so links, devices and attributes are passed over.
 *
 * @module
 */

/** A regular file. */
export interface TarFile {
  readonly name: string;
  readonly content: Uint8Array;
}

const BLOCK = 512;
const MAX_ENTRIES = 10_000;

/**
 * Lists the regular files in their order.
 *
 * @throws {Error} The bytes are not a tar archive, or it ends early.
 */
export function tarFiles(archive: Uint8Array): TarFile[] {
  const files: TarFile[] = [];
  let longName: string | undefined;
  let offset = 0;
  for (let entries = 0; offset + BLOCK <= archive.length; entries += 1) {
    const header = archive.subarray(offset, offset + BLOCK);
    if (header.every((byte) => byte === 0)) return files;
    if (entries === MAX_ENTRIES) throw new Error(`it has more than ${MAX_ENTRIES} entries`);
    if (!hasChecksum(header)) throw new Error("it is not a tar archive");
    const size = numberAt(header, 124, 12);
    const begin = offset + BLOCK;
    if (begin + size > archive.length) throw new Error("it ends early");
    const content = archive.subarray(begin, begin + size);
    offset = begin + Math.ceil(size / BLOCK) * BLOCK;
    switch (String.fromCharCode(header[156] ?? 0)) {
      case "L":
        longName = textOf(content);
        break;
      case "x":
        longName = paxPath(content) ?? longName;
        break;
      case "0":
      case "\0":
      case "7":
        files.push({ name: longName ?? nameOf(header), content });
        longName = undefined;
        break;
      default:
        // A global pax header is followed by the entry's own ones; anything else used up the name.
        if (header[156] !== "g".charCodeAt(0)) longName = undefined;
    }
  }
  return files;
}

function nameOf(header: Uint8Array): string {
  const name = textOf(header.subarray(0, 100));
  const isUstar = textOf(header.subarray(257, 262)) === "ustar";
  const prefix = isUstar ? textOf(header.subarray(345, 500)) : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

/** Up to the first zero byte. */
function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return Buffer.from(end === -1 ? bytes : bytes.subarray(0, end)).toString();
}

function numberAt(header: Uint8Array, at: number, length: number): number {
  const text = textOf(header.subarray(at, at + length)).trim();
  if (!/^[0-7]{1,12}$/.test(text)) throw new Error("it has an entry without a size");
  return Number.parseInt(text, 8);
}

/** The sum of the header's bytes, its own field taken as blanks. */
function hasChecksum(header: Uint8Array): boolean {
  const wanted = Number.parseInt(textOf(header.subarray(148, 156)).trim(), 8);
  const sum = header.reduce((total, byte, index) => total + (index >= 148 && index < 156 ? 32 : byte), 0);
  return sum === wanted;
}

/** Records of a pax header are `<length> <key>=<value>\n`. */
function paxPath(content: Uint8Array): string | undefined {
  let path: string | undefined;
  let rest = Buffer.from(content);
  while (rest.length > 0) {
    const length = Number.parseInt(rest.subarray(0, rest.indexOf(" ")).toString(), 10);
    if (!(length > 0) || length > rest.length) throw new Error("it has a broken pax header");
    const record = rest.subarray(0, length - 1).toString();
    const [, key, value] = /^\d+ ([^=]+)=([^]*)$/.exec(record) ?? [];
    if (key === "path") path = value;
    rest = rest.subarray(length);
  }
  return path;
}
