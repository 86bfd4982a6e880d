/**
 * The files of an artifact on the local disk: which there are, and that each of them is a file.
 *
 * A pipe, a socket or a device in the place of a file, or inside a folder, is refused by its path before anything is read from it.
 *
 * Source: docs/spec/object-stores.md#upload, #decision-links, #decision-empty-folders, #decision-file-names.
 *
 * @module
 */
import { isUtf8 } from "node:buffer";
import type { Dirent } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { StorageError } from "../core/errors.ts";
import { kindName } from "../node/files/regular-file.ts";
import { errorCode } from "./store-errors.ts";

/** How links are treated on the way. */
export interface WalkOptions {
  /** `to files`: a link to a folder and a dangling one are refused. `any`: they are passed over. */
  readonly links: "to files" | "any";
  /** Names of objects are UTF-8; names of files are bytes. */
  readonly names: "UTF-8" | "any";
}

/**
 * What is at the path, links followed; `undefined` when there is nothing.
 *
 * @throws {StorageError} LOCAL_PATH_INVALID when it is neither a file nor a folder.
 */
export async function kindOf(path: string | Buffer): Promise<"file" | "folder" | undefined> {
  const found = await statIfThere(path);
  if (found === undefined) return undefined;
  if (found.isFile()) return "file";
  if (found.isDirectory()) return "folder";
  throw notUploadable(path.toString(), `it is ${kindName(found)}`);
}

/**
 * Relative paths of all files below a folder, in name order. A link to a file counts as that file. Bytes of a name that are not UTF-8,
 * where they are allowed, are replacement characters in the path.
 *
 * @throws {StorageError} LOCAL_PATH_INVALID for anything that is neither a file nor a folder, and for names and links that the options
 *   do not allow.
 */
export function walkFiles(root: string, options: WalkOptions): AsyncGenerator<string> {
  return walk({ path: Buffer.from(root), relativePath: "" }, options);
}

interface Folder {
  /** As the disk has it. */
  readonly path: Buffer;
  readonly relativePath: string;
}

async function* walk(folder: Folder, options: WalkOptions): AsyncGenerator<string> {
  const entries = await readdir(folder.path, { withFileTypes: true, encoding: "buffer" });
  for (const { name, entry } of entries.map(nameOf).toSorted(byName)) {
    const relativePath = folder.relativePath === "" ? name : `${folder.relativePath}/${name}`;
    const path = Buffer.concat([folder.path, Buffer.from("/"), entry.name]);
    const refuse = (what: string): StorageError => notUploadable(path.toString(), what);
    if (options.names === "UTF-8" && !isUtf8(entry.name)) {
      throw refuse(`its name, ${escapeBytes(entry.name)}, is not UTF-8, which names of objects are; give it another name`);
    }
    if (entry.isDirectory()) yield* walk({ path, relativePath }, options);
    else if (entry.isFile()) yield relativePath;
    else if (!entry.isSymbolicLink()) throw refuse(`it is ${kindName(entry)}`);
    else if ((await kindOf(path)) === "file") yield relativePath;
    else if (options.links === "to files") throw refuse("it is a link to a folder, or to nothing");
  }
}

interface NamedEntry {
  readonly name: string;
  readonly entry: Dirent<Buffer>;
}

function nameOf(entry: Dirent<Buffer>): NamedEntry {
  return { name: entry.name.toString("utf8"), entry };
}

function byName({ name: left }: NamedEntry, { name: right }: NamedEntry): number {
  return left < right ? -1 : 1;
}

/** As shells and people write them: `caf\xe9`. */
function escapeBytes(name: Buffer): string {
  return name.toString("latin1").replaceAll(/[^ -~]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

/** @param what Why not, as `it is a named pipe`. */
export function notUploadable(path: string, what: string): StorageError {
  return new StorageError(
    "LOCAL_PATH_INVALID",
    `Cannot use ${path} as an artifact: ${what}; it must be a file or a folder, or a link to a file. Write a regular file, or remove it.`,
  );
}

async function statIfThere(path: string | Buffer): Promise<Awaited<ReturnType<typeof stat>> | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new StorageError("TRANSFER_FAILED", `Cannot look at ${path.toString()}: ${code ?? "unknown error"}`, { cause: error });
  }
}
