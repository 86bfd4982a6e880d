/** Tasks in SQLite. @module */
import { create, toBinary } from "@bufbuild/protobuf";
import { InputOutputsSchema, PipelineTaskSchema, TaskState, type IoParameter, type PipelineTask } from "../../core/kfp-types.ts";
import { isDagType } from "../dag-types.ts";
import type { ChildRow, TaskSide } from "../hydration.ts";
import type { StoredTask, TaskStore } from "../store.ts";
import { secondsOfTimestamp } from "../timestamps.ts";
import { blobOf, integerOf, jsonList, textOf, type SqliteDatabase, type SqlRow, type SqlValue } from "./sqlite-database.ts";
import { listRows } from "./sqlite-list.ts";
import { addParameters, hasRepeatedParameters, parametersOf, parametersOfSide, removeParameters } from "./sqlite-parameters.ts";

const COLUMNS = "task_id, run_id, name, body, replace_inputs, parameters_apart";

/** Tasks on SQLite. */
export function createTaskStore(db: SqliteDatabase): TaskStore {
  return {
    insert: (task, identity) => {
      const sides = sidesOf(task);
      const apart = isDagType(task.type) && !sides.some(([, parameters]) => hasRepeatedParameters(parameters));
      db.transaction(() => {
        db.run(
          `INSERT INTO tasks (parent_task_id, name, display_name, scope_path, type, state, create_time, end_time,
             cache_fingerprint, body, task_id, run_id, start_time, identity, parameters_apart)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
          ...taskValues(apart ? withoutParameters(task) : task),
          task.taskId,
          task.runId,
          secondsOfTimestamp(task.createTime),
          identity ?? null,
          apart ? 1 : 0,
        );
        db.run(
          "INSERT INTO task_counts (run_id, tasks) VALUES (?, 1) ON CONFLICT (run_id) DO UPDATE SET tasks = tasks + 1",
          task.runId,
        );
        if (apart) for (const [side, parameters] of sides) addParameters(db, task.taskId, side, parameters);
      });
    },
    find: (taskId) => one(db.get(`SELECT ${COLUMNS} FROM tasks WHERE task_id = ?`, taskId)),
    findByIdentity: (identity) => one(db.get(`SELECT ${COLUMNS} FROM tasks WHERE identity = ?`, identity)),
    update: (task, { replaceInputs, startSeconds, removes = [] }) => {
      db.transaction(() => {
        const stored = db.get("SELECT parameters_apart FROM tasks WHERE task_id = ?", task.taskId);
        const apart = stored !== undefined && isApart(stored);
        db.run(
          `UPDATE tasks SET parent_task_id = ?, name = ?, display_name = ?, scope_path = ?, type = ?, state = ?,
             create_time = ?, end_time = ?, cache_fingerprint = ?, body = ?, replace_inputs = ?,
             start_time = IFNULL(?, start_time) WHERE task_id = ?`,
          ...taskValues(apart ? withoutParameters(task) : task),
          replaceInputs ? 1 : 0,
          startSeconds ?? null,
          task.taskId,
        );
        if (!apart) return;
        for (const side of removes) removeParameters(db, task.taskId, side);
        for (const [side, parameters] of sidesOf(task)) addParameters(db, task.taskId, side, parameters);
      });
    },
    findCached: (fingerprint) =>
      one(
        db.get(
          `SELECT ${COLUMNS} FROM tasks WHERE cache_fingerprint = ? AND cache_fingerprint <> '' AND state = ?
           ORDER BY create_time DESC, task_id DESC LIMIT 1`,
          fingerprint,
          TaskState.SUCCEEDED,
        ),
      ),
    cacheEntries: () =>
      db
        .all(
          // A bare column beside max() comes from the row that has the greatest value (sqlite.org/lang_select.html#bareagg).
          `SELECT ${COLUMNS}, max(rowid) AS stored FROM tasks WHERE cache_fingerprint <> '' AND state = ?
           GROUP BY cache_fingerprint ORDER BY create_time DESC, stored DESC`,
          TaskState.SUCCEEDED,
        )
        .map(storedTask),
    ofScopePath: (scopePath, limit) =>
      db.all(`SELECT ${COLUMNS} FROM tasks WHERE scope_path = ? ORDER BY rowid DESC LIMIT ?`, scopePath, limit).map(storedTask),
    count: (runId) => {
      const row = db.get("SELECT tasks AS total FROM task_counts WHERE run_id = ?", runId);
      return row === undefined ? 0 : integerOf(row, "total");
    },
    counts: (runIds) =>
      new Map(
        db
          .all(
            "SELECT run_id, tasks AS total FROM task_counts WHERE run_id IN (SELECT value FROM json_each(?))",
            jsonList(runIds),
          )
          .map((row) => [textOf(row, "run_id"), integerOf(row, "total")]),
      ),
    ofRun: (runId) =>
      db.all(`SELECT ${COLUMNS} FROM tasks WHERE run_id = ? ORDER BY create_time, task_id`, runId).map(storedTask),
    list: ({ runId, parentTaskId }, query) => {
      const scope = [{ sql: "run_id = ?", values: [runId] }];
      if (parentTaskId !== undefined) scope.push({ sql: "parent_task_id = ?", values: [parentTaskId] });
      return listRows(db, query, scope, COLUMNS, storedTask);
    },
    parametersOf: (taskIds) => parametersOf(db, taskIds),
    parametersOfSide: (taskId, side, wanted) => parametersOfSide(db, taskId, side, wanted),
    childrenOf: (taskIds) =>
      taskIds.length === 0
        ? []
        : db
            .all(
              // A parent is in the run of its child: create and update refuse every other.
              `SELECT parent_task_id, task_id, name FROM tasks INDEXED BY tasks_by_parent
               WHERE parent_task_id IN (SELECT value FROM json_each(?)) ORDER BY create_time, task_id`,
              jsonList(taskIds),
            )
            .map(childRow),
  };
}

function sidesOf({ inputs, outputs }: PipelineTask): (readonly [TaskSide, readonly IoParameter[]])[] {
  return [
    ["inputs", inputs?.parameters ?? []],
    ["outputs", outputs?.parameters ?? []],
  ];
}

/** Both sides stay, empty: a reader of the message sees them. */
function withoutParameters(task: PipelineTask): PipelineTask {
  return { ...task, inputs: create(InputOutputsSchema), outputs: create(InputOutputsSchema) };
}

function isApart(row: SqlRow): boolean {
  return integerOf(row, "parameters_apart") === 1;
}

function taskValues(task: PipelineTask): SqlValue[] {
  return [
    task.parentTaskId ?? null,
    task.name,
    task.displayName,
    task.scopePath,
    task.type,
    task.state,
    secondsOfTimestamp(task.createTime),
    secondsOfTimestamp(task.endTime),
    task.cacheFingerprint,
    toBinary(PipelineTaskSchema, task),
  ];
}

function one(row: SqlRow | undefined): StoredTask | undefined {
  return row === undefined ? undefined : storedTask(row);
}

function storedTask(row: SqlRow): StoredTask {
  return {
    taskId: textOf(row, "task_id"),
    runId: textOf(row, "run_id"),
    name: textOf(row, "name"),
    body: blobOf(row, "body"),
    replaceInputs: integerOf(row, "replace_inputs") === 1,
    parametersApart: isApart(row),
  };
}

function childRow(row: SqlRow): ChildRow {
  return { parentTaskId: textOf(row, "parent_task_id"), taskId: textOf(row, "task_id"), name: textOf(row, "name") };
}
