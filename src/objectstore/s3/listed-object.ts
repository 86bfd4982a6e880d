/**
 * One object of a list, checked: an entry that is passed over would be an object that is lost in silence. Pure.
 *
 * @module
 */
import type { BlobEntry } from "../bucket.ts";
import { StoreFailure } from "../store-failure.ts";
import { stripQuotes } from "./response-headers.ts";

export interface ListedObject {
  readonly key: string | undefined;
  readonly size: string | undefined;
  readonly etag: string | undefined;
}

/**
 * @param isUrlEncoded Whether the list says that its keys are.
 * @throws {StoreFailure} UNEXPECTED_EOF when there is no key, no size, or the key is not what the list says.
 */
export function toBlobEntry(object: ListedObject, isUrlEncoded: boolean): BlobEntry {
  const { key = "", size = "", etag = "" } = object;
  if (key === "") throw malformedListing("the answer lists an object without a key");
  if (!/^\d{1,15}$/.test(size)) throw malformedListing("the answer lists an object without a size");
  return { key: isUrlEncoded ? decodeUrl(key) : key, sizeBytes: Number(size), etag: stripQuotes(etag) };
}

/** `+` is a space in this encoding. */
function decodeUrl(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch (error) {
    throw malformedListing("the answer lists an object whose key is not URL-encoded, as it says", error);
  }
}

/** What is said instead of passing over what cannot be read. */
export function malformedListing(message: string, cause?: unknown): StoreFailure {
  return new StoreFailure(message, { reason: "UNEXPECTED_EOF", cause });
}
