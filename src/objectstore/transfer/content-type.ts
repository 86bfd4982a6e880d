/**
 * Content type of an upload, sniffed from its first 512 bytes; the name is not looked at.
 *
 * The table follows the WHATWG MIME sniffing standard in the selection and order that Go's net/http uses, because the reference
 * launcher uploads with that. Pure.
 *
 * Source: docs/spec/object-stores.md#upload, #decision-content-type.
 *
 * @module
 */

/** Bytes at the start of a file that decide. */
export const SNIFF_BYTES = 512;

const TEXT = "text/plain; charset=utf-8";
const HTML = "text/html; charset=utf-8";

const HTML_TAGS = [
  "<!DOCTYPE HTML",
  "<HTML",
  "<HEAD",
  "<SCRIPT",
  "<IFRAME",
  "<H1",
  "<DIV",
  "<FONT",
  "<TABLE",
  "<A",
  "<STYLE",
  "<TITLE",
  "<B",
  "<BODY",
  "<BR",
  "<P",
  "<!--",
];

/** `.` stands for any byte. Written as latin-1 text so that the table stays readable. */
const SIGNATURES: readonly (readonly [pattern: string, type: string])[] = [
  ["%PDF-", "application/pdf"],
  ["%!PS-Adobe-", "application/postscript"],
  ["\xfe\xff..", "text/plain; charset=utf-16be"],
  ["\xff\xfe..", "text/plain; charset=utf-16le"],
  ["\xef\xbb\xbf.", TEXT],
  ["\0\0\x01\0", "image/x-icon"],
  ["\0\0\x02\0", "image/x-icon"],
  ["BM", "image/bmp"],
  ["GIF87a", "image/gif"],
  ["GIF89a", "image/gif"],
  ["RIFF....WEBPVP", "image/webp"],
  ["\x89PNG\r\n\x1a\n", "image/png"],
  ["\xff\xd8\xff", "image/jpeg"],
  ["FORM....AIFF", "audio/aiff"],
  ["ID3", "audio/mpeg"],
  ["OggS\0", "application/ogg"],
  ["MThd\0\0\0\x06", "audio/midi"],
  ["RIFF....AVI ", "video/avi"],
  ["RIFF....WAVE", "audio/wave"],
  ["\x1aE\xdf\xa3", "video/webm"],
  [`${".".repeat(34)}LP`, "application/vnd.ms-fontobject"],
  ["\0\x01\0\0", "font/ttf"],
  ["OTTO", "font/otf"],
  ["ttcf", "font/collection"],
  ["wOFF", "font/woff"],
  ["wOF2", "font/woff2"],
  ["\x1f\x8b\x08", "application/x-gzip"],
  ["PK\x03\x04", "application/zip"],
  ["Rar!\x1a\x07\0", "application/x-rar-compressed"],
  ["Rar!\x1a\x07\x01\0", "application/x-rar-compressed"],
  ["\0asm", "application/wasm"],
];

/** The content type of a file that starts with `head`; only the first 512 bytes count. An empty file is text. */
export function sniffContentType(head: Uint8Array): string {
  const data = head.subarray(0, SNIFF_BYTES);
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("latin1");
  const trimmed = bytes.replace(/^[\t\n\f\r ]+/, "");
  const upper = trimmed.toUpperCase();
  if (HTML_TAGS.some((tag) => upper.startsWith(tag) && " >".includes(upper[tag.length] ?? "?"))) return HTML;
  if (trimmed.startsWith("<?xml")) return "text/xml; charset=utf-8";
  for (const [pattern, type] of SIGNATURES) if (matches(bytes, pattern)) return type;
  if (isMp4(bytes)) return "video/mp4";
  return hasBinaryByte(data) ? "application/octet-stream" : TEXT;
}

function matches(bytes: string, pattern: string): boolean {
  if (bytes.length < pattern.length) return false;
  for (let i = 0; i < pattern.length; i++) if (pattern[i] !== "." && pattern[i] !== bytes[i]) return false;
  return true;
}

/** An ISO base media file whose major or compatible brands include one that begins with "mp4". */
function isMp4(bytes: string): boolean {
  if (bytes.length < 12) return false;
  const boxSize = Buffer.from(bytes.slice(0, 4), "latin1").readUInt32BE();
  if (bytes.length < boxSize || boxSize % 4 !== 0 || bytes.slice(4, 8) !== "ftyp") return false;
  for (let at = 8; at < boxSize; at += 4) if (at !== 12 && bytes.startsWith("mp4", at)) return true;
  return false;
}

/** Control characters that no text holds: all below 0x20 but TAB, LF, FF, CR and ESC. */
function hasBinaryByte(data: Uint8Array): boolean {
  return data.some((byte) => byte <= 0x08 || byte === 0x0b || (byte >= 0x0e && byte <= 0x1a) || (byte >= 0x1c && byte <= 0x1f));
}
