/**
 * Why the cache was hit or missed, for whoever starts a driver with `--log_level 2`. Level 1 pays no call for it.
 *
 * A driver's token reaches the rows of its own run only, so the newest task of the same name is the newest in the run: another
 * iteration, or the row that an earlier attempt left. Against tasks of other runs the digests of the parts are written out: compared with
 * the lines of the other run's driver they name the part that differs. No value is ever written.
 *
 * Source: docs/spec/cache-and-fingerprint.md#decision-explained-lookups.
 *
 * @module
 */
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { cacheKeyParts, partDigest, type CacheKey } from "../../core/executor/fingerprint.ts";
import { errorMessage } from "../../core/errors.ts";
import { goJson } from "../../core/go/json.ts";
import { compareUtf8 } from "../../core/go/unicode.ts";
import { TaskState, type IoArtifact, type IoParameter, type PipelineTask } from "../../core/kfp-types.ts";
import { valueToJson } from "../../core/values/value.ts";
import type { LogFields } from "../../ports/logger.ts";
import type { DriverDeps } from "../deps.ts";
import type { ContainerOptions } from "../options.ts";

const LEVEL = 2;

/** The task that was looked for. */
export interface LookedFor {
  readonly options: ContainerOptions;
  readonly scopePath: string;
  readonly inputs: TaskInputs;
}

/** What a row records of its inputs. */
export interface TaskInputs {
  readonly parameters: readonly IoParameter[];
  readonly artifacts: readonly IoArtifact[];
}

/** What no cached task has. */
export interface Miss {
  readonly fingerprint: string;
  /** Text is a custom key. */
  readonly key: CacheKey | string;
}

/** One line, at level 2. */
export function explainHit({ logger }: DriverDeps, hit: PipelineTask): void {
  logger.verbose(LEVEL, "The outputs come from the cache", () => ({
    fingerprint: hit.cacheFingerprint,
    cachedTaskId: hit.taskId,
    cachedTaskName: hit.name,
    cachedRunId: hit.runId,
    createTime: hit.createTime === undefined ? undefined : timestampDate(hit.createTime).toISOString(),
  }));
}

/** Never fails the task: an explanation that cannot be had is a line of its own. */
export async function explainMiss(deps: DriverDeps, task: LookedFor, { fingerprint, key }: Miss): Promise<void> {
  const { api, logger } = deps;
  if (logger.verbosity < LEVEL) return;
  logger.verbose(LEVEL, "No cached task has this fingerprint", () => ({
    fingerprint,
    parts: partsOf(key, deps.settings.fingerprintSalt ?? ""),
  }));
  const { runId, taskName } = task.options;
  let newest: PipelineTask | undefined;
  try {
    const query = { names: [taskName], orderBy: "create_time desc", pageSize: 20 };
    const { tasks } = await api.listTasks(runId, query);
    newest = tasks.find((row) => row.scopePath === task.scopePath);
  } catch (error) {
    logger.verbose(LEVEL, "Cannot look for earlier tasks of this name", () => ({ reason: errorMessage(error) }));
    return;
  }
  if (newest === undefined) {
    logger.verbose(LEVEL, "This run has no earlier task of this name; compare the parts above with another run's log");
    return;
  }
  const row = newest;
  logger.verbose(LEVEL, differenceText(row, task.inputs, fingerprint), () => comparedFields(row));
}

function partsOf(key: CacheKey | string, salt: string): string {
  const own =
    typeof key === "string"
      ? ["component and custom cache key"]
      : Object.entries(cacheKeyParts(key)).map(([name, digest]) => `${name}=${digest}`);
  return [...own, ...(salt === "" ? [] : [`salt=${partDigest(salt)}`])].join(" ");
}

function comparedFields({ taskId, state, typeAttributes, cacheFingerprint }: PipelineTask): LogFields {
  const iteration = typeAttributes?.iterationIndex;
  return {
    comparedTaskId: taskId,
    comparedState: TaskState[state] ?? String(state),
    comparedIteration: iteration === undefined ? undefined : Number(iteration),
    comparedFingerprint: cacheFingerprint,
  };
}

function differenceText(row: PipelineTask, inputs: TaskInputs, fingerprint: string): string {
  const newest = "The newest task of this name in the run";
  if (row.cacheFingerprint === "" && row.state === TaskState.FAILED) return `${newest} failed: only a SUCCEEDED task is an entry`;
  if (row.cacheFingerprint === "") return `${newest} has no fingerprint: it was not to be cached`;
  if (row.cacheFingerprint === fingerprint) {
    return `${newest} has this fingerprint, but only a SUCCEEDED task that ran itself is an entry`;
  }
  const names = differingInputs(inputs, { parameters: row.inputs?.parameters ?? [], artifacts: row.inputs?.artifacts ?? [] });
  if (names.length > 0) return `${newest} had other inputs: ${names.join(", ")}`;
  return `${newest} had the same inputs; its claims, log publishing, or the driver's cache settings differ`;
}

/** Names of the inputs that are not the same on both sides, in order. */
export function differingInputs(ours: TaskInputs, theirs: TaskInputs): string[] {
  const [left, right] = [textsByInput(ours), textsByInput(theirs)];
  const names = new Set([...left.keys(), ...right.keys()]);
  return [...names].filter((name) => left.get(name) !== right.get(name)).toSorted(compareUtf8);
}

function textsByInput({ parameters, artifacts }: TaskInputs): Map<string, string> {
  const texts = new Map<string, string[]>();
  const add = (key: string, text: string): unknown => texts.set(key, [...(texts.get(key) ?? []), text]);
  for (const { parameterKey, value } of parameters) {
    add(parameterKey, value === undefined ? "" : goJson(valueToJson(value)));
  }
  for (const { artifactKey, artifacts: listed } of artifacts) {
    for (const { artifactId } of listed) add(artifactKey, artifactId);
  }
  // A server gives links back in an order of its own.
  return new Map([...texts].map(([key, list]) => [key, JSON.stringify(list.toSorted(compareUtf8))]));
}
