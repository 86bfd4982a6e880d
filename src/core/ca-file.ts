/** The file of `--ca_cert_path`, of which the API client, the object stores and the user's program are told. @module */
import { errorMessage, UsageError } from "./errors.ts";

/**
 * Reads the certificates of an installation.
 *
 * @param path Not empty.
 * @param readText Answers `undefined` when there is no such file.
 * @throws {UsageError} FILE_UNREADABLE naming the file.
 */
export async function readCaFile(path: string, readText: (path: string) => Promise<string | undefined>): Promise<string> {
  let reason = "there is no such file";
  let cause: unknown;
  try {
    const text = await readText(path);
    if (text !== undefined) return text;
  } catch (error) {
    reason = errorMessage(error);
    cause = error;
  }
  throw new UsageError("FILE_UNREADABLE", `Cannot read the CA file "${path}": ${reason}`, { details: { path }, cause });
}
