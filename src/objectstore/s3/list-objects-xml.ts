/**
 * The answers of ListObjectsV2 and of the multipart calls, read without a general XML parser.
 *
 * The parser that comes with `minio` turns keys that look like numbers into numbers and trims white space, which names other
 * objects. These documents are written by machines and flat; keys come URL-encoded (`encoding-type=url`), except from servers that
 * do not know it. Pure.
 *
 * @module
 */
import type { BlobEntry, BlobPage } from "../blob-client.ts";

/** @throws {TypeError} when the text is no ListBucketResult. */
export function parseListObjects(xml: string): BlobPage {
  if (!/<ListBucketResult[\s>]/.test(xml)) throw new TypeError("the answer is no ListBucketResult");
  const isUrlEncoded = elementText(xml.replace(/<Contents>.*?<\/Contents>/gs, ""), "EncodingType") === "url";
  const entries: BlobEntry[] = [];
  for (const [, content = ""] of xml.matchAll(/<Contents>(.*?)<\/Contents>/gs)) {
    const key = elementText(content, "Key") ?? "";
    entries.push({
      key: isUrlEncoded ? decodeUrl(key) : key,
      sizeBytes: Number(elementText(content, "Size") ?? "0"),
      etag: stripQuotes(elementText(content, "ETag") ?? ""),
    });
  }
  const token = elementText(xml, "NextContinuationToken");
  const isTruncated = elementText(xml, "IsTruncated") === "true";
  return isTruncated && token !== undefined && token !== "" ? { entries, nextToken: token } : { entries };
}

/** Text of the first element of this name, entities resolved. */
export function elementText(xml: string, name: string): string | undefined {
  const match = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml);
  return match?.[1] === undefined ? undefined : resolveEntities(match[1]);
}

export function stripQuotes(etag: string): string {
  return etag.replace(/^"|"$/g, "");
}

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

function resolveEntities(text: string): string {
  return text.replace(/&(?:#x([0-9a-fA-F]+)|#([0-9]+)|([a-z]+));/g, (whole, hex?: string, decimal?: string, name?: string) => {
    if (name !== undefined) return ENTITIES[name] ?? whole;
    return String.fromCodePoint(hex === undefined ? Number(decimal) : Number.parseInt(hex, 16));
  });
}

/** `+` is a space in this encoding. */
function decodeUrl(text: string): string {
  return decodeURIComponent(text.replaceAll("+", " "));
}

/** The body of CompleteMultipartUpload. */
export function completeMultipartXml(parts: readonly { partNumber: number; etag: string }[]): string {
  const items = parts.map(
    (part) => `<Part><PartNumber>${part.partNumber}</PartNumber><ETag>&quot;${part.etag}&quot;</ETag></Part>`,
  );
  return `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${items.join("")}</CompleteMultipartUpload>`;
}
