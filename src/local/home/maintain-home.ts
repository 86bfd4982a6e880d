/**
 * A home looked after: checked, and copied while it is used.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { cp, lstat, mkdir, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { HostError } from "../../core/errors.ts";
import { fileProblem } from "../../node/files/file-problem.ts";
import { exists } from "../../node/files/path-kind.ts";
import { assertHome, homeAt, isBelow, prepareHome, type Home } from "./home.ts";

/** What a check found. */
export interface HomeCheck {
  /** The database is damaged: one line each. */
  readonly problems: readonly string[];
  /** Files of artifacts below the home that are gone. Steps whose results they are run again. */
  readonly missingFiles: readonly string[];
}

/**
 * Looks at the database and at the files of artifacts, also while the home is used.
 *
 * @throws {HostError} HOME_UNUSABLE when there is no home or its database cannot be opened.
 */
export async function checkHome(home: Home): Promise<HomeCheck> {
  await assertHome(home);
  if (!(await exists(home.database))) return { problems: [], missingFiles: [] };
  const { checkDatabase, storedUris } = await import("../../apiserver/sqlite/sqlite-maintenance.ts");
  const problems = checkDatabase(home.database);
  if (problems.length > 0) return { problems, missingFiles: [] };
  const missingFiles: string[] = [];
  for (const uri of storedUris(home.database)) {
    if (isBelow(uri, home.artifacts) && !(await exists(uri))) missingFiles.push(uri);
  }
  return { problems, missingFiles };
}

/**
 * Copies database and artifacts of a home into a folder that does not exist, also while the home is used. The copy is a home.
 *
 * The database is copied first: a file is there before the row that names it, so every row of the copy finds its file. What is not copied
 * can be made again: working files of runs and Python environments; your own settings stay where they are.
 *
 * @throws {HostError} HOME_UNUSABLE when there is no home, the folder exists, or it cannot be written; then nothing is left of it.
 */
export async function backupHome(home: Home, target: string): Promise<Home> {
  await assertHome(home);
  const unfinished = `${target}.unfinished-${randomUUID().slice(0, 8)}`;
  try {
    if (isBelow(target, home.folder)) {
      throw new HostError("HOME_UNUSABLE", `Cannot back up to ${target}: it is inside the home and would go with it`);
    }
    if (await exists(target)) throw new HostError("HOME_UNUSABLE", `Cannot back up to ${target}: it exists already`);
    await mkdir(dirname(target), { recursive: true });
    const copy = await prepareHome(unfinished);
    if (await exists(home.database)) {
      const { copyDatabase } = await import("../../apiserver/sqlite/sqlite-maintenance.ts");
      copyDatabase(home.database, copy.database);
    }
    await copyFolder(home.artifacts, copy.artifacts);
    await rename(unfinished, target);
    return homeAt(target);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true }).catch(() => {});
    if (error instanceof HostError) throw error;
    throw new HostError("HOME_UNUSABLE", `Cannot back up ${home.folder} to ${target}: ${fileProblem(error)}`, { cause: error });
  }
}

/** A file that goes away meanwhile was of a run that goes on: no row of the copied database names it. */
async function copyFolder(from: string, to: string): Promise<void> {
  const names = await readdir(from).catch(() => []);
  for (const name of names) {
    const [source, target] = [join(from, name), join(to, name)];
    const entry = await lstat(source).catch(() => undefined);
    if (entry?.isDirectory() === true) {
      await mkdir(target, { recursive: true });
      await copyFolder(source, target);
    } else if (entry?.isFile() === true) {
      await cp(source, target, { preserveTimestamps: true }).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "ENOENT") throw error;
      });
    }
  }
}
