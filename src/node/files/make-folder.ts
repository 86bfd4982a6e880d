/**
 * Makes a folder and its parents.
 *
 * Node's own recursive mkdir never comes back where a file system answers "no such file" although the parent exists, as /proc does;
 * this one reports it.
 *
 * @module
 */
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { isFolder } from "./path-kind.ts";

/**
 * @param mode Of every folder that is made, before the umask.
 * @throws The error of the file system, with its `code`.
 */
export async function makeFolder(path: string, mode = 0o755): Promise<void> {
  const parent = dirname(path);
  if (parent !== path && !(await isFolder(parent))) await makeFolder(parent, mode);
  try {
    await mkdir(path, mode);
  } catch (error) {
    // Somebody else may have made it meanwhile.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST" || !(await isFolder(path))) throw error;
  }
}
