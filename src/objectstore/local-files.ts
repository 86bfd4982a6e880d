/**
 * An absolute path as artifact URI: the artifact already lies where it belongs, so nothing is copied, unless the component has the
 * file at a path of its own.
 *
 * Source: decisions.md, "local files as store".
 *
 * @module
 */
import { cp, mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { errorMessage, StorageError } from "../core/errors.ts";
import { errorCode } from "./store-errors.ts";

/** @throws {StorageError} OBJECT_NOT_FOUND when nothing was written at `localPath`. */
export async function keepLocalUpload(localPath: string, uri: string): Promise<void> {
  if (!(await exists(localPath))) {
    throw new StorageError("OBJECT_NOT_FOUND", `Cannot keep artifact ${uri}: there is no file or folder ${localPath}.`);
  }
  if (localPath !== uri) await copy(localPath, uri);
}

/** @returns 1 when the artifact is there, 0 when not. */
export async function keepLocalDownload(uri: string, localPath: string): Promise<number> {
  if (!(await exists(uri))) return 0;
  if (localPath !== uri) await copy(uri, localPath);
  return 1;
}

async function copy(from: string, to: string): Promise<void> {
  try {
    await mkdir(dirname(to), { recursive: true });
    await cp(from, to, { recursive: true, dereference: true });
  } catch (error) {
    throw new StorageError("TRANSFER_FAILED", `Cannot copy ${from} to ${to}: ${errorMessage(error)}`, { cause: error });
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return false;
    throw new StorageError("TRANSFER_FAILED", `Cannot look at ${path}: ${code ?? "unknown error"}`, { cause: error });
  }
}
