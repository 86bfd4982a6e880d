/**
 * Large ranges past the HTTP client of the AWS SDK: the SDK signs the request, and the content goes through buffers of ours
 * (http/direct-connections.ts).
 *
 * Content has to be a stream of Node's to the SDK, so that it gets an empty one, by which the content is found.
 *
 * @module
 */
import { Readable } from "node:stream";
import type { S3Client } from "@aws-sdk/client-s3";
import type { BlobContent } from "../bucket.ts";
import type { ClientSettings } from "../client-settings.ts";
import { SMALLEST_DIRECT_BYTES } from "../http/direct-connections.ts";
import { getDirectly } from "../http/send-request.ts";
import { strictEncode } from "./strict-encode.ts";

type Handler = S3Client["config"]["requestHandler"];
type Request = Parameters<Handler["handle"]>[0];

/** Finds the content that a stream stands for, if it stands for one. */
export type ContentOf = (stream: Readable) => BlobContent | undefined;

/** Has the client read long ranges directly. */
export function readDirectly({ config: { requestHandler } }: S3Client, settings: ClientSettings): ContentOf {
  const contents = new WeakMap<Readable, BlobContent>();
  const never = new AbortController().signal;
  const handle = requestHandler.handle.bind(requestHandler);
  requestHandler.handle = async (request, options) => {
    if (request.method === "GET" && rangeBytes(request) >= SMALLEST_DIRECT_BYTES) {
      const direct = await getDirectly(settings, signed(request), signalOf(options) ?? never);
      if (direct !== undefined) {
        const body = Readable.from([]);
        contents.set(body, direct.content);
        return { response: { statusCode: direct.status, headers: { ...direct.headers }, body } };
      }
    }
    return await handle(request, options);
  };
  return (stream) => contents.get(stream);
}

function signalOf(options: object = {}): AbortSignal | undefined {
  return "abortSignal" in options && options.abortSignal instanceof AbortSignal ? options.abortSignal : undefined;
}

/** 0 where it has no end. */
function rangeBytes({ headers }: Request): number {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(headers["range"] ?? "") ?? [];
  return last === undefined ? 0 : Number(last) + 1 - Number(first);
}

function signed({ protocol, hostname, port, path, query = {}, headers }: Request) {
  const pairs = Object.entries(query as Readonly<Record<string, string | readonly string[] | null>>).flatMap(([name, value]) => {
    const values = value === null ? [] : typeof value === "string" ? [value] : value;
    return values.map((text) => `${strictEncode(name)}=${strictEncode(text)}`);
  });
  const address = {
    protocol: protocol === "https:" ? "https:" : "http:",
    hostname: hostname.replace(/^\[|\]$/g, ""),
    port: String(port ?? ""),
    path: pairs.length === 0 ? path : `${path}?${pairs.join("&")}`,
  } as const;
  return { url: address, headers };
}
