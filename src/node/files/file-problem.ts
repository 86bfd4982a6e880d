/**
 * Errors of the file system in the words of a person.
 *
 * Standard: errno(3).
 *
 * @module
 */
import { errorMessage } from "../../core/errors.ts";

const WORDS: ReadonlyMap<string, string> = new Map([
  ["EACCES", "permission denied"],
  ["EEXIST", "something else is there already"],
  ["EISDIR", "it is a folder, not a file"],
  ["ERR_FS_EISDIR", "it is a folder, not a file"],
  ["ELOOP", "links lead in a circle"],
  ["EMFILE", "too many files are open"],
  ["ENAMETOOLONG", "the name is too long"],
  ["ENOENT", "there is no such file or folder"],
  ["ENOTDIR", "a folder on the way to it is a file"],
  ["EPERM", "permission denied"],
]);

/** Why a file or folder cannot be used; an error without words of its own keeps its message. */
export function fileProblem(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return (typeof code === "string" ? WORDS.get(code) : undefined) ?? errorMessage(error);
}
