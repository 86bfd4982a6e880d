/**
 * What ListObjectsV2 answers, and the body of CompleteMultipartUpload.
 *
 * Keys come URL-encoded (`encoding-type=url`), except from servers that do not know it. Pure.
 *
 * @module
 */
import type { BlobPage } from "../bucket.ts";
import { malformedListing, toBlobEntry } from "./listed-object.ts";
import { readXml } from "./xml-document.ts";

/**
 * @throws {StoreFailure} UNEXPECTED_EOF when the text is not a whole ListBucketResult, its entries have no key or size, or it does not say where it goes on: a cut answer
 *   and the page of a proxy look like this too, so that it is worth another try.
 */
export function parseListObjects(xml: string): BlobPage {
  const root = readXml(xml);
  if (root?.name !== "ListBucketResult") throw malformedListing("the answer is not a ListBucketResult");
  const isUrlEncoded = root.text("EncodingType") === "url";
  const entries = root
    .children("Contents")
    .map((content) =>
      toBlobEntry({ key: content.text("Key"), size: content.text("Size"), etag: content.text("ETag") }, isUrlEncoded),
    );
  const token = root.text("NextContinuationToken");
  const isTruncated = root.text("IsTruncated") === "true";
  if (!isTruncated) return { entries };
  // Taken for the last page it would lose all that follows.
  if (token === undefined || token === "") throw malformedListing("the answer says that more follows, but not where");
  return { entries, nextToken: token };
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
