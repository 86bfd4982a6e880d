/**
 * A home rid of what nobody needs.
 *
 * Only what belongs to runs that this home has or had is removed: a folder of artifacts is one of a run when the database has or had that
 * run, or when files of ours in `HOME/runs` say so. Whatever else somebody keeps in the home stays.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { readdir, rm, rmdir } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { HostError } from "../../core/errors.ts";
import { exists } from "../../node/files/path-kind.ts";
import { lockHome } from "./home-lock.ts";
import { assertHome, homeUsage, isBelow, sizeOnDisk, type Home } from "./home.ts";

/** What was removed, or would be. */
export interface HomeSweep {
  readonly runs: number;
  readonly artifacts: number;
  /** Of a sweep that only looks: without what the database would shrink by. */
  readonly freedBytes: number;
  /** Files and folders, the outermost of each. */
  readonly paths: readonly string[];
}

/** What to remove, and when it is. */
export interface HomeSweepOptions {
  readonly now: Date;
  /** Runs that ended longer ago are removed; undefined keeps all runs. */
  readonly olderThanMs: number | undefined;
  /** Only say what would be removed. */
  readonly dryRun?: boolean;
}

/**
 * Removes what nobody needs. Takes the lock of the home.
 *
 * 1. Runs that ended longer ago than asked for, with tasks and links; never one that has not ended.
 * 2. Artifacts that no task refers to, of those runs or of runs that were deleted: their rows, and their files in the folder of their run.
 * 3. Folders of runs that are gone, below `runs` and `artifacts`, unless a stored artifact lies inside: a later run may have it from the
 *    cache.
 *
 * @throws {HostError} HOME_UNUSABLE or HOME_LOCKED.
 */
export async function sweepHome(home: Home, { now, olderThanMs, dryRun = false }: HomeSweepOptions): Promise<HomeSweep> {
  await assertHome(home);
  const lock = await lockHome(home, "home gc", now);
  try {
    if (!(await exists(home.database))) return { runs: 0, artifacts: 0, freedBytes: 0, paths: [] };
    const before = await totalBytes(home);
    const nowSeconds = Math.floor(now.getTime() / 1000);
    await bringUpToDate(home, { nowSeconds, dryRun });
    const { sweepDatabase } = await import("../../apiserver/sqlite/sqlite-maintenance.ts");
    const endedBefore = olderThanMs === undefined ? undefined : nowSeconds - Math.floor(olderThanMs / 1000);
    const swept = sweepDatabase(home.database, endedBefore, { dryRun });
    const folders = await foldersOfRuns(home);
    const paths = removablePaths({ home, ...folders, ...swept });
    const facts = { runs: swept.removedRuns.length, artifacts: swept.removedArtifacts, paths };
    if (dryRun) {
      const sizes = await Promise.all(paths.map(sizeOnDisk));
      return { ...facts, freedBytes: sizes.reduce((sum, size) => sum + size, 0) };
    }
    for (const path of paths) {
      await rm(path, { recursive: true, force: true });
      await removeEmptyFolders(dirname(path), home.artifacts);
    }
    return { ...facts, freedBytes: before - (await totalBytes(home)) };
  } finally {
    await lock.release();
  }
}

async function bringUpToDate(
  home: Home,
  { nowSeconds, dryRun }: { readonly nowSeconds: number; readonly dryRun: boolean },
): Promise<void> {
  const { openReadOnlySqliteStore, openSqliteStore } = await import("../../apiserver/sqlite/sqlite-store.ts");
  if (!dryRun) {
    openSqliteStore({ database: home.database, nowSeconds, defaultExperimentId: randomUUID() }).close();
    return;
  }
  const store = openReadOnlySqliteStore(home.database);
  if (store === "outdated") {
    throw new HostError(
      "HOME_UNUSABLE",
      `Cannot look what would be removed in ${home.folder}: an older version wrote its database; any other command, such as kfp-runtime runs, brings it up to date`,
    );
  }
  store.close();
}

