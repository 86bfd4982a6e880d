/**
 * The home folder of local runs: database, artifacts, per-run files, interpreters.
 *
 * ```
 * HOME/lock                 who uses it (home-lock.ts)
 * HOME/state.db             runs, tasks, artifacts, links (SQLite)
 * HOME/artifacts/           default pipeline root
 * HOME/runs/RUN_ID/         driver files, parameter files, logs of drivers and launchers
 * HOME/volumes/NAME/        files of a volume claim; made and deleted by the tasks of pipelines
 * HOME/environments/        Python environments, one per set of packages
 * HOME/launcher-config/     a person's own settings for stores, key `providers`; never cleared
 * ```
 *
 * @module
 */
import { access, constants, mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { HostError } from "../../core/errors.ts";
import { fileProblem } from "../../node/files/file-problem.ts";
import { makeFolder } from "../../node/files/make-folder.ts";
import { exists, isFolder } from "../../node/files/path-kind.ts";

/** The folders and files of a home, as paths. */
export interface Home {
  /** Absolute. */
  readonly folder: string;
  readonly lock: string;
  readonly database: string;
  readonly artifacts: string;
  readonly runs: string;
  readonly environments: string;
  readonly volumes: string;
}

/** Written into every home, so that `home clear` never empties a folder that is something else. */
const MARKER = "kfp-runtime-home";
const MARKER_TEXT = "Made by kfp-runtime for local runs. `kfp-runtime home clear` empties it.\n";

/** Not ours to clear, and no sign of a foreign folder: lock, marker, and what a person put there. */
const KEPT: ReadonlySet<string> = new Set(["lock", MARKER, "launcher-config"]);

/** Paths only; nothing is touched. @param folder Absolute. */
export function homeAt(folder: string): Home {
  return {
    folder,
    lock: join(folder, "lock"),
    database: join(folder, "state.db"),
    artifacts: join(folder, "artifacts"),
    runs: join(folder, "runs"),
    environments: join(folder, "environments"),
    volumes: join(folder, "volumes"),
  };
}

/**
 * Makes a home, for its owner's eyes only: what steps are given may be secret. One that is there keeps the rights it has.
 *
 * @throws {HostError} HOME_UNUSABLE naming the folder and the reason.
 */
export async function prepareHome(folder: string): Promise<Home> {
  const home = homeAt(folder);
  try {
    await makePrivateFolder(folder);
    await access(folder, constants.W_OK | constants.X_OK);
    if (!(await exists(join(folder, MARKER)))) {
      const foreign = (await readdir(folder)).filter((name) => !KEPT.has(name));
      if (foreign.length > 0) {
        throw new HostError(
          "HOME_UNUSABLE",
          `Cannot use ${folder} as home: it holds other files (${foreign.slice(0, 3).join(", ")})`,
        );
      }
      await writeFile(join(folder, MARKER), MARKER_TEXT);
    }
    for (const part of [home.artifacts, home.runs, home.environments]) await makeFolder(part);
    return home;
  } catch (error) {
    if (error instanceof HostError) throw error;
    throw new HostError("HOME_UNUSABLE", `Cannot use ${folder} as home: ${fileProblem(error)}; choose another with --home`, {
      cause: error,
    });
  }
}

async function makePrivateFolder(path: string): Promise<void> {
  if (await isFolder(path)) return;
  await makeFolder(dirname(path));
  try {
    await mkdir(path, 0o700);
  } catch (error) {
    // Another process may have made it meanwhile.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST" || !(await isFolder(path))) throw error;
  }
}

/** @throws {HostError} HOME_UNUSABLE when the folder is none of ours, or may not be looked at. */
export async function assertHome(home: Home): Promise<void> {
  if (await isMarked(home)) return;
  throw new HostError("HOME_UNUSABLE", `${home.folder} is not a home: no run was made in it`);
}

/** @throws {HostError} HOME_UNUSABLE when that cannot be seen. */
async function isMarked({ folder }: Home): Promise<boolean> {
  try {
    await stat(join(folder, MARKER));
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return false;
    const reason = code === "ENOTDIR" ? "it is a file, not a folder" : fileProblem(error);
    throw new HostError("HOME_UNUSABLE", `Cannot read the home ${folder}: ${reason}`, { cause: error });
  }
}

/** Whether a path lies in a folder, by its name alone. */
export function isBelow(path: string, folder: string): boolean {
  return path.startsWith(folder + sep) && !path.split(sep).includes("..");
}

/** What a home takes on the disk. */
export interface HomeUsage {
  readonly exists: boolean;
  readonly databaseBytes: number;
  readonly artifactsBytes: number;
  readonly runsBytes: number;
  readonly environmentsBytes: number;
}

/**
 * Adds up what a home takes. What is not there has 0 bytes.
 *
 * @throws {HostError} HOME_UNUSABLE when it cannot be looked at.
 */
export async function homeUsage(home: Home): Promise<HomeUsage> {
  const isThere = await isMarked(home);
  const [databaseBytes, artifactsBytes, runsBytes, environmentsBytes] = await Promise.all(
    [home.database, home.artifacts, home.runs, home.environments].map(async (path) => {
      try {
        return await sizeOnDisk(path);
      } catch (error) {
        throw new HostError("HOME_UNUSABLE", `Cannot read ${path}: ${fileProblem(error)}`, { cause: error });
      }
    }),
  );
  return {
    exists: isThere,
    databaseBytes: databaseBytes ?? 0,
    artifactsBytes: artifactsBytes ?? 0,
    runsBytes: runsBytes ?? 0,
    environmentsBytes: environmentsBytes ?? 0,
  };
}

/**
 * Removes everything in a home. The caller holds its lock.
 *
 * @throws {HostError} HOME_UNUSABLE when the folder is not one of ours: nothing is removed then.
 */
export async function clearHome(home: Home): Promise<void> {
  if (!(await exists(join(home.folder, MARKER)))) {
    throw new HostError("HOME_UNUSABLE", `Cannot clear ${home.folder}: kfp-runtime did not make it (it has no file ${MARKER})`);
  }
  for (const name of await readdir(home.folder)) {
    if (!KEPT.has(name)) await rm(join(home.folder, name), { recursive: true, force: true });
  }
}

/** Bytes of a file, or of all files in a folder; 0 where there is nothing. @throws The error of the file system for a folder that cannot be listed. */
export async function sizeOnDisk(path: string): Promise<number> {
  const entry = await stat(path).catch(() => undefined);
  if (entry === undefined) return 0;
  if (!entry.isDirectory()) return entry.size;
  const names = await readdir(path, { recursive: true });
  const sizes = await Promise.all(
    names.map(async (name) => {
      const file = await stat(join(path, name)).catch(() => undefined);
      return file?.isFile() === true ? file.size : 0;
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
