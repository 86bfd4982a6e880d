/**
 * An absolute path as artifact URI: the artifact already lies where it belongs, so nothing is copied, unless the component has the
 * file at a path of its own.
 *
 * Source: docs/spec/object-stores.md#decision-local-files.
 *
 * @module
 */
import { cp, mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { errorMessage, StorageError } from "../core/errors.ts";
import { kindOf, walkFiles } from "./local-tree.ts";

/**
 * @throws {StorageError} OBJECT_NOT_FOUND when nothing was written at `localPath`; LOCAL_PATH_INVALID for a pipe, socket or device
 *   there or below: whoever reads the artifact would wait for it.
 */
export async function keepLocalUpload(localPath: string, uri: string): Promise<void> {
  const kind = await kindOf(localPath);
  if (kind === undefined) {
    throw new StorageError("OBJECT_NOT_FOUND", `Cannot keep artifact ${uri}: there is no file or folder ${localPath}.`);
  }
  if (kind === "folder") await checkFiles(localPath);
  if (localPath !== uri) await copy(localPath, uri);
}

/** @returns 1 when the artifact is there, 0 when not. */
export async function keepLocalDownload(uri: string, localPath: string): Promise<number> {
  if ((await kindOf(uri)) === undefined) return 0;
  if (localPath !== uri) await copy(uri, localPath);
  return 1;
}

/** Links are left alone: in place, they may lead anywhere on this disk. */
async function checkFiles(folder: string): Promise<void> {
  for await (const _file of walkFiles(folder, { links: "any", names: "any" })) continue;
}

/** @throws {StorageError} TRANSFER_FAILED when it cannot be looked at. */
export async function localArtifactExists(uri: string): Promise<boolean> {
  return (await kindOf(uri)) !== undefined;
}

async function copy(from: string, to: string): Promise<void> {
  try {
    await mkdir(dirname(to), { recursive: true });
    await cp(from, to, { recursive: true, dereference: true });
  } catch (error) {
    throw new StorageError("TRANSFER_FAILED", `Cannot copy ${from} to ${to}: ${errorMessage(error)}`, { cause: error });
  }
}
