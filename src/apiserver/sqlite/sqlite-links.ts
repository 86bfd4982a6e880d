/** Links between artifacts and tasks in SQLite. @module */
import { create } from "@bufbuild/protobuf";
import { ArtifactTaskSchema, IoType, type ArtifactTask, type ArtifactType } from "../../core/kfp-types.ts";
import { INPUT_LINK_TYPES, type HydrationRow } from "../hydration.ts";
import type { LinkStore } from "../store.ts";
import { blobOf, jsonList, textOf, type SqliteDatabase, type SqlRow, type SqlValue } from "./sqlite-database.ts";
import { anyOf, listRows } from "./sqlite-list.ts";

const COLUMNS = "link_id, artifact_id, task_id, run_id, type, key, producer, iteration";

/** Runs told of an artifact that came from the cache again and again. */
const MOST_RUNS_OF_ARTIFACT = 32;

const WITH_ARTIFACTS = `SELECT links.task_id, links.type, links.key, links.producer, links.iteration, links.artifact_id,
   artifacts.type AS artifact_type, artifacts.body
 FROM links JOIN artifacts ON artifacts.artifact_id = links.artifact_id`;

/** Links between artifacts and tasks on SQLite. */
export function createLinkStore(db: SqliteDatabase): LinkStore {
  return {
    insertOrFind: (link) => {
      const iteration = link.producer?.iteration === undefined ? null : Number(link.producer.iteration);
      const values: SqlValue[] = [link.artifactId, link.taskId, link.type, link.key, iteration];
      const stored = db.get(
        `SELECT ${COLUMNS} FROM links WHERE artifact_id = ? AND task_id = ? AND type = ? AND key = ?
           AND IFNULL(iteration, 'none') = IFNULL(?, 'none')`,
        ...values,
      );
      if (stored !== undefined) return artifactTask(stored);
      db.run(
        `INSERT INTO links (artifact_id, task_id, type, key, iteration, link_id, run_id, producer)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
        ...values,
        link.id,
        link.runId,
        link.producer?.taskName ?? null,
      );
      return link;
    },
    list: (scope, query) =>
      listRows(
        db,
        query,
        [
          ...anyOf("task_id", scope.taskIds),
          ...anyOf("run_id", scope.runIds),
          ...anyOf("artifact_id", scope.artifactIds),
          ...((scope.type as number) === 0 ? [] : [{ sql: "type = ?", values: [scope.type] }]),
        ],
        COLUMNS,
        artifactTask,
      ),
    runsOf: (artifactId) =>
      db
        .all(
          "SELECT run_id FROM links WHERE artifact_id = ? GROUP BY run_id ORDER BY min(rowid) LIMIT ?",
          artifactId,
          MOST_RUNS_OF_ARTIFACT,
        )
        .map((row) => textOf(row, "run_id")),
    ofTasks: (taskIds) =>
      taskIds.length === 0
        ? []
        : db
            .all(`${WITH_ARTIFACTS} WHERE links.task_id IN (SELECT value FROM json_each(?))`, jsonList(taskIds))
            .map(hydrationRow),
    inputsOf: (taskId, { keys, iteration }) => {
      const ofKeys = `${WITH_ARTIFACTS} WHERE links.task_id = ? AND links.key IN (SELECT value FROM json_each(?))
        AND links.type IN (${INPUT_LINK_TYPES.join(", ")})`;
      // The expression is that of the index.
      const ofIteration = `(links.type <> ${IoType.ITERATOR_INPUT} OR IFNULL(links.iteration, 'none') IN ('none', ?))`;
      const rows =
        iteration === undefined
          ? db.all(ofKeys, taskId, jsonList(keys))
          : db.all(`${ofKeys} AND ${ofIteration}`, taskId, jsonList(keys), iteration);
      return rows.map(hydrationRow);
    },
    removeOfTasks: (taskIds) => {
      if (taskIds.length === 0) return;
      db.run("DELETE FROM links WHERE task_id IN (SELECT value FROM json_each(?))", jsonList(taskIds));
    },
  };
}

function artifactTask(row: SqlRow): ArtifactTask {
  const { producer, iteration } = row;
  return create(ArtifactTaskSchema, {
    id: textOf(row, "link_id"),
    artifactId: textOf(row, "artifact_id"),
    taskId: textOf(row, "task_id"),
    runId: textOf(row, "run_id"),
    type: row["type"] as unknown as IoType,
    key: textOf(row, "key"),
    ...(typeof producer === "string"
      ? { producer: { taskName: producer, ...(typeof iteration === "number" ? { iteration: BigInt(iteration) } : {}) } }
      : {}),
  });
}

function hydrationRow(row: SqlRow): HydrationRow {
  const { producer, iteration } = row;
  return {
    taskId: textOf(row, "task_id"),
    type: row["type"] as unknown as IoType,
    key: textOf(row, "key"),
    producerTaskName: typeof producer === "string" ? producer : undefined,
    iteration: typeof iteration === "number" ? iteration : undefined,
    artifactId: textOf(row, "artifact_id"),
    artifactType: row["artifact_type"] as unknown as ArtifactType,
    artifact: blobOf(row, "body"),
  };
}
