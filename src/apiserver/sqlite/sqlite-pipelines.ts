/** Pipelines and their versions in SQLite. @module */
import { create } from "@bufbuild/protobuf";
import {
  PipelineSchema,
  PipelineVersionSchema,
  type Pipeline,
} from "../../gen/kubeflow/pipelines/backend/api/v2beta1/pipeline_pb.js";
import type { PipelineStore, StoredPipelineVersion } from "../catalog-store.ts";
import { secondsOfTimestamp, timestampOfSeconds } from "../timestamps.ts";
import { blobOf, integerOf, textOf, type SqliteDatabase, type SqlRow } from "./sqlite-database.ts";
import { listRows } from "./sqlite-list.ts";

const PIPELINE = "pipeline_id, name, display_name, description, created_at, tags";
const VERSION =
  "pipeline_version_id, pipeline_id, name, display_name, description, created_at, package_url, code_source_url, tags, pipeline_spec";

/** Pipelines and their versions on SQLite. */
export function createPipelineStore(db: SqliteDatabase): PipelineStore {
  const pipeline = (row: SqlRow | undefined) => (row === undefined ? undefined : pipelineOf(row));
  const version = (row: SqlRow | undefined) => (row === undefined ? undefined : versionOf(row));
  return {
    insert: (stored) => {
      db.run(
        "INSERT INTO pipelines (pipeline_id, name, display_name, description, created_at, tags) VALUES (?, ?, ?, ?, ?, ?)",
        stored.pipelineId,
        stored.name,
        stored.displayName,
        stored.description,
        secondsOfTimestamp(stored.createdAt),
        JSON.stringify(stored.tags),
      );
    },
    find: (pipelineId) => pipeline(db.get(`SELECT ${PIPELINE} FROM pipelines WHERE pipeline_id = ?`, pipelineId)),
    findByName: (name) => pipeline(db.get(`SELECT ${PIPELINE} FROM pipelines WHERE name = ?`, name)),
    update: ({ pipelineId, displayName, tags }) => {
      db.run(
        "UPDATE pipelines SET display_name = ?, tags = ? WHERE pipeline_id = ?",
        displayName,
        JSON.stringify(tags),
        pipelineId,
      );
    },
    remove: (pipelineId) => {
      db.transaction(() => {
        db.run("DELETE FROM pipeline_versions WHERE pipeline_id = ?", pipelineId);
        db.run("DELETE FROM pipelines WHERE pipeline_id = ?", pipelineId);
      });
    },
    list: (query) => listRows(db, query, [], PIPELINE, pipelineOf),

    insertVersion: ({ version: stored, pipelineSpec }) => {
      db.run(
        `INSERT INTO pipeline_versions (pipeline_version_id, pipeline_id, name, display_name, description, created_at,
           package_url, code_source_url, tags, pipeline_spec) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        stored.pipelineVersionId,
        stored.pipelineId,
        stored.name,
        stored.displayName,
        stored.description,
        secondsOfTimestamp(stored.createdAt),
        stored.packageUrl?.pipelineUrl ?? "",
        stored.codeSourceUrl,
        JSON.stringify(stored.tags),
        pipelineSpec,
      );
    },
    findVersion: (versionId) =>
      version(db.get(`SELECT ${VERSION} FROM pipeline_versions WHERE pipeline_version_id = ?`, versionId)),
    hasVersionNamed: (pipelineId, name) =>
      db.get("SELECT 1 FROM pipeline_versions WHERE pipeline_id = ? AND name = ?", pipelineId, name) !== undefined,
    newestVersion: (pipelineId) =>
      version(
        db.get(
          `SELECT ${VERSION} FROM pipeline_versions WHERE pipeline_id = ? ORDER BY created_at DESC, sequence DESC LIMIT 1`,
          pipelineId,
        ),
      ),
    countVersions: (pipelineId) => {
      const row = db.get("SELECT count(*) AS total FROM pipeline_versions WHERE pipeline_id = ?", pipelineId);
      return row === undefined ? 0 : integerOf(row, "total");
    },
    updateVersion: ({ pipelineVersionId, displayName, tags }) => {
      db.run(
        "UPDATE pipeline_versions SET display_name = ?, tags = ? WHERE pipeline_version_id = ?",
        displayName,
        JSON.stringify(tags),
        pipelineVersionId,
      );
    },
    removeVersion: (versionId) => {
      db.run("DELETE FROM pipeline_versions WHERE pipeline_version_id = ?", versionId);
    },
    listVersions: (pipelineId, query) =>
      listRows(db, query, [{ sql: "pipeline_id = ?", values: [pipelineId] }], VERSION, versionOf),
  };
}

function pipelineOf(row: SqlRow): Pipeline {
  return create(PipelineSchema, {
    pipelineId: textOf(row, "pipeline_id"),
    name: textOf(row, "name"),
    displayName: textOf(row, "display_name"),
    description: textOf(row, "description"),
    createdAt: timestampOfSeconds(integerOf(row, "created_at")),
    tags: tagsOf(row),
  });
}

function versionOf(row: SqlRow): StoredPipelineVersion {
  const url = textOf(row, "package_url");
  const version = create(PipelineVersionSchema, {
    pipelineId: textOf(row, "pipeline_id"),
    pipelineVersionId: textOf(row, "pipeline_version_id"),
    name: textOf(row, "name"),
    displayName: textOf(row, "display_name"),
    description: textOf(row, "description"),
    createdAt: timestampOfSeconds(integerOf(row, "created_at")),
    ...(url === "" ? {} : { packageUrl: { pipelineUrl: url } }),
    codeSourceUrl: textOf(row, "code_source_url"),
    tags: tagsOf(row),
  });
  return { version, pipelineSpec: blobOf(row, "pipeline_spec") };
}

function tagsOf(row: SqlRow): Record<string, string> {
  return JSON.parse(textOf(row, "tags")) as Record<string, string>;
}
