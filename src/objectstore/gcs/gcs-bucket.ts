/**
 * A bucket of Google Cloud Storage: the shared interface in terms of its JSON interface.
 *
 * The version of an object is its generation, and answers about a range offer no checksum: the one in their headers is of the whole
 * object. Objects that are stored compressed (`Content-Encoding: gzip`) come as they are stored, because only those bytes have a
 * known length and checksum.
 *
 * Source: docs/spec/object-stores.md#upload, #download, #clients.
 *
 * @module
 */
import type { Bucket } from "../bucket.ts";
import { StoreFailure } from "../store-failure.ts";
import { crc32cChecksum, OBJECT_FIELDS, offeredCrc32c, parseListing, parseObject } from "./gcs-answers.ts";
import type { GcsHttp } from "./gcs-http.ts";
import { putFile } from "./put-file.ts";

/** Most that the store gives in one answer. */
const PAGE_SIZE = "1000";

export function createGcsBucket(http: GcsHttp, bucket: string): Bucket {
  const objects = `/storage/v1/b/${encodeURIComponent(bucket)}/o`;
  const objectAt = (key: string, query: Readonly<Record<string, string>> = {}): string => {
    const text = new URLSearchParams(query).toString();
    return `${objects}/${encodeURIComponent(key)}${text === "" ? "" : `?${text}`}`;
  };
  return {
    escapeKey,

    putFile: (key, source, tools) => putFile({ ...tools, http, uploads: `/upload${objects}`, objectAt }, key, source),

    async getRange(key, range, signal) {
      const { offset, lengthBytes, etag = "" } = range;
      const isWhole = offset === 0 && lengthBytes === undefined;
      const end = lengthBytes === undefined ? "" : String(offset + lengthBytes - 1);
      const headers = { "accept-encoding": "gzip", ...(isWhole ? {} : { range: `bytes=${offset}-${end}` }) };
      const target = objectAt(key, { alt: "media", ...(etag === "" ? {} : { ifGenerationMatch: etag }) });
      const call = { method: "GET", target, headers, absent: "NoSuchKey" } as const;
      const answer = await http.open(call, lengthBytes, signal);
      const { content } = answer;
      const isPartial = answer.status === 206;
      const generation = answer.headers["x-goog-generation"];
      const version = typeof generation === "string" ? generation : etag;
      const fail = (message: string, facts: { status?: number; reason?: string }): StoreFailure => {
        content.destroy();
        return new StoreFailure(message, facts);
      };
      // An emulator may not know the condition.
      if (etag !== "" && version !== etag) throw fail("the object has another generation", { status: 412 });
      const start = /^bytes (\d+)-/.exec(answer.headers["content-range"] ?? "")?.[1];
      if (isPartial && Number(start ?? Number.NaN) !== offset) {
        throw fail("the store answered another byte range than the asked one", { reason: "UNEXPECTED_EOF" });
      }
      const checksums = isPartial ? [] : offeredCrc32c(answer.headers);
      const tag = { etag: version, isContentDigest: false, checksums };
      return { content, tag, offset: isPartial ? offset : 0, isPartial };
    },

    async stat(key, signal) {
      const { text } = await http.read(
        { method: "GET", target: objectAt(key, { fields: OBJECT_FIELDS }), absent: "NoSuchKey" },
        signal,
      );
      const { sizeBytes, generation, crc32c } = parseObject(text);
      const checksums = crc32c === undefined ? [] : [crc32cChecksum(crc32c)];
      return { key, sizeBytes, etag: generation, tag: { etag: generation, isContentDigest: false, checksums } };
    },

    async list(prefix, token, signal) {
      const fields = "nextPageToken,items(name,size,generation)";
      const query = { prefix, maxResults: PAGE_SIZE, fields, ...(token === undefined ? {} : { pageToken: token }) };
      const target = `${objects}?${new URLSearchParams(query).toString()}`;
      return parseListing((await http.read({ method: "GET", target, absent: "NoSuchBucket" }, signal)).text);
    },

    async delete(key, signal) {
      await http.read({ method: "DELETE", target: objectAt(key), alsoExpected: [404], absent: "NoSuchKey" }, signal);
    },

    close() {},
  };
}

/** The store refuses line breaks in names, and `../` would be resolved by some clients. */
function escapeKey(key: string): string {
  return key.replace(/[\n\r]|(?<=\.\.)\//g, (char) => `__0x${char.charCodeAt(0).toString(16)}__`);
}
