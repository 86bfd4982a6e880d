/** Labels, annotations and defaults of rewritten workflows. @module */
import { isJsonObject } from "../../core/values/json-object.ts";
import type { JsonObject, JsonValue } from "../../core/values/value.ts";

/** On a rewritten workflow and its pods the text `true`; `false` on a workflow keeps it as it is. */
export const RESIDENT_LABEL = "kfp-runtime.dev/resident";
/** On a rewritten workflow: the version of the program that did it. */
export const REWRITTEN_BY = "kfp-runtime.dev/rewritten-by";
/** What KFP's API server puts on every workflow that it creates. */
export const RUN_LABEL = "pipeline/runid";
/** Iterations of one loop at a time, where the pipeline does not say: pending drivers of a run share an object of 1.5 MiB. */
export const DEFAULT_LOOP_PARALLELISM = 200;

/** What a label of an object says. */
export function labelOf({ labels }: JsonObject, name: string): JsonValue | undefined {
  return isJsonObject(labels) && Object.hasOwn(labels, name) ? labels[name] : undefined;
}
