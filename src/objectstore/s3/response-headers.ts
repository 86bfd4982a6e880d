/**
 * Reading answers of S3 stores: tags, ranges.
 *
 * @module
 */
import type { IncomingHttpHeaders } from "node:http";
import type { BlobBody, BlobContent, BlobRange, StoredTag } from "../bucket.ts";
import { refusalTimes } from "../http/refusal-times.ts";
import type { AnswerHeaders } from "../http/refusal-times.ts";
import { StoreFailure } from "../store-failure.ts";
import type { StoreFailureOptions } from "../store-failure.ts";
import { offeredChecksums } from "../digests/checksums.ts";
import type { PartEntry } from "./s3-requests.ts";

/**
 * ETag and checksums of an answer. The ETag is the MD5 of the content unless the object is encrypted with a customer's or a key service's key.
 */
export function storedTag(headers: IncomingHttpHeaders): StoredTag {
  const encryption = headers["x-amz-server-side-encryption"] ?? "AES256";
  const isKeyed =
    encryption !== "AES256" ||
    headers["x-amz-server-side-encryption-customer-algorithm"] !== undefined ||
    headers["ibm-sse-kp-enabled"] === "true";
  return { etag: stripQuotes(headers.etag ?? ""), isContentDigest: !isKeyed, checksums: offeredChecksums(headers) };
}

export function stripQuotes(etag: string): string {
  return etag.replace(/^"|"$/g, "");
}

/** What a refusal says beside its code. @param region Of the answer's document, where it names one. */
export function answerFacts(
  headers: AnswerHeaders,
  region: string | undefined,
): Pick<StoreFailureOptions, "region" | "answeredAtMs" | "retryAfterMs"> {
  const { "x-amz-bucket-region": bucketRegion } = headers;
  const known = [bucketRegion, region].find((text): text is string => typeof text === "string" && /^[a-z0-9-]+$/.test(text));
  return { ...(known === undefined ? {} : { region: known }), ...refusalTimes(headers) };
}

/** @throws {StoreFailure} when the answered range is not the asked one. */
export function toBlobBody(
  content: BlobContent,
  headers: IncomingHttpHeaders,
  answer: { status: number; range: BlobRange },
): BlobBody {
  const tag = storedTag(headers);
  if (answer.status !== 206) return { content, tag, offset: 0, isPartial: false };
  const start = /^bytes (\d+)-/.exec(headers["content-range"] ?? "")?.[1];
  if (start === undefined || Number(start) !== answer.range.offset) {
    content.destroy();
    throw new StoreFailure("the store answered another byte range than the asked one", { reason: "UNEXPECTED_EOF" });
  }
  return { content, tag, offset: answer.range.offset, isPartial: true };
}

/** Of a HEAD with a part number. */
export function toPartEntry(headers: IncomingHttpHeaders): PartEntry {
  const parts = Number(headers["x-amz-mp-parts-count"] ?? "0");
  const sizeBytes = Number(headers["content-length"] ?? "0");
  return Number.isSafeInteger(parts) && parts > 0 ? { sizeBytes, parts } : { sizeBytes };
}
