/**
 * Parameters of tasks that are rows of their own, in SQLite.
 *
 * A parameter is the same as another one of its side by its identity, and then takes its place. `item` is the iteration of a loop's item,
 * by which one of thousands is found.
 *
 * @module
 */
import { toBinary } from "@bufbuild/protobuf";
import { IoParameterSchema, IoType, type IoParameter } from "../../core/kfp-types.ts";
import type { LeanInputs } from "../../wire/lean-answer.ts";
import type { ParameterRow, TaskSide } from "../hydration.ts";
import { parameterIdentity } from "../services/parameter-merge.ts";
import { blobOf, jsonList, textOf, type SqliteDatabase, type SqlRow } from "./sqlite-database.ts";

/** As field numbers of PipelineTask. */
const SIDES: Readonly<Record<TaskSide, number>> = { inputs: 16, outputs: 17 };
/** Everything but the item of one iteration. */
const NO_ITEM = -1;

const COLUMNS = "task_id, side, body";

/** Adds to a side; what is there by its identity takes the place of what was. */
export function addParameters(db: SqliteDatabase, taskId: string, side: TaskSide, parameters: readonly IoParameter[]): void {
  for (const parameter of parameters) {
    db.run(
      `INSERT INTO task_parameters (task_id, side, key, item, identity, body) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (task_id, side, key, item, identity) DO UPDATE SET body = excluded.body`,
      taskId,
      SIDES[side],
      parameter.parameterKey,
      itemOf(parameter),
      parameterIdentity(parameter),
      toBinary(IoParameterSchema, parameter),
    );
  }
}

/** Removes all of a side. */
export function removeParameters(db: SqliteDatabase, taskId: string, side: TaskSide): void {
  db.run("DELETE FROM task_parameters WHERE task_id = ? AND side = ?", taskId, SIDES[side]);
}

/** Those of tasks, in the order in which they came. */
export function parametersOf(db: SqliteDatabase, taskIds: readonly string[]): ParameterRow[] {
  if (taskIds.length === 0) return [];
  return db
    .all(
      `SELECT ${COLUMNS} FROM task_parameters WHERE task_id IN (SELECT value FROM json_each(?)) ORDER BY sequence`,
      jsonList(taskIds),
    )
    .map(parameterRow);
}

/** Those of one side, as far as they are wanted. */
export function parametersOfSide(db: SqliteDatabase, taskId: string, side: TaskSide, wanted?: LeanInputs): ParameterRow[] {
  const ofSide = `SELECT ${COLUMNS} FROM task_parameters WHERE task_id = ? AND side = ?`;
  const values = [taskId, SIDES[side]];
  if (wanted === undefined) return db.all(`${ofSide} ORDER BY sequence`, ...values).map(parameterRow);
  const ofKeys = `${ofSide} AND key IN (SELECT value FROM json_each(?))`;
  const keys = jsonList(wanted.keys);
  const rows =
    wanted.iteration === undefined
      ? db.all(`${ofKeys} ORDER BY sequence`, ...values, keys)
      : db.all(`${ofKeys} AND item IN (${NO_ITEM}, ?) ORDER BY sequence`, ...values, keys, wanted.iteration);
  return rows.map(parameterRow);
}

/** Whether two of a list are the same by their identity. */
export function hasRepeatedParameters(parameters: readonly IoParameter[]): boolean {
  return new Set(parameters.map(parameterIdentity)).size < parameters.length;
}

function itemOf({ type, producer }: IoParameter): number | bigint {
  return type === IoType.ITERATOR_INPUT && producer?.iteration !== undefined ? producer.iteration : NO_ITEM;
}

function parameterRow(row: SqlRow): ParameterRow {
  return {
    taskId: textOf(row, "task_id"),
    side: row["side"] === SIDES.inputs ? "inputs" : "outputs",
    parameter: blobOf(row, "body"),
  };
}
