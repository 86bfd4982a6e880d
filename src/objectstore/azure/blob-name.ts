/**
 * Keys as names of blobs. Pure.
 *
 * @module
 */

/**
 * The key as it is written to the store: what the reference's storage library escapes for Azure, and besides a dot at the end of a path
 * segment, which names of blobs must not have, and what XML cannot hold.
 *
 * Source: docs/spec/object-stores.md#azure-blob-storage.
 */
export function escapeBlobName(key: string): string {
  return key.replace(
    // oxlint-disable-next-line no-control-regex
    /[\0-\x1f"#%?\\\x7f\ufffe\uffff]|(?<=\.\.)\/|(?<!\.)\.(?=\/)|\.$/g,
    (char) => `__0x${char.charCodeAt(0).toString(16)}__`,
  );
}
