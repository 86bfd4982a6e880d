/**
 * A container of Azure Blob Storage: the shared interface in terms of its REST interface.
 *
 * Source: docs/spec/object-stores.md#azure-blob-storage.
 *
 * @module
 */
import type { Bucket } from "../bucket.ts";
import { StoreFailure } from "../store-failure.ts";
import { parseListing, tagOf } from "./azure-answers.ts";
import type { AzureHttp } from "./azure-http.ts";
import { escapeBlobName } from "./blob-name.ts";
import { putFile } from "./put-file.ts";

/** As the reference's storage library. */
const PAGE_SIZE = "1000";

export function createAzureBucket(http: AzureHttp): Bucket {
  return {
    escapeKey: escapeBlobName,

    putFile: (key, source, tools) => putFile({ ...tools, http }, key, source),

    async getRange(key, range, signal) {
      const { offset, lengthBytes, etag = "" } = range;
      const isWhole = offset === 0 && lengthBytes === undefined;
      const end = lengthBytes === undefined ? "" : String(offset + lengthBytes - 1);
      const headers = {
        ...(isWhole ? {} : { range: `bytes=${offset}-${end}` }),
        ...(etag === "" ? {} : { "if-match": `"${etag}"` }),
      };
      const answer = await http.open({ method: "GET", key, headers }, lengthBytes, signal);
      const { content } = answer;
      const isPartial = answer.status === 206;
      const start = /^bytes (\d+)-/.exec(answer.headers["content-range"] ?? "")?.[1];
      if (isPartial && Number(start ?? Number.NaN) !== offset) {
        content.destroy();
        throw new StoreFailure("the store answered another byte range than the asked one", { reason: "UNEXPECTED_EOF" });
      }
      return { content, tag: tagOf(answer.headers, isPartial), offset: isPartial ? offset : 0, isPartial };
    },

    async stat(key, signal) {
      const { headers } = await http.read({ method: "HEAD", key }, signal);
      const sizeBytes = Number(headers["content-length"] ?? Number.NaN);
      if (!Number.isSafeInteger(sizeBytes)) throw new StoreFailure("the store does not tell the length of the blob");
      const tag = tagOf(headers, false);
      return { key, sizeBytes, etag: tag.etag, tag };
    },

    async list(prefix, token, signal) {
      const query = {
        restype: "container",
        comp: "list",
        prefix,
        maxresults: PAGE_SIZE,
        ...(token === undefined ? {} : { marker: token }),
      };
      return parseListing((await http.read({ method: "GET", query }, signal)).text);
    },

    async delete(key, signal) {
      await http.read({ method: "DELETE", key, alsoExpected: [404] }, signal);
    },

    close() {},
  };
}
