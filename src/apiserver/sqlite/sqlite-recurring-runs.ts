/** Schedules in SQLite. @module */
import { clone, create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  RecurringRun_Mode as Mode,
  RecurringRun_Status as Status,
  RecurringRunSchema,
} from "../../gen/kubeflow/pipelines/backend/api/v2beta1/recurring_run_pb.js";
import { StatusSchema } from "../../gen/google/rpc/status_pb.js";
import { grpcStatusCode } from "../../wire/grpc-status.ts";
import type { RecurringRunStore, StoredRecurringRun } from "../catalog-store.ts";
import { secondsOfTimestamp, timestampOfSeconds } from "../timestamps.ts";
import { blobOf, integerOf, textOf, type SqliteDatabase, type SqlRow } from "./sqlite-database.ts";
import { listRows } from "./sqlite-list.ts";

const COLUMNS = "body, is_enabled, updated_at, schedule_name, fired_count, last_scheduled_at, pipeline_spec";

/** Schedules on SQLite. */
export function createRecurringRunStore(db: SqliteDatabase): RecurringRunStore {
  const find = (id: string): StoredRecurringRun | undefined => {
    const row = db.get(`SELECT ${COLUMNS} FROM recurring_runs WHERE recurring_run_id = ?`, id);
    return row === undefined ? undefined : storedOf(row);
  };
  return {
    insert: ({ recurringRun, pipelineSpec, scheduleName, firedCount, lastScheduledSeconds }) => {
      const body = clone(RecurringRunSchema, recurringRun);
      if (body.pipelineSource.case === "pipelineSpec") body.pipelineSource = { case: undefined };
      db.run(
        `INSERT INTO recurring_runs (recurring_run_id, display_name, description, namespace, experiment_id, is_enabled,
           created_at, updated_at, schedule_name, fired_count, last_scheduled_at, body, pipeline_spec)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        recurringRun.recurringRunId,
        recurringRun.displayName,
        recurringRun.description,
        recurringRun.namespace,
        recurringRun.experimentId,
        recurringRun.status === Status.ENABLED ? 1 : 0,
        secondsOfTimestamp(recurringRun.createdAt),
        secondsOfTimestamp(recurringRun.updatedAt),
        scheduleName,
        firedCount,
        lastScheduledSeconds ?? null,
        toBinary(RecurringRunSchema, body),
        pipelineSpec ?? null,
      );
    },
    exists: (id) => db.get("SELECT 1 FROM recurring_runs WHERE recurring_run_id = ?", id) !== undefined,
    find,
    setEnabled: (id, enabled, updatedSeconds) => {
      db.run(
        "UPDATE recurring_runs SET is_enabled = ?, updated_at = ? WHERE recurring_run_id = ?",
        enabled ? 1 : 0,
        updatedSeconds,
        id,
      );
    },
    disableAllOf: (experimentId, updatedSeconds) =>
      db
        .all(
          `UPDATE recurring_runs SET is_enabled = 0, updated_at = ? WHERE experiment_id = ? AND is_enabled = 1
           RETURNING recurring_run_id`,
          updatedSeconds,
          experimentId,
        )
        .map((row) => textOf(row, "recurring_run_id")),
    noteTrigger: ({ recurringRunId, firedCount, lastScheduledSeconds, problem }) => {
      const stored = find(recurringRunId);
      if (stored === undefined) return;
      const { recurringRun } = stored;
      if (problem === undefined) delete recurringRun.error;
      else recurringRun.error = create(StatusSchema, { code: grpcStatusCode("FAILED_PRECONDITION"), message: problem });
      db.run(
        "UPDATE recurring_runs SET fired_count = ?, last_scheduled_at = ?, body = ? WHERE recurring_run_id = ?",
        firedCount,
        lastScheduledSeconds,
        toBinary(RecurringRunSchema, recurringRun),
        recurringRunId,
      );
    },
    remove: (id) => {
      db.run("DELETE FROM recurring_runs WHERE recurring_run_id = ?", id);
    },
    list: ({ experimentId }, query) => {
      const scope = experimentId === undefined ? [] : [{ sql: "experiment_id = ?", values: [experimentId] }];
      return listRows(db, query, scope, COLUMNS, storedOf);
    },
    enabledIds: () =>
      db
        .all("SELECT recurring_run_id FROM recurring_runs WHERE is_enabled = 1 ORDER BY created_at, recurring_run_id")
        .map((row) => textOf(row, "recurring_run_id")),
  };
}

function storedOf(row: SqlRow): StoredRecurringRun {
  const recurringRun = fromBinary(RecurringRunSchema, blobOf(row, "body"));
  const isEnabled = integerOf(row, "is_enabled") === 1;
  recurringRun.status = isEnabled ? Status.ENABLED : Status.DISABLED;
  recurringRun.mode = isEnabled ? Mode.ENABLE : Mode.DISABLE;
  recurringRun.updatedAt = timestampOfSeconds(integerOf(row, "updated_at"));
  return {
    recurringRun,
    pipelineSpec: row["pipeline_spec"] === null ? undefined : blobOf(row, "pipeline_spec"),
    scheduleName: textOf(row, "schedule_name"),
    firedCount: integerOf(row, "fired_count"),
    lastScheduledSeconds: row["last_scheduled_at"] === null ? undefined : integerOf(row, "last_scheduled_at"),
  };
}
