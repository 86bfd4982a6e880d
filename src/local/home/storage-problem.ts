/**
 * Whether an error means that the home's disk does not take or give what it should: full, read-only, broken, gone.
 *
 * Standard: sqlite.org/rescode.html; errno(3).
 *
 * @module
 */
import { errorMessage, HostError } from "../../core/errors.ts";

const ERRNO: ReadonlyMap<string, string> = new Map([
  ["ENOSPC", "the disk is full"],
  ["EDQUOT", "the disk quota is used up"],
  ["EFBIG", "a file may not become that large here"],
  ["EROFS", "the file system is read-only"],
  ["EIO", "the disk reports an error"],
  ["EACCES", "writing is not permitted"],
  ["EPERM", "writing is not permitted"],
  ["ENOENT", "a folder of it was removed"],
  ["ENOTDIR", "a folder of it was replaced by a file"],
  ["ESTALE", "the shared folder it lies in is gone"],
]);

/** Primary result codes of SQLite. */
const SQLITE: ReadonlyMap<number, string> = new Map([
  [8, "the database is read-only, or was removed"],
  [10, "the disk reports an error"],
  [11, "the database is damaged"],
  [13, "the disk is full"],
  [14, "the database cannot be opened"],
  [26, "the database is damaged"],
]);

/** @returns The reason in a few words; undefined for every other error. */
export function storageProblem(error: unknown): string | undefined {
  for (let current = error; current instanceof Error; current = current.cause) {
    const reason = reasonOf(current);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function reasonOf(error: Error): string | undefined {
  const { code, errcode } = error as Error & { readonly code?: unknown; readonly errcode?: unknown };
  // The upper bits tell the kind of a kind.
  if (code === "ERR_SQLITE_ERROR" && typeof errcode === "number") return SQLITE.get(errcode & 0xff);
  return typeof code === "string" ? ERRNO.get(code) : undefined;
}

/** An error of the disk as one line for people; every other error as it is. */
export function homeError(error: unknown, folder: string): unknown {
  if (error instanceof HostError) return error;
  const reason = storageProblem(error);
  if (reason === undefined) return error;
  const message = `Cannot use ${folder} as home: ${reason} (${errorMessage(error)}); make room, or choose another with --home`;
  return new HostError("HOME_UNUSABLE", message, { cause: error });
}
