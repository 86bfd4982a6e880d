/**
 * One object of a list, checked: an entry that is passed over would be an object that is lost in silence. Pure.
 *
 * @module
 */
import type { BlobEntry } from "../bucket.ts";
import { stripQuotes } from "./response-headers.ts";

export interface ListedObject {
  readonly key: string | undefined;
  readonly size: string | number | undefined;
  readonly etag: string | undefined;
}

/**
 * @param isUrlEncoded Whether the list says that its keys are.
 * @throws {TypeError} when there is no key, no size, or the key is not what the list says.
 */
export function toBlobEntry(object: ListedObject, isUrlEncoded: boolean): BlobEntry {
  const { key = "", size = "", etag = "" } = object;
  if (key === "") throw new TypeError("the answer lists an object without a key");
  if (!/^\d{1,15}$/.test(String(size))) throw new TypeError("the answer lists an object without a size");
  return { key: isUrlEncoded ? decodeUrl(key) : key, sizeBytes: Number(size), etag: stripQuotes(etag) };
}

/** `+` is a space in this encoding. */
function decodeUrl(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch (error) {
    throw new TypeError("the answer lists an object whose key is not URL-encoded, as it says", { cause: error });
  }
}
