/**
 * Files as answers: with ranges, never larger in memory than a few pieces, and harmless in a browser.
 *
 * @module
 */
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { RestAnswer, RestRequest } from "../http/endpoint.ts";
import { RequestProblem } from "../http/error-answer.ts";
import type { ArtifactFile } from "./artifact-files.ts";
import { parseByteRange } from "./byte-range.ts";

/** Files are what users' programs wrote, so a browser must not take one for a page of the server. */
const HARMLESS = {
  "content-security-policy": "sandbox; default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'",
  "accept-ranges": "bytes",
};

/** A client that takes nothing for so long is cut. */
const CLIENT_TIMEOUT_MS = 60_000;

const TYPES: Readonly<Record<string, string>> = {
  json: "application/json",
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
};
const TEXTS = new Set(["", "txt", "log", "md", "csv", "tsv", "yaml", "yml", "html", "htm", "xml", "svg", "py"]);

/** By the end of the name; pages and pictures that may hold scripts are plain text. */
export function contentTypeOf(name: string): string {
  const end = /\.([A-Za-z0-9]+)$/.exec(name)?.[1]?.toLowerCase() ?? "";
  return TEXTS.has(end) ? "text/plain; charset=utf-8" : (TYPES[end] ?? "application/octet-stream");
}

/**
 * Answers a file or the part of it that was asked for, and closes it.
 *
 * @param options.peek Only so many bytes of the beginning.
 * @throws {RequestProblem} 416 for a range behind the end; the file is closed.
 */
export async function fileAnswer(
  file: ArtifactFile,
  request: Pick<RestRequest, "headers">,
  options: { readonly name: string; readonly peek?: number },
): Promise<RestAnswer> {
  const size = Math.min(file.size, options.peek ?? Infinity);
  const range = parseByteRange(request.headers.range, size);
  if (range === "unsatisfiable") {
    await file.close();
    throw new RequestProblem(`The range lies behind the end, at ${size} bytes`, {
      status: "OUT_OF_RANGE",
      httpStatus: 416,
      headers: { "content-range": `bytes */${size}` },
    });
  }
  const { start, end } = range ?? { start: 0, end: size };
  return {
    status: range === undefined ? 200 : 206,
    headers: {
      ...HARMLESS,
      "content-type": contentTypeOf(options.name),
      "content-length": String(end - start),
      "content-disposition": `inline; filename*=UTF-8''${encodeURIComponent(options.name).replaceAll("'", "%27")}`,
      ...(range === undefined ? {} : { "content-range": `bytes ${start}-${end - 1}/${size}` }),
    },
    close: async () => await file.close(),
    async write(response, signal) {
      await writeAll(response, file.read(start, end), signal);
      response.end();
    },
  };
}

/**
 * Writes pieces as fast as the client takes them.
 *
 * @throws {DOMException} The client is gone, has taken nothing for a minute, or the server closes.
 */
export async function writeAll(
  response: ServerResponse,
  pieces: AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>,
  signal: AbortSignal,
): Promise<void> {
  for await (const piece of pieces) {
    signal.throwIfAborted();
    if (!response.write(piece)) {
      await once(response, "drain", { signal: AbortSignal.any([signal, AbortSignal.timeout(CLIENT_TIMEOUT_MS)]) });
    }
  }
}
