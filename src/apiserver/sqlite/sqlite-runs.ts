/** Runs in SQLite. @module */
import { clone, fromBinary, toBinary } from "@bufbuild/protobuf";
import { RunSchema, RuntimeState, type Run } from "../../core/kfp-types.ts";
import { Run_StorageState as StorageState } from "../../gen/kubeflow/pipelines/backend/api/v2beta1/run_pb.js";
import { notFound } from "../service-error.ts";
import type { ListedRun, RunStore, StoredRun } from "../store.ts";
import { secondsOfTimestamp } from "../timestamps.ts";
import { blobOf, integerOf, jsonList, textOf, type SqliteDatabase, type SqlRow, type SqlValue } from "./sqlite-database.ts";
import { listRows } from "./sqlite-list.ts";
import { setAsideUnreadable } from "./sqlite-set-aside.ts";

/** Archiving an experiment changes the column alone. */
const COLUMNS = "body, pipeline_spec, storage_state";

const FINAL_STATES = [RuntimeState.SUCCEEDED, RuntimeState.FAILED, RuntimeState.SKIPPED, RuntimeState.CANCELED].map(
  (state) => RuntimeState[state],
);

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
    encoded: (runId) => {
      const row = db.get(`SELECT run_id, ${COLUMNS} FROM runs WHERE run_id = ?`, runId);
      return row === undefined ? undefined : listedRun(row);
    },
    exists: (runId) => db.get("SELECT 1 FROM runs WHERE run_id = ?", runId) !== undefined,
    state: (runId) => {
      const row = db.get("SELECT state FROM runs WHERE run_id = ?", runId);
      return row === undefined ? undefined : RuntimeState[textOf(row, "state") as keyof typeof RuntimeState];
    },
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
        db.run("DELETE FROM task_parameters WHERE task_id IN (SELECT task_id FROM tasks WHERE run_id = ?)", runId);
        db.run("DELETE FROM tasks WHERE run_id = ?", runId);
        db.run("DELETE FROM task_counts WHERE run_id = ?", runId);
        db.run("DELETE FROM runs WHERE run_id = ?", runId);
      });
    },
    list: ({ experimentId }, query) => {
      const scope = experimentId === undefined ? [] : [{ sql: "experiment_id = ?", values: [experimentId] }];
      return listRows(db, query, scope, `run_id, ${COLUMNS}`, listedRun);
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
          "SELECT run_id FROM runs WHERE state IN (SELECT value FROM json_each(?)) ORDER BY created_at, rowid",
          jsonList(states.map((state) => RuntimeState[state])),
        )
        .map((row) => textOf(row, "run_id")),
    archiveAllOf: (experimentId) => {
      db.run("UPDATE runs SET storage_state = 'ARCHIVED' WHERE experiment_id = ?", experimentId);
    },
    countActiveOf: (recurringRunId) => {
      const row = db.get(
        `SELECT count(*) AS total FROM runs WHERE recurring_run_id = ? AND recurring_run_id <> ''
           AND state NOT IN (SELECT value FROM json_each(?))`,
        recurringRunId,
        jsonList(FINAL_STATES),
      );
      return row === undefined ? 0 : integerOf(row, "total");
    },
    existsScheduled: (recurringRunId, scheduledSeconds) =>
      db.get(
        "SELECT 1 FROM runs WHERE recurring_run_id = ? AND recurring_run_id <> '' AND scheduled_at = ?",
        recurringRunId,
        scheduledSeconds,
      ) !== undefined,
    setAsideUnreadable: (runId, nowSeconds) => setAsideUnreadable(db, runId, nowSeconds),
  };
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
  const run = fromBinary(RunSchema, blobOf(row, "body"));
  run.storageState = storageStateOf(row);
  return { run, pipelineSpec: pipelineSpecOf(row) };
}

function listedRun(row: SqlRow): ListedRun {
  return {
    runId: textOf(row, "run_id"),
    body: blobOf(row, "body"),
    storageState: storageStateOf(row),
    pipelineSpec: pipelineSpecOf(row),
  };
}

function storageStateOf(row: SqlRow): StorageState {
  const text = textOf(row, "storage_state");
  return StorageState[text as keyof typeof StorageState] ?? Number(text);
}

function pipelineSpecOf(row: SqlRow): Uint8Array | undefined {
  return row["pipeline_spec"] === null ? undefined : blobOf(row, "pipeline_spec");
}
