/**
 * `--copy DEST` of a launcher that was started from dist/bin: puts the portable folder where the user's container finds it.
 *
 * In our own images portable/launch.c does the same without starting Node. Rules: docs/spec/launcher-command-line.md#copy-mode,
 * #lau-6. Each file appears complete and with its final mode or not at all, the entry point last, so that where it is, everything
 * is. A repeated copy succeeds and removes what an interrupted one left.
 * @module
 */
import { constants } from "node:fs";
import { chmod, copyFile, mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { errorMessage, HostError } from "../../core/errors.ts";
import { exists, isFolder } from "./path-kind.ts";

/** Name of the entry point in the portable folder. */
const entryName = "launch";

/** Always the same, so that the next copy finds it. Also in portable/launch.c. */
const temporaryName = ".kfp-runtime-copy.tmp";

export interface CopyPortableFolderOptions {
  /** The portable folder, `dist/portable`. */
  readonly source: string;
  /** Path of the entry point to be, such as `/kfp-launcher/launch`. Its folder must exist; the other files come to lie in it. */
  readonly destination: string;
}

/**
 * Copies the portable folder.
 *
 * @throws {HostError} PORTABLE_FOLDER_MISSING when it was not built; FILE_WRITE_FAILED with the destination and the cause.
 */
export async function copyPortableFolder({ source, destination }: CopyPortableFolderOptions): Promise<void> {
  if (!(await exists(path.join(source, entryName)))) {
    throw new HostError(
      "PORTABLE_FOLDER_MISSING",
      `Cannot copy the launcher to ${destination}: there is no portable folder at ${source}; npm run build:portable makes it`,
    );
  }
  try {
    const folder = path.dirname(destination);
    if (await isFolder(destination)) throw new Error("it is a directory");
    if (!(await isFolder(folder))) throw new Error(`${folder} is not a directory`);
    await copyFolder(source, folder, entryName);
    await copyOneFile(path.join(source, entryName), destination);
  } catch (error) {
    throw new HostError("FILE_WRITE_FAILED", `Cannot copy the launcher to ${destination}: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}

async function copyFolder(from: string, to: string, except?: string): Promise<void> {
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (entry.name === except || entry.name === temporaryName) continue;
    const [source, target] = [path.join(from, entry.name), path.join(to, entry.name)];
    if (!entry.isDirectory()) {
      await copyOneFile(source, target);
      continue;
    }
    if (!(await isFolder(target))) {
      await mkdir(target);
      await chmod(target, 0o755);
    }
    await copyFolder(source, target);
  }
}

async function copyOneFile(source: string, target: string): Promise<void> {
  const temporary = path.join(path.dirname(target), temporaryName);
  await rm(temporary, { force: true });
  try {
    await copyFile(source, temporary, constants.COPYFILE_EXCL);
    // Whatever the umask.
    await chmod(temporary, ((await stat(source)).mode & 0o111) === 0 ? 0o644 : 0o755);
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
