/**
 * What ListObjectsV2 answers, and the body of CompleteMultipartUpload.
 *
 * Keys come URL-encoded (`encoding-type=url`), except from servers that do not know it. Pure.
 *
 * @module
 */
import type { BlobEntry, BlobPage } from "../blob-client.ts";
import { readXml } from "./xml-document.ts";
import type { XmlElement } from "./xml-document.ts";
import { stripQuotes } from "./response-headers.ts";

/** @throws {TypeError} when the text is not a whole ListBucketResult whose entries have a key and a size. */
export function parseListObjects(xml: string): BlobPage {
  const root = readXml(xml);
  if (root?.name !== "ListBucketResult") throw new TypeError("the answer is not a ListBucketResult");
  const isUrlEncoded = root.text("EncodingType") === "url";
  const entries = root.children("Contents").map((content) => readEntry(content, isUrlEncoded));
  const token = root.text("NextContinuationToken");
  const isTruncated = root.text("IsTruncated") === "true";
  return isTruncated && token !== undefined && token !== "" ? { entries, nextToken: token } : { entries };
}

function readEntry(content: XmlElement, isUrlEncoded: boolean): BlobEntry {
  const key = content.text("Key") ?? "";
  const size = content.text("Size") ?? "";
  // An entry that is passed over would be an object that is lost in silence.
  if (key === "") throw new TypeError("the answer lists an object without a key");
  if (!/^\d{1,15}$/.test(size)) throw new TypeError("the answer lists an object without a size");
  return {
    key: isUrlEncoded ? decodeUrl(key) : key,
    sizeBytes: Number(size),
    etag: stripQuotes(content.text("ETag") ?? ""),
  };
}

/** `+` is a space in this encoding. */
function decodeUrl(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch (error) {
    throw new TypeError("the answer lists an object whose key is not URL-encoded, as it says", { cause: error });
  }
}

/** The body of CompleteMultipartUpload. */
export function completeMultipartXml(parts: readonly { partNumber: number; etag: string }[]): string {
  const items = parts.map(
    (part) => `<Part><PartNumber>${part.partNumber}</PartNumber><ETag>&quot;${escapeText(part.etag)}&quot;</ETag></Part>`,
  );
  return `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${items.join("")}</CompleteMultipartUpload>`;
}

/** Tags are the store's words. */
function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
