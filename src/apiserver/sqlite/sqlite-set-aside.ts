/**
 * Rows of a run that no longer can be read: kept as they are in a table of their own, replaced by readable ones without content.
 *
 * Everything that lists, ends or looks up runs then works as before, and what can be read of the run stays.
 *
 * @module
 */
import { create, fromBinary, toBinary, type DescMessage } from "@bufbuild/protobuf";
import { errorMessage } from "../../core/errors.ts";
import {
  IoParameterSchema,
  PipelineTaskSchema,
  RunSchema,
  RuntimeState,
  StatusMetadataSchema,
  TaskState,
} from "../../core/kfp-types.ts";
import type { SetAsideRun } from "../store.ts";
import { timestampOfSeconds } from "../timestamps.ts";
import { blobOf, integerOf, textOf, type SqliteDatabase, type SqlRow } from "./sqlite-database.ts";

const TASK_MESSAGE = "What was stored of this task cannot be read, it was set aside";

/** @returns What was done, `undefined` when everything of the run can be read. */
export function setAsideUnreadable(db: SqliteDatabase, runId: string, nowSeconds: number): SetAsideRun | undefined {
  return db.transaction(() => {
    const run = db.get("SELECT * FROM runs WHERE run_id = ?", runId);
    if (run === undefined) return undefined;
    const reasons: string[] = [];
    const keep = (kind: "run" | "task" | "parameter", id: string, body: Uint8Array, reason: string): void => {
      reasons.push(reason);
      db.run(
        "INSERT INTO set_aside (kind, id, run_id, reason, set_aside_at, body) VALUES (?, ?, ?, ?, ?, ?)",
        ...[kind, id, runId, reason, nowSeconds, body],
      );
    };
    const reason = whyUnreadable(RunSchema, blobOf(run, "body"));
    if (reason !== undefined) {
      keep("run", runId, blobOf(run, "body"), reason);
      db.run("UPDATE runs SET body = ? WHERE run_id = ?", emptyRun(run, reason), runId);
    }
    for (const task of db.all("SELECT * FROM tasks WHERE run_id = ?", runId)) {
      const taskReason = whyUnreadable(PipelineTaskSchema, blobOf(task, "body"));
      if (taskReason === undefined) continue;
      keep("task", textOf(task, "task_id"), blobOf(task, "body"), taskReason);
      db.run(
        "UPDATE tasks SET body = ?, state = ?, cache_fingerprint = '' WHERE task_id = ?",
        ...[emptyTask(task, nowSeconds), TaskState.FAILED, textOf(task, "task_id")],
      );
    }
    for (const parameter of parametersOfRun(db, runId)) {
      const parameterReason = whyUnreadable(IoParameterSchema, blobOf(parameter, "body"));
      if (parameterReason === undefined) continue;
      keep(
        "parameter",
        `${textOf(parameter, "key")} of ${textOf(parameter, "task_id")}`,
        blobOf(parameter, "body"),
        parameterReason,
      );
      db.run("DELETE FROM task_parameters WHERE sequence = ?", integerOf(parameter, "sequence"));
    }
    const [first] = reasons;
    return first === undefined
      ? undefined
      : { runId, displayName: textOf(run, "display_name"), createdSeconds: integerOf(run, "created_at"), reason: first };
  });
}

function parametersOfRun(db: SqliteDatabase, runId: string): SqlRow[] {
  return db.all(
    `SELECT sequence, task_id, key, body FROM task_parameters
     WHERE task_id IN (SELECT task_id FROM tasks WHERE run_id = ?) ORDER BY sequence`,
    runId,
  );
}

function whyUnreadable(schema: DescMessage, body: Uint8Array): string | undefined {
  try {
    fromBinary(schema, body);
    return undefined;
  } catch (error) {
    return errorMessage(error);
  }
}

/** What the columns know. */
function emptyRun(row: SqlRow, reason: string): Uint8Array {
  const state = RuntimeState[textOf(row, "state") as keyof typeof RuntimeState];
  return toBinary(
    RunSchema,
    create(RunSchema, {
      runId: textOf(row, "run_id"),
      displayName: textOf(row, "display_name"),
      description: `What was stored of this run cannot be read, it was set aside: ${reason}`,
      experimentId: textOf(row, "experiment_id"),
      state,
      createdAt: timestampOfSeconds(integerOf(row, "created_at")),
      scheduledAt: timestampOfSeconds(integerOf(row, "scheduled_at")),
      finishedAt: timestampOfSeconds(integerOf(row, "finished_at")),
    }),
  );
}

function emptyTask(row: SqlRow, nowSeconds: number): Uint8Array {
  const parentTaskId = row["parent_task_id"];
  return toBinary(
    PipelineTaskSchema,
    create(PipelineTaskSchema, {
      taskId: textOf(row, "task_id"),
      runId: textOf(row, "run_id"),
      name: textOf(row, "name"),
      displayName: textOf(row, "display_name"),
      scopePath: textOf(row, "scope_path"),
      ...(typeof parentTaskId === "string" ? { parentTaskId } : {}),
      type: integerOf(row, "type"),
      state: TaskState.FAILED,
      createTime: timestampOfSeconds(integerOf(row, "create_time")),
      endTime: timestampOfSeconds(nowSeconds),
      statusMetadata: create(StatusMetadataSchema, { message: TASK_MESSAGE }),
    }),
  );
}
