/**
 * A bucket of an S3 store: the shared interface in terms of S3 requests.
 *
 * @module
 */
import type { Bucket, StoredTag } from "../bucket.ts";
import { escapeKey } from "../object-key.ts";
import { partSizes } from "./part-sizes.ts";
import { putFile } from "./put-file.ts";
import type { TagTrust } from "./put-file.ts";
import type { S3Requests } from "./s3-requests.ts";

/** @param tags What is known about the store's tags; uploads learn more while they run. */
export function createS3Bucket(requests: S3Requests, tags: TagTrust): Bucket {
  const trusted = (tag: StoredTag): StoredTag => (tags.areDigests ? tag : { ...tag, isContentDigest: false });
  return {
    ...(requests.smallAtOnce === undefined ? {} : { smallAtOnce: requests.smallAtOnce }),
    smallDigests: () => [...(tags.areDigests ? ["md5" as const] : []), ...(requests.signsBodies ? ["sha256" as const] : [])],
    escapeKey,
    putFile: (key, source, tools) => putFile({ ...tools, requests, tags }, key, source),
    async getRange(key, range, signal) {
      const body = await requests.get(key, range, signal);
      return { ...body, tag: trusted(body.tag) };
    },
    async stat(key, signal) {
      const found = await requests.stat(key, signal);
      return { ...found, tag: trusted(found.tag) };
    },
    partSizes: (entry, parts, tools) => partSizes({ ...tools, requests }, entry, parts),
    list: (prefix, token, signal) => requests.list(prefix, token, signal),
    delete: (key, signal) => requests.delete(key, signal),
    close: () => requests.close(),
  };
}
