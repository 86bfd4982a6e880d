/**
 * Opening a file that other people's code may have put there: only a regular file is read, whatever else lies at the path.
 *
 * Opening a named pipe waits for its other end, in a thread that no signal ends, and a device may never end; so the file is opened
 * without blocking, and what it is comes from the open descriptor: a look at the path before could be about another file.
 *
 * Symbolic links are followed: they lead nowhere that the program itself could not read.
 *
 * @module
 */
import { constants } from "node:fs";
import type { Stats } from "node:fs";
import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";

/** Something is at the path, but no regular file. The message says what, as `it is a named pipe, not a regular file`. */
export class NotRegularFileError extends Error {
  constructor(kind: string) {
    super(`it is ${kind}, not a regular file`);
    this.name = "NotRegularFileError";
  }
}

/** A file that was found to be regular after it was opened; the caller closes it. */
export interface OpenFile {
  readonly file: FileHandle;
  readonly sizeBytes: number;
}

/**
 * Opens the regular file at `path` for reading. The caller closes it.
 *
 * @throws {NotRegularFileError} For a folder, pipe, socket or device.
 * @throws {NodeJS.ErrnoException} Anything else that open(2) says.
 */
export async function openRegularFile(path: string): Promise<OpenFile> {
  const file = await openUnblocked(path);
  try {
    const found = await file.stat();
    if (!found.isFile()) throw new NotRegularFileError(kindName(found));
    return { file, sizeBytes: found.size };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function openUnblocked(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    // Of a socket, or of a device that is not there.
    if (error instanceof Error && "code" in error && error.code === "ENXIO")
      throw new NotRegularFileError("a socket or a device");
    throw error;
  }
}

/** What a person calls it, with its article. */
export function kindName(found: Pick<Stats, "isFile" | "isDirectory" | "isFIFO" | "isSocket" | "isSymbolicLink">): string {
  if (found.isFile()) return "a file";
  if (found.isDirectory()) return "a folder";
  if (found.isFIFO()) return "a named pipe";
  if (found.isSocket()) return "a socket";
  return found.isSymbolicLink() ? "a symbolic link" : "a device";
}
