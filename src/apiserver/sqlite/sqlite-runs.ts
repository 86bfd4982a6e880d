/** Runs and experiments in SQLite. @module */
import { clone, fromBinary, toBinary } from "@bufbuild/protobuf";
import { RunSchema, RuntimeState, type Run } from "../../core/kfp-types.ts";
import { Run_StorageState as StorageState } from "../../gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";
import { notFound } from "../service-error.ts";
import type { ExperimentStore, RunStore, StoredRun } from "../store.ts";
import { secondsOfTimestamp } from "../timestamps.ts";
import { blobOf, integerOf, jsonList, textOf, type SqliteDatabase, type SqlRow, type SqlValue } from "./sqlite-database.ts";
import { listRows } from "./sqlite-list.ts";
import { setAsideUnreadable } from "./sqlite-set-aside.ts";

const COLUMNS = "body, pipeline_spec";

/** Runs on SQLite. */
export function createRunStore(db: SqliteDatabase): RunStore {
  return {
    insert: ({ run, pipelineSpec }) => {
      db.run(
        `INSERT INTO runs (display_name, description, experiment_id, recurring_run_id, state, storage_state,
           created_at, scheduled_at, finished_at, body, run_id, pipeline_spec)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        ...runValues(run),
        run.runId,
        pipelineSpec ?? null,
      );
    },
    find: (runId) => {
      const row = db.get(`SELECT ${COLUMNS} FROM runs WHERE run_id = ?`, runId);
      return row === undefined ? undefined : storedRun(row);
    },
    exists: (runId) => db.get("SELECT 1 FROM runs WHERE run_id = ?", runId) !== undefined,
    update: (run) => {
      const changed = db.run(
        `UPDATE runs SET display_name = ?, description = ?, experiment_id = ?, recurring_run_id = ?, state = ?,
           storage_state = ?, created_at = ?, scheduled_at = ?, finished_at = ?, body = ? WHERE run_id = ?`,
        ...runValues(run),
        run.runId,
      );
      if (changed === 0) throw notFound("Run", run.runId);
    },
    remove: (runId) => {
      db.transaction(() => {
        db.run("DELETE FROM links WHERE task_id IN (SELECT task_id FROM tasks WHERE run_id = ?)", runId);
        db.run("DELETE FROM tasks WHERE run_id = ?", runId);
        db.run("DELETE FROM runs WHERE run_id = ?", runId);
      });
    },
    list: ({ experimentId }, query) => {
      const scope = experimentId === undefined ? [] : [{ sql: "experiment_id = ?", values: [experimentId] }];
      return listRows(db, query, scope, COLUMNS, storedRun);
    },
    overview: () =>
      db
        .all(
          `SELECT run_id, display_name, state, created_at, finished_at FROM runs
           ORDER BY created_at DESC, rowid DESC`,
        )
        .map((row) => ({
          runId: textOf(row, "run_id"),
          displayName: textOf(row, "display_name"),
          state: textOf(row, "state"),
          createdSeconds: integerOf(row, "created_at"),
          finishedSeconds: integerOf(row, "finished_at"),
        })),
    idsInStates: (states) =>
      db
        .all(
          "SELECT run_id FROM runs WHERE state IN (SELECT value FROM json_each(?)) ORDER BY created_at, run_id",
          jsonList(states.map((state) => RuntimeState[state])),
        )
        .map((row) => textOf(row, "run_id")),
    setAsideUnreadable: (runId, nowSeconds) => setAsideUnreadable(db, runId, nowSeconds),
  };
}

/** Experiments on SQLite, as far as runs need them: the default one, and when the last run was made. */
export function createExperimentStore(db: SqliteDatabase): ExperimentStore {
  return {
    defaultId: () => {
      const row = db.get("SELECT experiment_id FROM experiments WHERE is_default = 1");
      if (row === undefined) throw notFound("Experiment", "Default");
      return textOf(row, "experiment_id");
    },
    exists: (experimentId) => db.get("SELECT 1 FROM experiments WHERE experiment_id = ?", experimentId) !== undefined,
    noteRun: (experimentId, createdSeconds) => {
      db.run(
        "UPDATE experiments SET last_run_created_at = max(last_run_created_at, ?) WHERE experiment_id = ?",
        createdSeconds,
        experimentId,
      );
    },
  };
}

/** Makes the experiment that runs without one belong to, unless it exists. */
export function ensureDefaultExperiment(db: SqliteDatabase, experimentId: string, nowSeconds: number): void {
  db.run(
    `INSERT INTO experiments (experiment_id, display_name, is_default, created_at)
     SELECT ?, 'Default', 1, ? WHERE NOT EXISTS (SELECT 1 FROM experiments WHERE is_default = 1)`,
    experimentId,
    nowSeconds,
  );
}

function runValues(run: Run): SqlValue[] {
  const body = clone(RunSchema, run);
  body.tasks = [];
  body.taskCount = 0;
  if (body.pipelineSource.case === "pipelineSpec") body.pipelineSource = { case: undefined };
  return [
    run.displayName,
    run.description,
    run.experimentId,
    run.recurringRunId,
    RuntimeState[run.state] ?? String(run.state),
    StorageState[run.storageState] ?? String(run.storageState),
    secondsOfTimestamp(run.createdAt),
    secondsOfTimestamp(run.scheduledAt),
    secondsOfTimestamp(run.finishedAt),
    toBinary(RunSchema, body),
  ];
}

function storedRun(row: SqlRow): StoredRun {
  return {
    run: fromBinary(RunSchema, blobOf(row, "body")),
    pipelineSpec: row["pipeline_spec"] === null ? undefined : blobOf(row, "pipeline_spec"),
  };
}
