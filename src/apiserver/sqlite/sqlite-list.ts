/**
 * A list query as SQL: count, page, and the first row of the next page.
 *
 * Values travel as bound parameters only; column names come from the tables below, never from a request. Rows without a value sort
 * first when ascending.
 *
 * @module
 */
import { TAG_KEY_PREFIX, type ListPredicate, type ListQuery } from "../lists/list-query.ts";
import type { ListResourceName } from "../lists/list-resources.ts";
import type { ListPage } from "../store.ts";
import { integerOf, jsonList, textOf, type SqliteDatabase, type SqlRow, type SqlValue } from "./sqlite-database.ts";

interface ListTable {
  readonly table: string;
  readonly idColumn: string;
  /** Columns whose name is not the key. */
  readonly columns: Readonly<Record<string, string>>;
  /** Sort expressions of columns that may be null. */
  readonly nullable: Readonly<Record<string, string>>;
}

const LIST_TABLES: Readonly<Record<ListResourceName, ListTable>> = {
  runs: { table: "runs", idColumn: "run_id", columns: {}, nullable: {} },
  tasks: {
    table: "tasks",
    idColumn: "task_id",
    columns: { status: "state" },
    nullable: { parent_task_id: "IFNULL(parent_task_id, '')" },
  },
  artifacts: {
    table: "artifacts",
    idColumn: "artifact_id",
    columns: {},
    nullable: { uri: "IFNULL(uri, '')", number_value: "IFNULL(number_value, -1.7976931348623157e308)" },
  },
  links: {
    table: "links",
    idColumn: "link_id",
    columns: { id: "link_id" },
    nullable: { producer: "IFNULL(producer, '')" },
  },
  experiments: { table: "experiments", idColumn: "experiment_id", columns: {}, nullable: {} },
  pipelines: { table: "pipelines", idColumn: "pipeline_id", columns: {}, nullable: {} },
  "pipeline versions": { table: "pipeline_versions", idColumn: "pipeline_version_id", columns: {}, nullable: {} },
  "recurring runs": { table: "recurring_runs", idColumn: "recurring_run_id", columns: {}, nullable: {} },
};

/** A condition with its values. */
export interface SqlCondition {
  readonly sql: string;
  readonly values: readonly SqlValue[];
}

/**
 * Runs a list query.
 *
 * @param scope Conditions besides the filter, ANDed.
 * @param columns Columns to read, as SQL.
 */
export function listRows<Row>(
  db: SqliteDatabase,
  query: ListQuery,
  scope: readonly SqlCondition[],
  columns: string,
  toRow: (row: SqlRow) => Row,
): ListPage<Row> {
  const { table, idColumn, columns: names, nullable } = LIST_TABLES[query.resource];
  const columnOf = (key: string) => names[key] ?? key;
  const conditions = [...scope, ...query.predicates.map((predicate) => predicateSql(columnOf(predicate.key), predicate))];
  const where = conditions.length === 0 ? "1" : conditions.map(({ sql }) => sql).join(" AND ");
  const values = conditions.flatMap((condition) => condition.values);

  const count = db.get(`SELECT count(*) AS total FROM ${table} WHERE ${where}`, ...values);
  const totalSize = count === undefined ? 0 : integerOf(count, "total");
  if (totalSize === 0) return { rows: [], totalSize };
  const sort = nullable[query.sortKey] ?? columnOf(query.sortKey);
  const direction = query.descending ? "DESC" : "ASC";
  const start = query.from === undefined ? "" : ` AND (${sort}, ${idColumn}) ${query.descending ? "<=" : ">="} (?, ?)`;
  const found = db.all(
    `SELECT ${columns}, ${sort} AS sort_value, ${idColumn} AS sort_id FROM ${table} WHERE ${where}${start}` +
      ` ORDER BY ${sort} ${direction}, ${idColumn} ${direction} LIMIT ?`,
    ...values,
    ...(query.from === undefined ? [] : [query.from.value, query.from.id]),
    query.pageSize + 1,
  );
  const extra = found[query.pageSize];
  return {
    rows: found.slice(0, query.pageSize).map(toRow),
    totalSize,
    ...(extra === undefined ? {} : { next: { value: extra["sort_value"] as string | number, id: textOf(extra, "sort_id") } }),
  };
}

/** `column IN (values)`, or nothing when there are none. */
export function anyOf(column: string, values: readonly string[]): SqlCondition[] {
  if (values.length === 0) return [];
  return [{ sql: `${column} IN (SELECT value FROM json_each(?))`, values: [jsonList(values)] }];
}

function predicateSql(column: string, predicate: ListPredicate): SqlCondition {
  const values = predicate.values.map((value) => (typeof value === "object" ? BigInt(value.int64) : value));
  if (column.startsWith(TAG_KEY_PREFIX)) {
    return {
      sql: "EXISTS (SELECT 1 FROM json_each(tags) WHERE json_each.key = ? AND json_each.value = ?)",
      values: [column.slice(TAG_KEY_PREFIX.length), ...values],
    };
  }
  switch (predicate.operation) {
    case "in":
      return { sql: `${column} IN (SELECT value FROM json_each(?))`, values: [jsonScalars(values)] };
    case "contains":
      return { sql: `instr(lower(${column}), lower(?)) > 0`, values };
    default:
      return { sql: `${column} ${predicate.operation} ?`, values };
  }
}

/** One bound text for a list of any length: no limit on variables, and one statement for all lengths. */
function jsonScalars(values: readonly (string | number | bigint)[]): string {
  return `[${values.map((value) => (typeof value === "bigint" ? value.toString() : JSON.stringify(value))).join(",")}]`;
}
