/**
 * The tables, and how an older file becomes a current one.
 *
 * `user_version` counts the steps that were taken. A step that was released is never changed; the next change is a further step.
 *
 * @module
 */
import { HostError } from "../../core/errors.ts";
import { integerOf, type SqliteDatabase } from "./sqlite-database.ts";

const STEP_1 = `
CREATE TABLE experiments (
  experiment_id TEXT PRIMARY KEY,
  display_name TEXT NOT NULL UNIQUE,
  is_default INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  last_run_created_at INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE runs (
  run_id TEXT PRIMARY KEY,
  display_name TEXT NOT NULL,
  description TEXT NOT NULL,
  namespace TEXT NOT NULL DEFAULT '',
  experiment_id TEXT NOT NULL REFERENCES experiments (experiment_id),
  recurring_run_id TEXT NOT NULL,
  state TEXT NOT NULL,
  storage_state TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  scheduled_at INTEGER NOT NULL,
  finished_at INTEGER NOT NULL,
  body BLOB NOT NULL,
  pipeline_spec BLOB
) STRICT;
CREATE INDEX runs_by_creation ON runs (created_at, run_id);
CREATE INDEX runs_by_experiment ON runs (experiment_id, created_at, run_id);
CREATE INDEX runs_by_state ON runs (state);

CREATE TABLE tasks (
  task_id TEXT PRIMARY KEY,
  run_id TEXT NOT NULL REFERENCES runs (run_id),
  parent_task_id TEXT REFERENCES tasks (task_id),
  name TEXT NOT NULL,
  display_name TEXT NOT NULL,
  scope_path TEXT NOT NULL,
  type INTEGER NOT NULL,
  state INTEGER NOT NULL,
  create_time INTEGER NOT NULL,
  start_time INTEGER NOT NULL,
  end_time INTEGER NOT NULL,
  cache_fingerprint TEXT NOT NULL,
  identity TEXT UNIQUE,
  replace_inputs INTEGER NOT NULL DEFAULT 0,
  body BLOB NOT NULL
) STRICT;
CREATE INDEX tasks_by_creation ON tasks (run_id, create_time, task_id, parent_task_id, state, name);
CREATE INDEX tasks_by_parent ON tasks (parent_task_id, create_time, task_id, name, run_id);
CREATE INDEX tasks_by_state ON tasks (run_id, parent_task_id, state, create_time, task_id);
CREATE INDEX tasks_by_name ON tasks (run_id, name, parent_task_id, create_time, task_id);
CREATE INDEX tasks_by_fingerprint ON tasks (cache_fingerprint, state, create_time, task_id) WHERE cache_fingerprint <> '';

CREATE TABLE artifacts (
  artifact_id TEXT PRIMARY KEY,
  namespace TEXT NOT NULL DEFAULT '',
  type INTEGER NOT NULL,
  uri TEXT,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  number_value REAL,
  reuse_mark TEXT UNIQUE,
  body BLOB NOT NULL
) STRICT;
CREATE INDEX artifacts_by_creation ON artifacts (created_at, artifact_id);
CREATE INDEX artifacts_by_uri ON artifacts (uri, created_at, artifact_id);

CREATE TABLE links (
  link_id TEXT PRIMARY KEY,
  artifact_id TEXT NOT NULL REFERENCES artifacts (artifact_id),
  task_id TEXT NOT NULL REFERENCES tasks (task_id),
  run_id TEXT NOT NULL,
  type INTEGER NOT NULL,
  key TEXT NOT NULL,
  producer TEXT,
  iteration INTEGER
) STRICT;
CREATE UNIQUE INDEX links_once ON links (task_id, artifact_id, type, key, IFNULL(iteration, 'none'));
CREATE INDEX links_by_artifact ON links (artifact_id, link_id);
CREATE INDEX links_by_run ON links (run_id, link_id);
`;

// Bodies that could not be read, as they were, when their rows were given readable ones.
const STEP_2 = `
CREATE TABLE set_aside (
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  run_id TEXT NOT NULL,
  reason TEXT NOT NULL,
  set_aside_at INTEGER NOT NULL,
  body BLOB NOT NULL
) STRICT;
`;

