/**
 * One SQLite connection: pragmas, cached statements, nested transactions.
 *
 * The only module that imports node:sqlite; load it dynamically. Write-ahead logging with `synchronous = NORMAL`: an answered write
 * survives the death of the process, a power cut may take the last ones but never the file.
 *
 * @module
 */
import { statSync } from "node:fs";
import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from "node:sqlite";

/** A value that a statement takes. */
export type SqlValue = SQLInputValue;
/** A row by column name. Read it with the functions below, which check types. */
export type SqlRow = Readonly<Record<string, SQLOutputValue>>;

/** How long a statement waits for another process's lock. */
const BUSY_TIMEOUT_MS = 10_000;

/** One connection: statements are prepared once and kept, transactions nest. Methods throw what node:sqlite throws. */
export class SqliteDatabase {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #depth = 0;

  /**
   * @param path File path, or `:memory:`.
   * @param options With `readOnly` nothing is created, written or waited for, also while another process writes.
   */
  constructor(path: string | URL, { readOnly = false }: { readonly readOnly?: boolean } = {}) {
    if (isFolder(path)) throw new Error("it is a folder, not a file");
    this.#db = new DatabaseSync(path, { enableForeignKeyConstraints: true, timeout: BUSY_TIMEOUT_MS, readOnly });
    this.#db.exec("PRAGMA temp_store = MEMORY;");
    if (!readOnly) this.#db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;");
  }

  all(sql: string, ...values: SqlValue[]): SqlRow[] {
    return this.#statement(sql).all(...values);
  }

  get(sql: string, ...values: SqlValue[]): SqlRow | undefined {
    return this.#statement(sql).get(...values);
  }

  /** @returns Number of changed rows. */
  run(sql: string, ...values: SqlValue[]): number {
    return Number(this.#statement(sql).run(...values).changes);
  }

  /** Several statements without values. */
  script(sql: string): void {
    this.#db.exec(sql);
  }

  transaction<T>(work: () => T): T {
    if (this.#depth > 0) return work();
    this.#db.exec("BEGIN IMMEDIATE");
    this.#depth += 1;
    try {
      const result = work();
      this.#db.exec("COMMIT");
      return result;
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw error;
    } finally {
      this.#depth -= 1;
    }
  }

  /** What a transaction would come to; nothing of it is stored. Not inside another one. */
  rehearse<T>(work: () => T): T {
    this.#db.exec("BEGIN IMMEDIATE");
    this.#depth += 1;
    try {
      return work();
    } finally {
      this.#depth -= 1;
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
    }
  }

  close(): void {
    this.#statements.clear();
    if (this.#db.isOpen) this.#db.close();
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

/** SQLite would call it an error of the disk. */
function isFolder(path: string | URL): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** A column that the schema declares as TEXT NOT NULL. */
export function textOf(row: SqlRow, column: string): string {
  return row[column] as string;
}

/** A column that the schema declares as INTEGER NOT NULL. */
export function integerOf(row: SqlRow, column: string): number {
  return row[column] as number;
}

/** A column that the schema declares as BLOB NOT NULL. */
export function blobOf(row: SqlRow, column: string): Uint8Array {
  return row[column] as Uint8Array;
}

/** A list of texts for `IN (SELECT value FROM json_each(?))`: one statement for lists of every length. */
export function jsonList(values: readonly string[]): string {
  return JSON.stringify(values);
}
