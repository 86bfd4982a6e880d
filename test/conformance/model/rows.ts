/**
 * The rows of the model.
 *
 * @module
 */
import type { JsonValue } from "../../../src/core/values/value.ts";

export type Plain = Record<string, unknown>;
export type ModelState = "SUCCEEDED" | "FAILED" | "SKIPPED";

/** An input parameter: where it comes from, and its value; of a loop's items the iteration as well. */
export type ModelInput = readonly [type: string, value: JsonValue, iteration?: number];
/** An output parameter; the iteration of the loop it was collected from. */
export type ModelOutput = readonly [iteration: number | undefined, value: JsonValue];
/** An artifact by the task that made it and its key there: `ROOT/train:model`. */
export type ModelArtifact = readonly [iteration: number | undefined, artifact: string];

/** A row, as far as the pipeline alone decides about it. */
export interface ModelRow {
  /** `ROOT/for-loop-1/say[2]`. */
  readonly label: string;
  readonly type: string;
  state: ModelState;
  readonly scopePath: string;
  readonly iteration: number | undefined;
  iterationCount: number | undefined;
  readonly inputs: Map<string, ModelInput[]>;
  readonly inputArtifacts: Map<string, string[]>;
  readonly outputs: Map<string, ModelOutput[]>;
  readonly outputArtifacts: Map<string, ModelArtifact[]>;
  children: number;
}

/** What the model cannot know of a run. */
export interface ModelFacts {
  readonly parameters: Readonly<Record<string, JsonValue>>;
  /** Facts of the run that placeholders stand for, by their name. */
  readonly facts: Readonly<Record<string, string>>;
  /** By label. */
  readonly taskId: (label: string) => string | undefined;
  /** Outputs of tasks that the cluster gives a value, by label and key. */
  readonly clusterOutput: (label: string, key: string) => JsonValue | undefined;
}

/** Where a DAG's tasks stand. */
export interface Dag {
  readonly row: ModelRow;
  readonly component: Plain;
  /** Of loops around and including this one. */
  readonly iterations: readonly number[];
  /** The input that is one artifact in each iteration. */
  readonly artifactItem?: string;
}

/** By iteration; what has none comes first. */
export function inOrder<Entry extends readonly [number | undefined, ...unknown[]]>(entries: readonly Entry[]): Entry[] {
  return entries.toSorted(([a], [b]) => (a ?? -1) - (b ?? -1));
}
