/**
 * The store on SQLite: a file, or `:memory:`.
 *
 * Load it with `await import()`: node:sqlite costs start-up time and does not exist in every Node that can show a help text.
 *
 * @module
 */
import { errorMessage, HostError } from "../../core/errors.ts";
import type { Store } from "../store.ts";
import { createArtifactStore } from "./sqlite-artifacts.ts";
import { SqliteDatabase, textOf } from "./sqlite-database.ts";
import { createLinkStore } from "./sqlite-links.ts";
import { createExperimentStore, createRunStore, ensureDefaultExperiment } from "./sqlite-runs.ts";
import { migrate } from "./sqlite-schema.ts";
import { createTaskStore } from "./sqlite-tasks.ts";

/** Which database, and what a new one begins with. */
export interface SqliteStoreOptions {
  /** File path, or `:memory:`. The folder must exist. */
  readonly database: string;
  readonly nowSeconds: number;
  /** Id of the default experiment, should it have to be made. */
  readonly defaultExperimentId: string;
}

/**
 * Opens the database, creating or upgrading it where needed.
 *
 * @throws {HostError} HOME_UNUSABLE when it cannot be opened, is not a database, or was written by a newer version.
 */
export function openSqliteStore(options: SqliteStoreOptions): Store {
  let db: SqliteDatabase | undefined;
  try {
    const opened = new SqliteDatabase(options.database);
    db = opened;
    migrate(opened);
    ensureDefaultExperiment(opened, options.defaultExperimentId, options.nowSeconds);
    return {
      runs: createRunStore(opened),
      tasks: createTaskStore(opened),
      artifacts: createArtifactStore(opened),
      links: createLinkStore(opened),
      experiments: createExperimentStore(opened),
      transaction: (work) => opened.transaction(work),
      checkIntegrity: () => integrityProblems(opened),
      close: () => opened.close(),
    };
  } catch (error) {
    db?.close();
    throw new HostError("HOME_UNUSABLE", `Cannot open the database ${options.database}: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}

function integrityProblems(db: SqliteDatabase): string[] {
  const problems = db.all("PRAGMA integrity_check").map((row) => textOf(row, "integrity_check"));
  const orphans = db
    .all("PRAGMA foreign_key_check")
    .map((row) => `row ${String(row["rowid"])} of ${String(row["table"])} refers to a missing row of ${String(row["parent"])}`);
  return [...problems.filter((line) => line !== "ok"), ...orphans];
}
