/**
 * A home looked after: checked, copied while it is used, and rid of what nobody needs.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { cp, lstat, mkdir, readdir, rename, rm } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { errorMessage, HostError } from "../../core/errors.ts";
import { exists } from "../../node/path-kind.ts";
import { lockHome } from "./home-lock.ts";
import { homeAt, homeUsage, isHome, prepareHome, type Home } from "./home.ts";

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
    throw new HostError("HOME_UNUSABLE", `Cannot back up ${home.folder} to ${target}: ${errorMessage(error)}`, { cause: error });
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

/** What was removed. */
export interface HomeSweep {
  readonly runs: number;
  readonly artifacts: number;
  readonly freedBytes: number;
}

/** What to remove, and when it is. */
export interface HomeSweepOptions {
  readonly now: Date;
  /** Runs that ended longer ago are removed; undefined keeps all runs. */
  readonly olderThanMs: number | undefined;
}

/**
 * Removes what nobody needs. Takes the lock of the home.
 *
 * 1. Runs that ended longer ago than asked for, with tasks and links; never one that has not ended.
 * 2. Artifacts that no task refers to, of those runs or of runs that were deleted: their rows, and their files below the home.
 * 3. Folders of runs that are gone, below `runs` and `artifacts`, unless a stored artifact lies inside: a later run may have it from the
 *    cache.
 *
 * Files outside the home are never touched, nor are the environments.
 *
 * @throws {HostError} HOME_UNUSABLE or HOME_LOCKED.
 */
export async function sweepHome(home: Home, { now, olderThanMs }: HomeSweepOptions): Promise<HomeSweep> {
  await assertHome(home);
  const lock = await lockHome(home, "home gc", now);
  try {
    const before = await totalBytes(home);
    if (!(await exists(home.database))) return { runs: 0, artifacts: 0, freedBytes: 0 };
    const [{ openSqliteStore }, { sweepDatabase }] = await Promise.all([
      import("../../apiserver/sqlite/sqlite-store.ts"),
      import("../../apiserver/sqlite/sqlite-maintenance.ts"),
    ]);
    const nowSeconds = Math.floor(now.getTime() / 1000);
    // Brings a file of an older version up to date.
    openSqliteStore({ database: home.database, nowSeconds, defaultExperimentId: randomUUID() }).close();
    const endedBefore = olderThanMs === undefined ? undefined : nowSeconds - Math.floor(olderThanMs / 1000);
    const swept = sweepDatabase(home.database, endedBefore);
    const kept = keptPaths(swept.keptUris, home.artifacts);
    for (const uri of swept.removedUris) {
      if (isBelow(uri, home.artifacts) && !kept.has(uri)) await rm(uri, { recursive: true, force: true });
    }
    for (const runId of await readdir(home.runs).catch(() => [])) {
      if (!swept.keptRuns.has(runId)) await rm(join(home.runs, runId), { recursive: true, force: true });
    }
    await removeRunFolders(home, swept.keptRuns, kept);
    return { runs: swept.removedRuns.length, artifacts: swept.removedArtifacts, freedBytes: before - (await totalBytes(home)) };
  } finally {
    await lock.release();
  }
}

/** `HOME/artifacts/PIPELINE/RUN`. */
async function removeRunFolders(home: Home, keptRuns: ReadonlySet<string>, kept: ReadonlySet<string>): Promise<void> {
  for (const pipeline of await readdir(home.artifacts, { withFileTypes: true }).catch(() => [])) {
    if (!pipeline.isDirectory()) continue;
    const folder = join(home.artifacts, pipeline.name);
    const runs = await readdir(folder);
    for (const runId of runs) {
      const path = join(folder, runId);
      if (!keptRuns.has(runId) && !kept.has(path)) await rm(path, { recursive: true, force: true });
    }
    if (!kept.has(folder) && (await readdir(folder)).length === 0) await rm(folder, { recursive: true, force: true });
  }
}

/** The paths of all artifacts below a folder, and every folder on the way to one. */
function keptPaths(uris: ReadonlySet<string>, folder: string): Set<string> {
  const paths = new Set<string>();
  for (const uri of uris) {
    for (let path = uri; isBelow(path, folder) && !paths.has(path); path = dirname(path)) paths.add(path);
  }
  return paths;
}

function isBelow(path: string, folder: string): boolean {
  return path.startsWith(folder + sep) && !path.split(sep).includes("..");
}

async function totalBytes(home: Home): Promise<number> {
  const usage = await homeUsage(home);
  return usage.databaseBytes + usage.artifactsBytes + usage.runsBytes;
}

async function assertHome(home: Home): Promise<void> {
  if (await isHome(home)) return;
  throw new HostError("HOME_UNUSABLE", `${home.folder} is not a home: no run was made in it`);
}
