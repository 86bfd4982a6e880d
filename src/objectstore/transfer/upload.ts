/**
 * One local file to one object: opened once, its content type read from its first bytes, and handed to the bucket.
 *
 * Source: docs/spec/object-stores.md#upload.
 *
 * @module
 */
import type { FileHandle } from "node:fs/promises";
import { NotRegularFileError, openRegularFile } from "../../node/files/regular-file.ts";
import type { OpenFile } from "../../node/files/regular-file.ts";
import type { Bucket, TransferTools } from "../bucket.ts";
import { notUploadable } from "../local-tree.ts";
import { SMALL_FILE_BYTES } from "./small-files.ts";
import { SNIFF_BYTES, sniffContentType } from "./content-type.ts";

/** What a transfer works with. */
export interface TransferContext extends TransferTools {
  readonly bucket: Bucket;
}

/**
 * Uploads the file at `path`; `key` is the escaped object key.
 *
 * @throws {StorageError} LOCAL_PATH_INVALID for what is not a regular file; what the bucket throws.
 */
export async function uploadFile(context: TransferContext, path: string, key: string): Promise<void> {
  const { bucket, ...tools } = context;
  const { file, sizeBytes } = await openUploadable(path);
  try {
    const head = await readHead(file, sizeBytes);
    const contentType = sniffContentType(head.subarray(0, SNIFF_BYTES));
    await bucket.putFile(key, { file, path, sizeBytes, contentType, head }, tools);
  } finally {
    await file.close();
  }
}

/**
 * Uploads the file at `path` if a thread can read it.
 *
 * @returns whether it is there; where it is not, nothing has been sent.
 * @throws what the bucket throws.
 */
export async function uploadSmallFile({ bucket, ...tools }: TransferContext, path: string, key: string): Promise<boolean> {
  const { smallFiles } = tools;
  const read = smallFiles.isWorthIt() ? await smallFiles.read(path, bucket.smallDigests?.() ?? []) : undefined;
  if (read === undefined) return false;
  const { bytes: head, digests } = read;
  tools.signal.throwIfAborted();
  const contentType = sniffContentType(head.subarray(0, SNIFF_BYTES));
  await bucket.putFile(key, { path, sizeBytes: head.length, contentType, head, digests }, tools);
  return true;
}

/** What was a file a moment ago may be something else by now, so the open descriptor is asked. */
async function openUploadable(path: string): Promise<OpenFile> {
  try {
    return await openRegularFile(path);
  } catch (error) {
    throw error instanceof NotRegularFileError ? notUploadable(path, error.message) : error;
  }
}

async function readHead(file: FileHandle, sizeBytes: number): Promise<Buffer> {
  // Of many small files every look at the disk counts.
  const head = Buffer.allocUnsafe(sizeBytes <= SMALL_FILE_BYTES ? sizeBytes : SNIFF_BYTES);
  const { bytesRead } = await file.read(head, 0, head.length, 0);
  return head.subarray(0, bytesRead);
}
