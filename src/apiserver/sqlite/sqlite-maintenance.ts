/**
 * A database as a whole: copied, checked, swept. Load it with `await import()`, as it loads node:sqlite.
 *
 * @module
 */
import { fromBinary, type DescMessage } from "@bufbuild/protobuf";
import { errorMessage, HostError } from "../../core/errors.ts";
import { ArtifactSchema, IoParameterSchema, PipelineTaskSchema, RunSchema, RuntimeState } from "../../core/kfp-types.ts";
import { blobOf, integerOf, jsonList, SqliteDatabase, textOf } from "./sqlite-database.ts";
import { createRunStore } from "./sqlite-runs.ts";
import { integrityProblems } from "./sqlite-store.ts";

/**
 * Writes a copy of a database as it is at one moment, also while others write to it.
 *
 * @param target A file that does not exist.
 * @throws {HostError} HOME_UNUSABLE.
 */
export function copyDatabase(database: string, target: string): void {
  inDatabase(database, { readOnly: true }, (db) => db.run("VACUUM INTO ?", target));
}

/**
 * Looks at every page, every reference and every stored message, also while others write.
 *
 * @returns One line per problem; empty when the database is sound.
 * @throws {HostError} HOME_UNUSABLE when it cannot be opened at all.
 */
export function checkDatabase(database: string): string[] {
  return inDatabase(database, { readOnly: true }, (db) => {
    const problems = integrityProblems(db);
    // Rows of a damaged file cannot be walked in any order.
    return problems.length > 0 ? problems : unreadableRows(db);
  });
}

const MESSAGES: readonly (readonly [table: string, idColumn: string, schema: DescMessage])[] = [
  ["runs", "run_id", RunSchema],
  ["tasks", "task_id", PipelineTaskSchema],
  ["artifacts", "artifact_id", ArtifactSchema],
  ["task_parameters", "sequence", IoParameterSchema],
];
/** Rows that are in memory at a time. */
const ROWS_AT_ONCE = 500;

function unreadableRows(db: SqliteDatabase): string[] {
  const problems: string[] = [];
  for (const [table, idColumn, schema] of MESSAGES) {
    for (let last = Number.MIN_SAFE_INTEGER; ;) {
      const rows = db.all(
        `SELECT rowid AS place, ${idColumn} AS id, body FROM ${table} WHERE rowid > ? ORDER BY rowid LIMIT ${ROWS_AT_ONCE}`,
        last,
      );
      for (const row of rows) {
        last = integerOf(row, "place");
        try {
          fromBinary(schema, blobOf(row, "body"));
        } catch (error) {
          problems.push(`row ${String(row["id"])} of ${table} cannot be read: ${errorMessage(error)}`);
        }
      }
      if (rows.length < ROWS_AT_ONCE) break;
    }
  }
  return problems;
}

/** What is left of a database, and what is no longer there. */
export interface DatabaseSweep {
  /** Ids of the runs that were removed. */
  readonly removedRuns: readonly string[];
  /** URIs of the artifacts that were removed, where they had one. */
  readonly removedUris: readonly string[];
  readonly removedArtifacts: number;
  /** Ids of all runs that are left. */
  readonly keptRuns: ReadonlySet<string>;
  /** URIs of all artifacts that are left. */
  readonly keptUris: ReadonlySet<string>;
}

const ENDED = [RuntimeState.SUCCEEDED, RuntimeState.FAILED, RuntimeState.SKIPPED, RuntimeState.CANCELED].map(
  (state) => RuntimeState[state],
);

/**
 * Removes runs that ended before a moment, with their tasks and links; then every artifact that no task refers to; then the rows of
 * deleted experiments without runs, and what was set aside of runs that are gone. Gives the space back to the disk.
 *
 * The caller is the only writer, and the database is of the current version.
 *
 * @param endedBeforeSeconds Unix time; undefined removes no run.
 * @param options.dryRun Only finds out what would be removed.
 * @throws {HostError} HOME_UNUSABLE.
 */
export function sweepDatabase(
  database: string,
  endedBeforeSeconds: number | undefined,
  { dryRun = false }: { readonly dryRun?: boolean } = {},
): DatabaseSweep {
  return inDatabase(database, { readOnly: false }, (db) => {
    const runs = createRunStore(db);
    const sweep = (): DatabaseSweep => {
      const removedRuns =
        endedBeforeSeconds === undefined
          ? []
          : db
              .all(
                `SELECT run_id FROM runs WHERE state IN (SELECT value FROM json_each(?)) AND finished_at > 0 AND finished_at < ?`,
                jsonList(ENDED),
                endedBeforeSeconds,
              )
              .map((row) => textOf(row, "run_id"));
      for (const runId of removedRuns) runs.remove(runId);
      const removed = db.all(
        `DELETE FROM artifacts WHERE NOT EXISTS (SELECT 1 FROM links WHERE links.artifact_id = artifacts.artifact_id)
         RETURNING uri`,
      );
      db.run("DELETE FROM set_aside WHERE run_id NOT IN (SELECT run_id FROM runs)");
      db.run("DELETE FROM experiments WHERE is_deleted = 1 AND experiment_id NOT IN (SELECT experiment_id FROM runs)");
      return {
        removedRuns,
        removedArtifacts: removed.length,
        removedUris: removed.flatMap(({ uri }) => (typeof uri === "string" ? [uri] : [])),
        keptRuns: new Set(db.all("SELECT run_id FROM runs").map((row) => textOf(row, "run_id"))),
        keptUris: new Set(db.all("SELECT DISTINCT uri FROM artifacts WHERE uri IS NOT NULL").map((row) => textOf(row, "uri"))),
      };
    };
    if (dryRun) return db.rehearse(sweep);
    const swept = db.transaction(sweep);
    db.script("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);");
    return swept;
  });
}

/** URIs of all artifacts. @throws {HostError} HOME_UNUSABLE. */
export function storedUris(database: string): string[] {
  return inDatabase(database, { readOnly: true }, (db) =>
    db.all("SELECT DISTINCT uri FROM artifacts WHERE uri IS NOT NULL ORDER BY uri").map((row) => textOf(row, "uri")),
  );
}

function inDatabase<T>(database: string, options: { readonly readOnly: boolean }, work: (db: SqliteDatabase) => T): T {
  let db: SqliteDatabase | undefined;
  try {
    db = new SqliteDatabase(database, options);
    return work(db);
  } catch (error) {
    throw new HostError("HOME_UNUSABLE", `Cannot use the database ${database}: ${errorMessage(error)}`, { cause: error });
  } finally {
    db?.close();
  }
}
