/**
 * The head of a plain HTTP/1.1 answer whose length is known, or that comes in few chunks. Pure.
 *
 * Read strictly and without options: whatever is out of the ordinary is left to Node's own client.
 *
 * Standard: RFC 9112, sections 4 to 6.
 *
 * @module
 */

/** Digits of the length of a chunk. */
const LONGEST_SIZE = 8;

export interface ResponseHead {
  readonly status: number;
  /** Names in lower case; several of one name joined by commas. */
  readonly headers: Readonly<Record<string, string>>;
  readonly contentBytes: number;
  /** Whether the connection may be used again. */
  readonly isKeptAlive: boolean;
}

/**
 * @param text From the status line to the last header, without the empty line.
 * @returns `undefined` for anything but an answer of HTTP/1.1 that says how long its content is and sends it as it is.
 */
export function parseResponseHead(text: string): ResponseHead | undefined {
  const head = parseLines(text);
  if (head === undefined) return undefined;
  const { "content-length": length = "" } = head.headers;
  if (!/^\d{1,15}$/.test(length) || "transfer-encoding" in head.headers) return undefined;
  return { ...head, contentBytes: Number(length) };
}

/** The same of an answer that comes in chunks. */
export function parseChunkedHead(text: string): Omit<ResponseHead, "contentBytes"> | undefined {
  const head = parseLines(text);
  const isChunked = head?.headers["transfer-encoding"]?.toLowerCase() === "chunked" && !("content-length" in head.headers);
  return isChunked ? head : undefined;
}

/**
 * Puts the content of chunks together, where they lie, once all are there. Extensions and trailers are not read.
 *
 * @returns its length; `undefined` when the end is not there yet, `NaN` when these are no such chunks.
 */
export function joinChunks(bytes: Buffer): number | undefined {
  const chunks: Buffer[] = [];
  for (let at = 0; ;) {
    const end = bytes.indexOf("\r\n", at);
    if (end === -1) return bytes.length - at > LONGEST_SIZE + 1 ? Number.NaN : undefined;
    const size = bytes.toString("latin1", at, Math.min(end, at + LONGEST_SIZE + 1));
    if (!/^[0-9a-fA-F]{1,8}$/.test(size)) return Number.NaN;
    const length = Number.parseInt(size, 16);
    const start = end + 2;
    if (bytes.length < start + length + 2) return undefined;
    if (bytes.toString("latin1", start + length, start + length + 2) !== "\r\n") return Number.NaN;
    at = start + length + 2;
    if (length > 0) chunks.push(bytes.subarray(start, start + length));
    // More than the answer is none of its chunks.
    else return at === bytes.length ? Buffer.concat(chunks).copy(bytes) : Number.NaN;
  }
}

function parseLines(text: string): Omit<ResponseHead, "contentBytes"> | undefined {
  const [first = "", ...lines] = text.split("\r\n");
  const status = /^HTTP\/1\.1 ([2-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/.exec(first)?.[1];
  if (status === undefined) return undefined;
  const headers: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const line of lines) {
    const [, name = "", value = ""] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t ]*([\t\x20-\x7e\x80-\xff]*?)[\t ]*$/.exec(line) ?? [];
    if (name === "") return undefined;
    const known = headers[name.toLowerCase()];
    headers[name.toLowerCase()] = known === undefined ? value : `${known}, ${value}`;
  }
  const { connection = "" } = headers;
  if ("content-encoding" in headers) return undefined;
  const options = connection.toLowerCase().split(/[\t ,]+/);
  return { status: Number(status), headers, isKeptAlive: !options.includes("close") };
}
