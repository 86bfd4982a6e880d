/**
 * Object keys: escaping on the way up, unescaping and confinement on the way down.
 *
 * The reference's storage library writes code points below 32 and the `/` of `../` as `__0x<hex>__`, and reads them back; both
 * directions are needed to share a bucket with it. A key that would leave the folder it is downloaded to is refused.
 *
 * Source: docs/spec/object-stores.md#upload, #download.
 *
 * @module
 */
import { posix } from "node:path";
import { StorageError } from "../core/errors.ts";

/** The key as it is written to an S3 store. */
export function escapeKey(key: string): string {
  // A key with an S3-illegal character is rare: the scan below allocates nothing for the others.
  // oxlint-disable-next-line no-control-regex
  return key.replace(/[\0-\x1f]|(?<=\.\.)\//g, (char) => `__0x${char.charCodeAt(0).toString(16)}__`);
}

/** The key that `escapeKey` was given. */
export function unescapeKey(key: string): string {
  return key.replace(/__0x([0-9a-fA-F]{1,6})__/g, (text, hex: string) => {
    const codePoint = Number.parseInt(hex, 16);
    return codePoint <= 0x10ffff ? String.fromCodePoint(codePoint) : text;
  });
}

/**
 * The part of an unescaped `key` below `root`, cleaned, as a relative path.
 *
 * @throws {StorageError} LOCAL_PATH_INVALID when it is absolute, leads upward, or holds a NUL.
 */
export function relativePathOf(key: string, root: string, uri: string): string {
  const text = key.slice(root.length + 1);
  const path = posix.normalize(text).replace(/\/$/, "");
  if (text.includes("\0") || posix.isAbsolute(text) || path === ".." || path.startsWith("../") || path === "." || path === "") {
    throw new StorageError(
      "LOCAL_PATH_INVALID",
      `Cannot download ${uri}: the object key ${JSON.stringify(key)} would be written outside the target folder. Rename or remove the object.`,
    );
  }
  return path;
}
