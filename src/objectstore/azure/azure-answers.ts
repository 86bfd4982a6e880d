/**
 * The answers of Azure Blob Storage: listings, refusals, properties in headers. Pure.
 *
 * Source: docs/spec/object-stores.md#azure-blob-storage; Azure Storage REST API, "List Blobs" and "Blob service error codes".
 *
 * @module
 */
import type { IncomingHttpHeaders } from "node:http";
import type { BlobPage, StoredTag } from "../bucket.ts";
import { readXml } from "../s3/xml-document.ts";
import type { XmlElement } from "../s3/xml-document.ts";
import { BAD_CHECKSUM } from "../store-advice.ts";
import { StoreFailure } from "../store-failure.ts";

/** @throws {StoreFailure} when the text is not a listing. */
export function parseListing(text: string): BlobPage {
  const root = readXml(text);
  if (root?.name !== "EnumerationResults") throw unexpected();
  const entries = root.children("Blobs").flatMap((blobs) => blobs.children("Blob").map(toEntry));
  const nextToken = root.text("NextMarker") ?? "";
  return nextToken === "" ? { entries } : { entries, nextToken };
}

function toEntry(blob: XmlElement): BlobPage["entries"][number] {
  const key = blob.text("Name");
  const [properties] = blob.children("Properties");
  const size = properties?.text("Content-Length") ?? "";
  if (key === undefined || properties === undefined || !/^\d{1,15}$/.test(size)) throw unexpected();
  return { key, sizeBytes: Number(size), etag: stripQuotes(properties.text("Etag") ?? "") };
}

/** What a refusal is about. */
export interface Refusal {
  readonly status: number;
  /** The header `x-ms-error-code`. */
  readonly code: string | undefined;
  readonly text: string;
  readonly what: "container" | "blob";
}

/** Words that all providers share, by the service's own. */
const SHARED_REASONS: Readonly<Record<string, string>> = {
  ContainerNotFound: "NoSuchBucket",
  BlobNotFound: "NoSuchKey",
  Md5Mismatch: BAD_CHECKSUM,
  BlobArchived: "InvalidObjectState",
  BlobBeingRehydrated: "InvalidObjectState",
  InvalidResourceName: "InvalidBucketName",
};

/** The word for a refusal. Answers to HEAD have no text, so that the header comes first. */
export function failureReason({ status, code, text, what }: Refusal): string | undefined {
  const word = code ?? readXml(text)?.text("Code") ?? "";
  const known = Object.hasOwn(SHARED_REASONS, word) ? SHARED_REASONS[word] : undefined;
  if (known !== undefined) return known;
  if (status === 404) return what === "container" ? "NoSuchBucket" : "NoSuchKey";
  return /^\w{1,60}$/.test(word) ? word : undefined;
}

/**
 * Version and MD5 of an answer about a blob. The MD5 is of the whole blob, and absent where whoever wrote it gave none.
 *
 * @param isPartial Whether the answer is about a range: nothing is then said about its bytes.
 */
export function tagOf(headers: IncomingHttpHeaders, isPartial: boolean): StoredTag {
  const md5 = headers["content-md5"];
  const isChecksum = typeof md5 === "string" && /^[A-Za-z0-9+/]{22}==$/.test(md5);
  return {
    etag: stripQuotes(headers.etag ?? ""),
    isContentDigest: false,
    checksums: isChecksum && !isPartial ? [{ algorithm: "md5", value: md5 }] : [],
  };
}

/** The list that makes blocks a blob, in their order. */
export function blockListXml(ids: readonly string[]): Buffer {
  // Base64 needs no escaping.
  const items = ids.map((id) => `<Latest>${id}</Latest>`).join("");
  return Buffer.from(`<?xml version="1.0" encoding="utf-8"?><BlockList>${items}</BlockList>`);
}

function stripQuotes(etag: string): string {
  return etag.replace(/^"|"$/g, "");
}

/** A cut answer looks like this too, so that it is worth another try. */
function unexpected(): StoreFailure {
  return new StoreFailure("the store's answer is not what Azure Blob Storage answers", { reason: "UNEXPECTED_EOF" });
}