// Experiments as the API shows them; a deleted one stays as a nameless row, since its runs stay and refer to it.
const STEP_3 = `
ALTER TABLE experiments ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE experiments ADD COLUMN namespace TEXT NOT NULL DEFAULT '';
ALTER TABLE experiments ADD COLUMN storage_state TEXT NOT NULL DEFAULT 'AVAILABLE';
ALTER TABLE experiments ADD COLUMN is_deleted INTEGER NOT NULL DEFAULT 0;
CREATE INDEX experiments_by_creation ON experiments (created_at, experiment_id);

CREATE TABLE pipelines (
  pipeline_id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  display_name TEXT NOT NULL,
  description TEXT NOT NULL,
  namespace TEXT NOT NULL DEFAULT '',
  created_at INTEGER NOT NULL,
  tags TEXT NOT NULL
) STRICT;
CREATE INDEX pipelines_by_creation ON pipelines (created_at, pipeline_id);

CREATE TABLE pipeline_versions (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  pipeline_version_id TEXT NOT NULL UNIQUE,
  pipeline_id TEXT NOT NULL REFERENCES pipelines (pipeline_id),
  name TEXT NOT NULL,
  display_name TEXT NOT NULL,
  description TEXT NOT NULL,
  status TEXT NOT NULL DEFAULT 'READY',
  created_at INTEGER NOT NULL,
  package_url TEXT NOT NULL,
  code_source_url TEXT NOT NULL,
  tags TEXT NOT NULL,
  pipeline_spec BLOB NOT NULL,
  UNIQUE (pipeline_id, name)
) STRICT;
CREATE INDEX pipeline_versions_by_creation ON pipeline_versions (pipeline_id, created_at, pipeline_version_id);

CREATE TABLE recurring_runs (
  recurring_run_id TEXT PRIMARY KEY,
  display_name TEXT NOT NULL,
  description TEXT NOT NULL,
  namespace TEXT NOT NULL,
  experiment_id TEXT NOT NULL,
  is_enabled INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  schedule_name TEXT NOT NULL,
  fired_count INTEGER NOT NULL DEFAULT 0,
  last_scheduled_at INTEGER,
  body BLOB NOT NULL,
  pipeline_spec BLOB
) STRICT;
CREATE INDEX recurring_runs_by_creation ON recurring_runs (created_at, recurring_run_id);
CREATE INDEX recurring_runs_by_experiment ON recurring_runs (experiment_id, created_at, recurring_run_id);
CREATE INDEX recurring_runs_enabled ON recurring_runs (is_enabled) WHERE is_enabled = 1;
CREATE INDEX runs_by_recurring_run ON runs (recurring_run_id, scheduled_at, state) WHERE recurring_run_id <> '';
`;

// Rows of loops, branches, sub-pipelines and roots hold something of every iteration: their parameters become rows of their own, so that
// adding one does not write all. Tasks of before keep theirs in the body. Links are found by key, tasks of a run are counted.
const STEP_4 = `
CREATE TABLE task_parameters (
  sequence INTEGER PRIMARY KEY,
  task_id TEXT NOT NULL REFERENCES tasks (task_id),
  side INTEGER NOT NULL,
  key TEXT NOT NULL,
  item INTEGER NOT NULL,
  identity TEXT NOT NULL,
  body BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX task_parameters_once ON task_parameters (task_id, side, key, item, identity);
ALTER TABLE tasks ADD COLUMN parameters_apart INTEGER NOT NULL DEFAULT 0;

DROP INDEX links_once;
CREATE UNIQUE INDEX links_once ON links (task_id, key, type, IFNULL(iteration, 'none'), artifact_id);

CREATE TABLE task_counts (
  run_id TEXT PRIMARY KEY REFERENCES runs (run_id),
  tasks INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO task_counts (run_id, tasks) SELECT run_id, count(*) FROM tasks GROUP BY run_id;
`;

const STEPS: readonly string[] = [STEP_1, STEP_2, STEP_3, STEP_4];

/**
 * Creates or upgrades the tables.
 *
 * @throws {HostError} HOME_UNUSABLE when the file was written by a newer version.
 */
export function migrate(db: SqliteDatabase): void {
  db.transaction(() => {
    const version = schemaVersion(db);
    for (const step of STEPS.slice(version)) db.script(step);
    if (version < STEPS.length) db.script(`PRAGMA user_version = ${STEPS.length}`);
  });
}

/**
 * Whether {@link migrate} would have to do something. Writes nothing.
 *
 * @throws {HostError} HOME_UNUSABLE when the file was written by a newer version.
 */
export function isOutdated(db: SqliteDatabase): boolean {
  return schemaVersion(db) < STEPS.length;
}

function schemaVersion(db: SqliteDatabase): number {
  const row = db.get("PRAGMA user_version");
  const version = row === undefined ? 0 : integerOf(row, "user_version");
  if (version > STEPS.length) {
    const message = `The database has schema version ${version}, this program knows up to ${STEPS.length}: use a newer version`;
    throw new HostError("HOME_UNUSABLE", message);
  }
  return version;
}