/** What lies in a home by the names of runs. */
interface RunFolders {
  /** Names in `HOME/runs` whose files are ours. */
  readonly runNames: readonly string[];
  /** `HOME/artifacts/PIPELINE/RUN`, all of them. */
  readonly artifactFolders: readonly string[];
}

/** Files that only this program puts into the folder of a run. */
const OWN_FILES: ReadonlySet<string> = new Set([
  ...["launcher-config", "log", "options.json", "progress.jsonl", "removed", "served", "settings.json", "steps.jsonl"],
]);

async function foldersOfRuns(home: Home): Promise<RunFolders> {
  const runNames: string[] = [];
  for (const name of await readdir(home.runs).catch(() => [])) {
    const inside = await readdir(join(home.runs, name)).catch(() => []);
    if (inside.some((file) => OWN_FILES.has(file))) runNames.push(name);
  }
  const artifactFolders: string[] = [];
  for (const pipeline of await readdir(home.artifacts, { withFileTypes: true }).catch(() => [])) {
    if (!pipeline.isDirectory()) continue;
    const folder = join(home.artifacts, pipeline.name);
    for (const run of await readdir(folder, { withFileTypes: true })) {
      if (run.isDirectory()) artifactFolders.push(join(folder, run.name));
    }
  }
  return { runNames, artifactFolders };
}

/** What a sweep goes by. */
interface SweepFacts extends RunFolders {
  readonly home: Home;
  readonly removedRuns: readonly string[];
  readonly removedUris: readonly string[];
  readonly keptRuns: ReadonlySet<string>;
  readonly keptUris: ReadonlySet<string>;
}

/** As runs are named unless somebody names them otherwise. */
const RUN_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Pure. Artifacts come before the folders in `HOME/runs` that say whose they are: a sweep that is cut short can be repeated. */
function removablePaths({ home, removedRuns, removedUris, keptRuns, keptUris, runNames, artifactFolders }: SweepFacts): string[] {
  const runOf = (path: string): string => relative(home.artifacts, path).split(sep)[1] ?? "";
  const orphans = removedUris.filter((uri) => isBelow(uri, home.artifacts));
  // Runs that an older version deleted have left nothing but rows of artifacts.
  const named = orphans.map(runOf).filter((name) => RUN_ID.test(name));
  const gone = new Set([...removedRuns, ...runNames, ...named].filter((runId) => !keptRuns.has(runId)));
  const kept = pathsTo(keptUris, home.artifacts);
  const folders = artifactFolders.filter((path) => gone.has(runOf(path)) && !kept.has(path));
  const files = orphans.filter((uri) => {
    const owner = runOf(uri);
    if (relative(home.artifacts, uri).split(sep).length < 3 || kept.has(uri)) return false;
    return (keptRuns.has(owner) || gone.has(owner)) && !folders.some((folder) => isBelow(uri, folder));
  });
  const own = [...new Set([...runNames, ...removedRuns])]
    .filter((runId) => gone.has(runId))
    .map((runId) => join(home.runs, runId));
  return [...new Set([...files, ...folders, ...own])];
}

/** The paths of all artifacts below a folder, and every folder on the way to one. */
function pathsTo(uris: ReadonlySet<string>, folder: string): Set<string> {
  const paths = new Set<string>();
  for (const uri of uris) {
    for (let path = uri; isBelow(path, folder) && !paths.has(path); path = dirname(path)) paths.add(path);
  }
  return paths;
}

/** What was made for the run alone. */
async function removeEmptyFolders(folder: string, root: string): Promise<void> {
  for (let path = folder; isBelow(path, root); path = dirname(path)) {
    try {
      await rmdir(path);
    } catch {
      return;
    }
  }
}

async function totalBytes(home: Home): Promise<number> {
  const usage = await homeUsage(home);
  return usage.databaseBytes + usage.artifactsBytes + usage.runsBytes;
}
