/**
 * The head of a plain HTTP/1.1 answer whose length is known. Pure.
 *
 * Read strictly and without options: whatever is out of the ordinary is left to Node's own client.
 *
 * Standard: RFC 9112, sections 4 to 6.
 *
 * @module
 */

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
  const { "content-length": length = "", connection = "" } = headers;
  if (!/^\d{1,15}$/.test(length) || "transfer-encoding" in headers || "content-encoding" in headers) return undefined;
  const options = connection.toLowerCase().split(/[\t ,]+/);
  return { status: Number(status), headers, contentBytes: Number(length), isKeptAlive: !options.includes("close") };
}
