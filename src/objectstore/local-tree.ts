/**
 * The files of an artifact on the local disk: which there are, and that each of them is a file.
 *
 * A pipe, a socket or a device in the place of a file, or inside a folder, is refused by its path before anything is read from it.
 *
 * Source: docs/spec/object-stores.md#upload.
 *
 * @module
 */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { StorageError } from "../core/errors.ts";
import { kindName } from "../node/regular-file.ts";
import { errorCode } from "./store-errors.ts";

/** How links are treated on the way. */
export interface WalkOptions {
  /** `to files`: a link to a folder and a dangling one are refused. `any`: they are passed over. */
  readonly links: "to files" | "any";
}

/**
 * What is at the path, links followed; `undefined` when there is nothing.
 *
 * @throws {StorageError} LOCAL_PATH_INVALID when it is neither a file nor a folder.
 */
export async function kindOf(path: string): Promise<"file" | "folder" | undefined> {
  const found = await statIfThere(path);
  if (found === undefined) return undefined;
  if (found.isFile()) return "file";
  if (found.isDirectory()) return "folder";
  throw notUploadable(path, `it is ${kindName(found)}`);
}

/**
 * Relative paths of all files below a folder, in name order. A link to a file counts as that file.
 *
 * @throws {StorageError} LOCAL_PATH_INVALID for anything that is neither a file nor a folder.
 */
export async function* walkFiles(root: string, { links }: WalkOptions, folder = ""): AsyncGenerator<string> {
  const entries = await readdir(join(root, folder), { withFileTypes: true });
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const relativePath = folder === "" ? entry.name : `${folder}/${entry.name}`;
    const path = join(root, relativePath);
    if (entry.isDirectory()) yield* walkFiles(root, { links }, relativePath);
    else if (entry.isFile()) yield relativePath;
    else if (!entry.isSymbolicLink()) throw notUploadable(path, `it is ${kindName(entry)}`);
    else if ((await kindOf(path)) === "file") yield relativePath;
    else if (links === "to files") throw notUploadable(path, "it is a link to a folder, or to nothing");
  }
}

/** @param what Why not, as `it is a named pipe`. */
export function notUploadable(path: string, what: string): StorageError {
  return new StorageError(
    "LOCAL_PATH_INVALID",
    `Cannot use ${path} as an artifact: ${what}; it must be a file or a folder, or a link to a file. Write a regular file, or remove it.`,
  );
}

async function statIfThere(path: string): Promise<Awaited<ReturnType<typeof stat>> | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new StorageError("TRANSFER_FAILED", `Cannot look at ${path}: ${code ?? "unknown error"}`, { cause: error });
  }
}
