/**
 * Whether a container task has been done before.
 *
 * Source: docs/spec/cache-and-fingerprint.md, #later-upstream, #ups-17, #decision-custom-cache-key,
 * #decision-environment-in-the-fingerprint, #decision-salt, #decision-explained-lookups.
 *
 * @module
 */
import {
  buildCacheKey,
  customFingerprint,
  fingerprint,
  saltedFingerprint,
  type CacheKey,
} from "../../core/executor/fingerprint.ts";
import type { ComponentSpec, ContainerSpec, ExecutorInput, PipelineTask, PipelineTaskSpec } from "../../core/kfp-types.ts";
import { findGoneArtifact, type CachedArtifactsRequest } from "./cached-artifacts.ts";
import { explainHit, explainMiss, type LookedFor } from "./cache-explanation.ts";
import { missingCachedOutputs } from "./cached-outputs.ts";
import type { DriverDeps } from "../deps.ts";
import { needsWorkspace, workspaceClaimName } from "../pod-spec-patch/workspace.ts";

/** The task that would run, as far as the cache asks. */
export interface CacheRequest extends CachedArtifactsRequest, LookedFor {
  readonly taskSpec: PipelineTaskSpec;
  readonly component: ComponentSpec;
  readonly container: ContainerSpec;
  /** Resolved inputs and provisioned outputs. */
  readonly executorInput: ExecutorInput;
  /** Names of the claims that the Kubernetes config mounts. */
  readonly claimNames: () => Promise<readonly string[]>;
}

/** What the cache says about a task. */
export interface CacheDecision {
  /** Empty when the cache is not consulted; the launcher's success then does not become an entry. */
  readonly fingerprint: string;
  readonly hit?: PipelineTask;
}

/** What is said of a hit that does not count; a local run shows the line to the person. */
export const GONE_ARTIFACTS_LINE = /The cached artifacts of task "[^"]*" (?:are gone|cannot be looked at); the task runs again/;

function goneMessage(taskName: string, problem: string | undefined): string {
  return `The cached artifacts of task "${taskName}" ${problem === undefined ? "are gone" : "cannot be looked at"}; the task runs again`;
}

const NOT_CACHED: CacheDecision = { fingerprint: "" };

/**
 * Asks the server once; from log level 2 on, a miss is explained with one call more. The task must be about to run: a task whose
 * condition is false has no fingerprint.
 */
export async function lookUpCache(deps: DriverDeps, request: CacheRequest): Promise<CacheDecision> {
  const { options, taskSpec, component } = request;
  if (options.cacheDisabled || taskSpec.cachingOptions?.enableCache !== true) return NOT_CACHED;
  const key = await identityOf(deps, request);
  const ownFingerprint = fingerprintOf(deps, request, key);
  const hit = await deps.api.findCachedTask({
    namespace: options.namespace,
    fingerprint: ownFingerprint,
    boundRunId: options.runId,
  });
  if (hit === undefined) {
    await explainMiss(deps, request, { fingerprint: ownFingerprint, key });
    return { fingerprint: ownFingerprint };
  }
  const missing = taskSpec.cachingOptions.cacheKey === "" ? [] : missingCachedOutputs(hit, component);
  if (missing.length > 0) {
    deps.logger.warn("A task with this cache key lacks outputs the component declares by now; it does not count as a hit", {
      cachedTaskId: hit.taskId,
      outputs: missing.join(", "),
    });
    return { fingerprint: ownFingerprint };
  }
  const gone = deps.settings.checksCachedArtifacts === true ? await findGoneArtifact(deps, request, hit) : undefined;
  if (gone !== undefined) {
    const { uri, problem } = gone;
    deps.logger.warn(goneMessage(options.taskName, problem), {
      ...{ cachedTaskId: hit.taskId, artifact: uri },
      ...(problem === undefined ? {} : { reason: problem }),
    });
    return { fingerprint: ownFingerprint };
  }
  explainHit(deps, hit);
  return { fingerprint: ownFingerprint, hit };
}

/** What tells the task from others: a key of its author's choice, or everything that decides what it makes. */
async function identityOf(deps: DriverDeps, request: CacheRequest): Promise<CacheKey | string> {
  const { options, taskSpec, component, container, executorInput } = request;
  const customKey = taskSpec.cachingOptions?.cacheKey ?? "";
  if (customKey !== "") return customKey;
  const workspace = needsWorkspace(executorInput) ? [workspaceClaimName(options.runName)] : [];
  return buildCacheKey({
    containerSpec: container,
    pipelineName: options.pipelineName,
    pvcNames: [...workspace, ...(await request.claimNames())],
    executorInput,
    outputParameterTypes: component.outputDefinitions?.parameters ?? {},
    includeEnv: deps.settings.fingerprintsEnvironment,
  });
}

function fingerprintOf({ settings }: DriverDeps, { taskSpec, container }: CacheRequest, key: CacheKey | string): string {
  const own = typeof key === "string" ? customFingerprint(taskSpec.componentRef?.name ?? "", key) : fingerprint(key);
  const salt = settings.fingerprintSalt ?? "";
  return salt === "" ? own : saltedFingerprint(own, { salt, image: container.image });
}
