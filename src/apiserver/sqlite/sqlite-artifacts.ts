/** Artifacts in SQLite. @module */
import { toBinary } from "@bufbuild/protobuf";
import { ArtifactSchema } from "../../core/kfp-types.ts";
import type { ArtifactStore, StoredArtifact } from "../store.ts";
import { secondsOfTimestamp } from "../timestamps.ts";
import { blobOf, textOf, type SqliteDatabase, type SqlRow } from "./sqlite-database.ts";
import { listRows } from "./sqlite-list.ts";

const COLUMNS = "artifact_id, body";

/** Artifacts on SQLite. */
export function createArtifactStore(db: SqliteDatabase): ArtifactStore {
  const one = (row: SqlRow | undefined) => (row === undefined ? undefined : storedArtifact(row));
  return {
    insert: (artifact, reuseMark) => {
      db.run(
        `INSERT INTO artifacts (artifact_id, type, uri, name, description, created_at, number_value, reuse_mark, body)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        artifact.artifactId,
        artifact.type,
        artifact.uri ?? null,
        artifact.name,
        artifact.description,
        secondsOfTimestamp(artifact.createdAt),
        artifact.numberValue ?? null,
        reuseMark ?? null,
        toBinary(ArtifactSchema, artifact),
      );
    },
    find: (artifactId) => one(db.get(`SELECT ${COLUMNS} FROM artifacts WHERE artifact_id = ?`, artifactId)),
    findByReuseMark: (mark) => one(db.get(`SELECT ${COLUMNS} FROM artifacts WHERE reuse_mark = ?`, mark)),
    findByUri: (uri) =>
      db.all(`SELECT ${COLUMNS} FROM artifacts WHERE uri = ? ORDER BY created_at, artifact_id`, uri).map(storedArtifact),
    list: (query) => listRows(db, query, [], COLUMNS, storedArtifact),
  };
}

function storedArtifact(row: SqlRow): StoredArtifact {
  return { artifactId: textOf(row, "artifact_id"), body: blobOf(row, "body") };
}
