/**
 * The runs of a home for those who only look: the database is opened for reading, also while another process writes to it.
 *
 * @module
 */
import { statSync } from "node:fs";
import type { Store } from "../../apiserver/store.ts";
import { HostError } from "../../core/errors.ts";
import { fileProblem } from "../../node/files/file-problem.ts";
import type { Home } from "../home/home.ts";
import { lockHolder, lockHome, type LockHolder } from "../home/home-lock.ts";

/** A home that is looked at. */
export interface HomeHistory {
  readonly home: Home;
  /** Writing throws. */
  readonly store: Store;
  /** Who worked in the home when it was opened: a run that is not over and has nobody was left behind. */
  readonly holder: LockHolder | undefined;
  close(): void;
}

/**
 * Opens the database of a home. One that an older version wrote is brought up to date first, which takes the lock for a moment.
 *
 * @returns Undefined when there is no home, or no run was ever stored in it.
 * @throws {HostError} HOME_UNUSABLE when the database cannot be read; HOME_LOCKED when an older version is at work in it.
 */
export async function openHistory(home: Home): Promise<HomeHistory | undefined> {
  if (!isThere(home)) return undefined;
  const { openReadOnlySqliteStore } = await import("../../apiserver/sqlite/sqlite-store.ts");
  let store = openReadOnlySqliteStore(home.database);
  if (store === "outdated") {
    await bringUpToDate(home);
    store = openReadOnlySqliteStore(home.database);
  }
  // Two versions at once that undo each other's work are not to be had: a newer file throws.
  if (store === "outdated") return undefined;
  const opened = store;
  return { home, store: opened, holder: await lockHolder(home), close: () => opened.close() };
}

/** A home that may not be looked at is not one without runs. */
function isThere({ folder, database }: Home): boolean {
  try {
    if (statSync(database, { throwIfNoEntry: false }) !== undefined) return true;
    if (statSync(folder, { throwIfNoEntry: false })?.isFile() !== true) return false;
  } catch (error) {
    throw new HostError("HOME_UNUSABLE", `Cannot read the home ${folder}: ${fileProblem(error)}`, { cause: error });
  }
  throw new HostError("HOME_UNUSABLE", `Cannot read the home ${folder}: it is a file, not a folder`);
}

async function bringUpToDate(home: Home): Promise<void> {
  const [{ openSqliteStore }, { randomUUID }] = await Promise.all([
    import("../../apiserver/sqlite/sqlite-store.ts"),
    import("node:crypto"),
  ]);
  const now = new Date();
  const lock = await lockHome(home, "upgrade of the database", now);
  try {
    const nowSeconds = Math.floor(now.getTime() / 1000);
    openSqliteStore({ database: home.database, nowSeconds, defaultExperimentId: randomUUID() }).close();
  } finally {
    await lock.release();
  }
}
