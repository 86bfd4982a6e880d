/**
 * Emptying a place on the disk that an earlier program used, whatever that program left there.
 *
 * @module
 */
import { chmod, lstat, readdir, rm, truncate } from "node:fs/promises";
import { join } from "node:path";

/**
 * Removes what is at the path, without following links. A folder without write permission is given it; of a mount point only the
 * content goes.
 *
 * @throws {NodeJS.ErrnoException} When something stays.
 */
export async function removePath(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOTDIR") return;
    if (code !== "EACCES" && code !== "EPERM" && code !== "EBUSY") throw error;
    await empty(path);
    await rm(path, { recursive: true, force: true }).catch((again: NodeJS.ErrnoException) => {
      if (again.code !== "EBUSY") throw again;
    });
  }
}

/** Leaves nothing below the path; what cannot be removed, because it is a mount point, is at least empty. */
async function empty(path: string): Promise<void> {
  const found = await lstat(path);
  if (found.isFile()) return await truncate(path).catch(() => undefined);
  if (!found.isDirectory()) return;
  await chmod(path, found.mode | 0o700).catch(() => undefined);
  for (const name of await readdir(path)) await removePath(join(path, name));
}
