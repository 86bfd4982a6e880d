/**
 * The cache key of a stored task, made again from what the run has stored: its pipeline and the inputs of the row.
 *
 * The driver's own functions make it, and the stored fingerprint says whether it is the one the driver made: what is not stored (values
 * of claims that the run resolved, the driver's cache settings) may be missing.
 *
 * Source: docs/spec/cache-and-fingerprint.md#computation.
 *
 * @module
 */
import { create, type JsonValue } from "@bufbuild/protobuf";
import { errorMessage } from "../../core/errors.ts";
import { buildExecutorInputs, provisionOutputs } from "../../core/executor/executor-input.ts";
import { buildCacheKey, cacheKeyParts, fingerprint, type CacheKey } from "../../core/executor/fingerprint.ts";
import { ExecutorInputSchema } from "../../core/kfp-types.ts";
import { isJsonObject } from "../../core/values/json-object.ts";
import { flattenTasks, placeTasks } from "../pipeline/pipeline-tasks.ts";
import type { HistoryRun, HistoryTask } from "./stored-run.ts";

/** What of a task's cache key can be told. */
export type TaskCacheKey =
  /** Nothing but its author's own key and the component counts. */
  | { readonly kind: "custom"; readonly text: string }
  | {
      readonly kind: "parts";
      /** Digests by name of the part (core/executor/fingerprint.ts). */
      readonly parts: Readonly<Record<string, string>>;
      /** Values of parameters that are part of it. */
      readonly parameters: Readonly<Record<string, JsonValue>>;
      /** Whether the parts make the stored fingerprint. */
      readonly isWhole: boolean;
    }
  | { readonly kind: "unknown"; readonly reason: string };

/** @param task Of the run, with a fingerprint. Never throws. */
export function taskCacheKey(run: HistoryRun, task: HistoryTask): TaskCacheKey {
  const { pipeline } = run;
  if (pipeline === undefined) return { kind: "unknown", reason: run.pipelineProblem ?? "the run has no pipeline" };
  const planned = flattenTasks(placeTasks(pipeline)).find(({ scopePath }) => scopePath === task.row.scopePath);
  if (planned?.executor?.spec.case !== "container") return { kind: "unknown", reason: "the pipeline has no such step" };
  const custom = planned.task.cachingOptions?.cacheKey ?? "";
  if (custom !== "") return { kind: "custom", text: custom };
  try {
    const inputs = buildExecutorInputs({
      parameters: task.row.inputs?.parameters ?? [],
      artifacts: task.row.inputs?.artifacts ?? [],
    });
    const { component, executor, key: taskKey, executorLabel } = planned;
    const config = pipeline.platformSpec?.platforms["kubernetes"]?.deploymentSpec?.executors[executorLabel];
    const keyWith = (publishLogs: boolean, includeEnv: boolean): CacheKey =>
      buildCacheKey({
        containerSpec: executor.spec.value as Parameters<typeof buildCacheKey>[0]["containerSpec"],
        pipelineName: pipeline.spec.pipelineInfo?.name ?? "",
        pvcNames: constantClaims(config),
        executorInput: create(ExecutorInputSchema, {
          ...inputs,
          outputs: provisionOutputs({ component, pipelineRoot: "/", taskKey, salt: "s", publishLogs }),
        }),
        outputParameterTypes: component.outputDefinitions?.parameters ?? {},
        includeEnv,
      });
    const usual = keyWith(true, true);
    const candidates = [usual, keyWith(true, false), keyWith(false, true), keyWith(false, false)];
    const whole = candidates.find((key) => fingerprint(key) === task.row.cacheFingerprint);
    const key = whole ?? usual;
    return {
      kind: "parts",
      parts: cacheKeyParts(key),
      parameters: key.inputParameterValues ?? {},
      isWhole: whole !== undefined,
    };
  } catch (error) {
    return { kind: "unknown", reason: errorMessage(error) };
  }
}

/** Names of claims that the pipeline says outright. */
function constantClaims(config: JsonValue | undefined): string[] {
  const mounts = isJsonObject(config) ? (config["pvcMount"] ?? config["pvc_mount"]) : undefined;
  if (!Array.isArray(mounts)) return [];
  return mounts.flatMap((mount) => (isJsonObject(mount) && typeof mount["constant"] === "string" ? [mount["constant"]] : []));
}

/** A part that is not the same on both sides. */
export interface KeyDifference {
  /** `image`, `command`, `env`, `claims`, `outputs`, `cacheKey`, `parameter.NAME`, `artifact.NAME`. */
  readonly part: string;
  /** Value of a parameter; absent where the side has none. */
  readonly before?: JsonValue;
  readonly after?: JsonValue;
}

/** What differs between two keys, in the order of the parts; nothing where one is unknown. */
export function keyDifferences(before: TaskCacheKey, after: TaskCacheKey): KeyDifference[] {
  if (before.kind === "unknown" || after.kind === "unknown") return [];
  if (before.kind === "custom" || after.kind === "custom") {
    const same = before.kind === "custom" && after.kind === "custom" && before.text === after.text;
    return same ? [] : [{ part: "cacheKey" }];
  }
  const names = new Set([...Object.keys(before.parts), ...Object.keys(after.parts)]);
  return [...names]
    .filter((name) => before.parts[name] !== after.parts[name])
    .map((part) => {
      const parameter = part.startsWith("parameter.") ? part.slice("parameter.".length) : undefined;
      if (parameter === undefined) return { part };
      return { part, ...valueOf("before", before.parameters, parameter), ...valueOf("after", after.parameters, parameter) };
    });
}

function valueOf(
  side: "before" | "after",
  parameters: Readonly<Record<string, JsonValue>>,
  name: string,
): { readonly before?: JsonValue; readonly after?: JsonValue } {
  return Object.hasOwn(parameters, name) ? { [side]: parameters[name] as JsonValue } : {};
}
