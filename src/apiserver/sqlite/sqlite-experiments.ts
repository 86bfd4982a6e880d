/** Experiments in SQLite. @module */
import { create } from "@bufbuild/protobuf";
import {
  Experiment_StorageState as StorageState,
  ExperimentSchema,
  type Experiment,
} from "../../gen/kubeflow/pipelines/backend/api/v2beta1/experiment_pb.js";
import type { ExperimentStore } from "../catalog-store.ts";
import { notFound } from "../service-error.ts";
import { secondsOfTimestamp, timestampOfSeconds } from "../timestamps.ts";
import { integerOf, textOf, type SqliteDatabase, type SqlRow } from "./sqlite-database.ts";
import { listRows } from "./sqlite-list.ts";

const COLUMNS = "experiment_id, display_name, description, storage_state, created_at, last_run_created_at";

/** Experiments on SQLite. */
export function createExperimentStore(db: SqliteDatabase): ExperimentStore {
  const one = (row: SqlRow | undefined) => (row === undefined ? undefined : experimentOf(row));
  return {
    defaultId: () => {
      const row = db.get("SELECT experiment_id FROM experiments WHERE is_default = 1");
      if (row === undefined) throw notFound("Experiment", DEFAULT_NAME);
      return textOf(row, "experiment_id");
    },
    exists: (experimentId) =>
      db.get("SELECT 1 FROM experiments WHERE experiment_id = ? AND is_deleted = 0", experimentId) !== undefined,
    find: (experimentId) =>
      one(db.get(`SELECT ${COLUMNS} FROM experiments WHERE experiment_id = ? AND is_deleted = 0`, experimentId)),
    findByName: (displayName) =>
      one(db.get(`SELECT ${COLUMNS} FROM experiments WHERE display_name = ? AND is_deleted = 0`, displayName)),
    insert: (experiment) => {
      db.run(
        `INSERT INTO experiments (experiment_id, display_name, description, storage_state, created_at)
         VALUES (?, ?, ?, ?, ?)`,
        experiment.experimentId,
        experiment.displayName,
        experiment.description,
        stateName(experiment),
        secondsOfTimestamp(experiment.createdAt),
      );
    },
    update: (experiment) => {
      db.run(
        "UPDATE experiments SET description = ?, storage_state = ? WHERE experiment_id = ?",
        experiment.description,
        stateName(experiment),
        experiment.experimentId,
      );
    },
    remove: (experimentId) => {
      // The name becomes free; no name that a person may give holds a NUL.
      db.run(
        "UPDATE experiments SET is_deleted = 1, display_name = ? WHERE experiment_id = ?",
        `\0${experimentId}`,
        experimentId,
      );
      db.run(
        `DELETE FROM experiments WHERE experiment_id = ? AND NOT EXISTS
           (SELECT 1 FROM runs WHERE runs.experiment_id = experiments.experiment_id)`,
        experimentId,
      );
    },
    list: (query) => listRows(db, query, [{ sql: "is_deleted = 0", values: [] }], COLUMNS, experimentOf),
    noteRun: (experimentId, createdSeconds) => {
      db.run(
        "UPDATE experiments SET last_run_created_at = max(last_run_created_at, ?) WHERE experiment_id = ?",
        createdSeconds,
        experimentId,
      );
    },
  };
}

const DEFAULT_NAME = "Default";

/** Makes the experiment that runs without one belong to, unless there is one; adopts one of its name. */
export function ensureDefaultExperiment(db: SqliteDatabase, experimentId: string, nowSeconds: number): void {
  if (db.get("SELECT 1 FROM experiments WHERE is_default = 1") !== undefined) return;
  const adopted = db.run("UPDATE experiments SET is_default = 1 WHERE display_name = ?", DEFAULT_NAME);
  if (adopted > 0) return;
  db.run(
    `INSERT INTO experiments (experiment_id, display_name, description, is_default, created_at)
     VALUES (?, ?, 'Runs that were made without naming an experiment', 1, ?)`,
    experimentId,
    DEFAULT_NAME,
    nowSeconds,
  );
}

function stateName({ storageState }: Experiment): string {
  return StorageState[storageState];
}

function experimentOf(row: SqlRow): Experiment {
  return create(ExperimentSchema, {
    experimentId: textOf(row, "experiment_id"),
    displayName: textOf(row, "display_name"),
    description: textOf(row, "description"),
    createdAt: timestampOfSeconds(integerOf(row, "created_at")),
    storageState: StorageState[textOf(row, "storage_state") as keyof typeof StorageState],
    lastRunCreatedAt: timestampOfSeconds(integerOf(row, "last_run_created_at")),
  });
}
