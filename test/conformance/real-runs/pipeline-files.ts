/**
 * The compiled pipelines of the table: ours, and the test data of the reference repository.
 *
 * @module
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { root } from "../../support/probe.ts";

const FOLDERS = ["test/conformance/pipelines", "test/conformance/real-runs/pipelines", "test/fixtures/replay/pipelines"] as const;
export type PipelineFolder = (typeof FOLDERS)[number];

/** By folder, sorted by name, without ending. No name is in both. */
export function pipelineNames(): ReadonlyMap<PipelineFolder, readonly string[]> {
  const names = (folder: string): string[] =>
    readdirSync(path.join(root, folder)).flatMap((file) => (file.endsWith(".yaml") ? [path.basename(file, ".yaml")] : []));
  return new Map(FOLDERS.map((folder) => [folder, names(folder).toSorted()]));
}

export interface PipelineFile {
  /** Relative to the project. */
  readonly place: string;
  readonly path: string;
  readonly text: string;
}

export function pipelineFile(name: string): PipelineFile {
  const place = FOLDERS.map((folder) => `${folder}/${name}.yaml`).find((file) => existsSync(path.join(root, file)));
  if (place === undefined) throw new Error(`no compiled pipeline ${name}`);
  return { place, path: path.join(root, place), text: readFileSync(path.join(root, place), "utf8") };
}
