/**
 * The compiled pipelines of this folder, and the workflows the reference compiler makes of them.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";

export interface ConformanceFile {
  /** Without ending. */
  readonly name: string;
  readonly text: string;
}

function filesIn(folder: "pipelines" | "workflows"): ConformanceFile[] {
  const place = new URL(`${folder}/`, import.meta.url);
  return readdirSync(place)
    .filter((file) => file.endsWith(".yaml"))
    .toSorted()
    .map((file) => ({ name: file.slice(0, -".yaml".length), text: readFileSync(new URL(file, place), "utf8") }));
}

/** Sorted by name. */
export const conformancePipelines = (): ConformanceFile[] => filesIn("pipelines");

/** Sorted by name; each has the name of its pipeline. */
export const conformanceWorkflows = (): ConformanceFile[] => filesIn("workflows");
