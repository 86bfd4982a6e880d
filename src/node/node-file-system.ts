/**
 * The port FileSystem over node:fs.
 *
 * Files are written beside their target and renamed, so that a reader (Argo's executor, another task) never sees half a file. Where
 * that cannot work (the target is a device, a pipe, a symbolic link or a mount; the folder is read-only) it is written in place.
 *
 * @module
 */
import { constants } from "node:fs";
import { lstat, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { errorMessage, HostError } from "../core/errors.ts";
import type { FileSystem } from "../ports/file-system.ts";
import { readAnyText, readRegularText } from "./files/limited-text.ts";
import { makeFolder } from "./files/make-folder.ts";
import { removePath } from "./files/remove-path.ts";

const ABSENT = new Set(["ENOENT", "ENOTDIR"]);

/** Part of the temporary names, unique in this process; the process id makes them unique on the machine. */
let writes = 0;

/** The file system of this machine. Relative paths follow the process's working folder: callers give absolute ones. */
export const nodeFileSystem: FileSystem = {
  readText: (path) => unlessAbsent(path, () => readFile(path, "utf8")),
  readRegularText: (path, limit) => unlessAbsent(path, () => readRegularText(path, limit)),
  readAnyText: (path, limit) => unlessAbsent(path, () => readAnyText(path, limit)),
  readBytes: (path) => unlessAbsent(path, async () => new Uint8Array(await readFile(path))),

  async writeText(path, text) {
    await orWriteError(path, async () => {
      if (await isReplaceable(path)) {
        if (await replaceFile(path, text)) return;
      }
      await writeInPlace(path, text);
    });
  },

  async makeDirectory(path) {
    await orWriteError(path, () => makeFolder(path));
  },

  async remove(path) {
    await orWriteError(path, () => removePath(path));
  },

  stat: (path) =>
    unlessAbsent(path, async () => {
      const found = await stat(path);
      const kind = found.isFile() ? "file" : found.isDirectory() ? "directory" : "other";
      return { kind, sizeBytes: found.size } as const;
    }),

  list: (path) => unlessAbsent(path, async () => (await readdir(path)).sort()),
};

/** A named pipe that nobody reads is an error, not a wait. */
async function writeInPlace(path: string, text: string): Promise<void> {
  const found = await unlessAbsent(path, () => stat(path));
  const isPipe = found?.isFIFO() === true;
  const probe = isPipe ? await open(path, constants.O_WRONLY | constants.O_NONBLOCK) : undefined;
  try {
    await writeFile(path, text, { mode: 0o644 });
  } finally {
    await probe?.close();
  }
}

/** True for nothing and for an ordinary file. */
async function isReplaceable(path: string): Promise<boolean> {
  const found = await unlessAbsent(path, () => lstat(path));
  return found === undefined || (found.isFile() && found.nlink === 1);
}

/** False when the folder does not let us; the caller then writes in place and reports what that says. */
async function replaceFile(path: string, text: string): Promise<boolean> {
  writes += 1;
  const temporary = join(dirname(path), `.${basename(path).slice(0, 100)}.${process.pid}.${writes}.tmp`);
  try {
    await writeFile(temporary, text, { mode: 0o644, flag: "wx" });
    await rename(temporary, path);
    return true;
  } catch {
    await rm(temporary, { force: true }).catch(() => undefined);
    return false;
  }
}

async function unlessAbsent<Result>(path: string, read: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await read();
  } catch (error) {
    const errno = errnoOf(error);
    if (ABSENT.has(errno)) return undefined;
    throw new HostError("FILE_READ_FAILED", `Cannot read "${path}": ${errorMessage(error)}`, {
      details: { path, errno },
      cause: error,
    });
  }
}

async function orWriteError(path: string, write: () => Promise<unknown>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (error instanceof HostError) throw error;
    const errno = errnoOf(error);
    throw new HostError("FILE_WRITE_FAILED", `Cannot write "${path}": ${errorMessage(error)}`, {
      details: { path, errno },
      cause: error,
    });
  }
}

function errnoOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "UNKNOWN";
}
