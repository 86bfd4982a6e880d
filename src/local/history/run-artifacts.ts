/**
 * The artifacts that the steps of a run have made, and what is there of them.
 *
 * @module
 */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { isLocalUri } from "../../core/executor/artifact-uri.ts";
import { EXECUTOR_LOGS_KEY } from "../../core/executor/executor-input.ts";
import type { ArtifactResult } from "../results/run-result.ts";
import type { HistoryRun } from "./stored-run.ts";

/** An artifact of a step. */
export interface RunArtifact {
  /** Label of the task. */
  readonly task: string;
  readonly key: string;
  /** Place in the list of the key; 0 for a single one. */
  readonly index: number;
  readonly artifact: ArtifactResult;
}

/** What is there of an artifact. */
export type ArtifactPresence =
  /** A number, and nothing stored. */
  | { readonly place: "value" }
  /** In a store that is not asked. */
  | { readonly place: "remote" }
  | { readonly place: "missing" }
  | { readonly place: "file" | "folder"; readonly sizeBytes: number };

/** What steps and importers made, in the order of the tasks; logs only where they are asked for. */
export function runArtifacts({ tasks }: Pick<HistoryRun, "tasks">, options: { readonly withLogs: boolean }): RunArtifact[] {
  return tasks
    .filter(({ result: { type } }) => type === "RUNTIME" || type === "IMPORTER")
    .flatMap(({ label, result }) =>
      Object.entries(result.outputs.artifacts)
        .filter(([key]) => options.withLogs || key !== EXECUTOR_LOGS_KEY)
        .flatMap(([key, list]) => list.map((artifact, index) => ({ task: label, key, index, artifact }))),
    );
}

/** Looks at an artifact on this machine. */
export async function artifactPresence({ uri }: ArtifactResult): Promise<ArtifactPresence> {
  if (uri === "") return { place: "value" };
  if (!isLocalUri(uri)) return { place: "remote" };
  const found = await stat(uri).catch(() => undefined);
  if (found === undefined) return { place: "missing" };
  if (!found.isDirectory()) return { place: "file", sizeBytes: found.size };
  const names = await readdir(uri, { recursive: true }).catch((): string[] => []);
  let sizeBytes = 0;
  for (const name of names) {
    const entry = await stat(join(uri, name)).catch(() => undefined);
    if (entry?.isFile() === true) sizeBytes += entry.size;
  }
  return { place: "folder", sizeBytes };
}
