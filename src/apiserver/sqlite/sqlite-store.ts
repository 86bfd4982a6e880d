/**
 * The store on SQLite: a file, or `:memory:`.
 *
 * Load it with `await import()`: node:sqlite costs start-up time and does not exist in every Node that can show a help text.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { errorMessage, HostError } from "../../core/errors.ts";
import type { Store } from "../store.ts";
import { createArtifactStore } from "./sqlite-artifacts.ts";
import { SqliteDatabase, textOf } from "./sqlite-database.ts";
import { createLinkStore } from "./sqlite-links.ts";
import { createExperimentStore, ensureDefaultExperiment } from "./sqlite-experiments.ts";
import { createPipelineStore } from "./sqlite-pipelines.ts";
import { createRecurringRunStore } from "./sqlite-recurring-runs.ts";
import { createRunStore } from "./sqlite-runs.ts";
import { isOutdated, migrate } from "./sqlite-schema.ts";
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
    return storeOn(opened);
  } catch (error) {
    db?.close();
    throw openingError(options.database, error);
  }
}

/**
 * Opens a database that exists for reading, also while another process writes to it. What would write throws what node:sqlite throws.
 *
 * @param database File path.
 * @returns `"outdated"` when an older version wrote the file: it has to be opened for writing once.
 * @throws {HostError} HOME_UNUSABLE when it cannot be opened, is not a database, or was written by a newer version.
 */
export function openReadOnlySqliteStore(database: string): Store | "outdated" {
  let db: SqliteDatabase | undefined;
  try {
    db = openForReading(database);
    if (isOutdated(db)) {
      db.close();
      return "outdated";
    }
    return storeOn(db);
  } catch (error) {
    db?.close();
    throw openingError(database, error);
  }
}

/** A folder that cannot be written has no place for the shared memory of the log; then nobody else can be writing, either. */
function openForReading(database: string): SqliteDatabase {
  const open = (place: string | URL): SqliteDatabase => {
    const db = new SqliteDatabase(place, { readOnly: true });
    try {
      db.get("PRAGMA schema_version");
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  };
  try {
    return open(database);
  } catch (error) {
    const code = (error as { readonly errcode?: unknown }).errcode;
    if (existsSync(`${database}-wal`) || typeof code !== "number" || !NO_PLACE_FOR_LOG.has(code & 0xff)) throw error;
    const url = pathToFileURL(database);
    url.search = "immutable=1";
    return open(url);
  }
}

/** SQLITE_READONLY and SQLITE_CANTOPEN, primary result codes; sqlite.org/rescode.html. */
const NO_PLACE_FOR_LOG: ReadonlySet<number> = new Set([8, 14]);

function storeOn(db: SqliteDatabase): Store {
  return {
    runs: createRunStore(db),
    tasks: createTaskStore(db),
    artifacts: createArtifactStore(db),
    links: createLinkStore(db),
    experiments: createExperimentStore(db),
    pipelines: createPipelineStore(db),
    recurringRuns: createRecurringRunStore(db),
    transaction: (work) => db.transaction(work),
    checkIntegrity: () => integrityProblems(db),
    close: () => db.close(),
  };
}

function openingError(database: string, error: unknown): HostError {
  return new HostError("HOME_UNUSABLE", `Cannot open the database ${database}: ${errorMessage(error)}`, { cause: error });
}

/** @returns One line per problem. */
export function integrityProblems(db: SqliteDatabase): string[] {
  const problems = db.all("PRAGMA integrity_check").map((row) => textOf(row, "integrity_check"));
  const orphans = db
    .all("PRAGMA foreign_key_check")
    .map((row) => `row ${String(row["rowid"])} of ${String(row["table"])} refers to a missing row of ${String(row["parent"])}`);
  return [...problems.filter((line) => line !== "ok"), ...orphans];
}
