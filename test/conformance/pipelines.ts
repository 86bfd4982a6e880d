/**
 * The compiled pipelines of this folder.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";

export interface ConformanceFile {
  /** Without ending. */
  readonly name: string;
  readonly text: string;
}

/** Sorted by name. */
export function conformancePipelines(): ConformanceFile[] {
  const place = new URL("pipelines/", import.meta.url);
  return readdirSync(place)
    .filter((file) => file.endsWith(".yaml"))
    .toSorted()
    .map((file) => ({ name: file.slice(0, -".yaml".length), text: readFileSync(new URL(file, place), "utf8") }));
}
