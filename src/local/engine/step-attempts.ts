/**
 * The attempts at one step: a launcher, and as many again as the task's retry policy allows, each in a place of its own.
 *
 * Source: docs/spec/launcher-flow.md#argo-retries.
 *
 * @module
 */
import { durationMs } from "@bufbuild/protobuf/wkt";
import { backoffMs } from "../../core/backoff.ts";
import type { PipelineTaskSpec } from "../../core/kfp-types.ts";
import type { PodSpecPatch } from "../../driver/pod-spec-patch/pod-spec.ts";
import { withDeadline, type DeadlineDeps } from "./deadline.ts";
import type { PodIdentity } from "./pod-command.ts";
import type { LaunchOutcome, TaskExecutor, TaskPlace } from "./task-executor.ts";

/** What happens between the start and the end of a step. */
export type AttemptEvent =
  | { readonly kind: "running"; readonly place: TaskPlace; readonly taskKind: "step" }
  | { readonly kind: "retrying"; readonly place: TaskPlace; readonly retryIndex: number; readonly exitCode: number };

/** Who launches, and who hears of it; once the signal has come nothing more is launched. */
export interface AttemptsDeps extends DeadlineDeps {
  readonly executor: Pick<TaskExecutor, "launch">;
  readonly newPod: (place: TaskPlace) => PodIdentity;
  readonly onEvent: (event: AttemptEvent) => void;
}

/** Takes a place, does the work in it, and gives it back. */
export type InSlot = <Result>(work: () => Promise<Result>) => Promise<Result>;

/** What a step is launched with. */
export interface Attempts {
  readonly place: TaskPlace;
  readonly patch: PodSpecPatch;
  /** Absent: one attempt. */
  readonly policy: PipelineTaskSpec["retryPolicy"];
}

/** How the last attempt ended. */
export type AttemptsEnding =
  | { readonly outcome: "succeeded" }
  | {
      readonly outcome: "failed";
      readonly exitCode: number;
      /** An attempt was under way; false when the run was stopped before the first one. */
      readonly hasRun: boolean;
      /** Why it ended, where the exit code does not say it. */
      readonly error?: string;
    };

/** Launches a step until an attempt succeeds, there are no more, or the run is stopped. */
export async function runAttempts(
  deps: AttemptsDeps,
  { place, patch, policy }: Attempts,
  inSlot: InSlot,
): Promise<AttemptsEnding> {
  const { executor, newPod, onEvent, signal } = deps;
  for (let retryIndex = 0; ; retryIndex += 1) {
    const request = { place, patch, pod: newPod(place), ...(policy === undefined ? {} : { retryIndex }) };
    let hasRun = retryIndex > 0;
    const { exitCode, isLate = false } = await inSlot(() => {
      if (signal.aborted) return stopped();
      hasRun = true;
      if (retryIndex === 0) onEvent({ kind: "running", place, taskKind: "step" });
      return withDeadline(deps, patch.activeDeadlineSeconds, (stop) => executor.launch({ ...request, signal: stop }));
    });
    if (exitCode === 0) return { outcome: "succeeded" };
    if (policy === undefined || retryIndex >= policy.maxRetryCount || signal.aborted) {
      const error = isLate ? { error: `ended at its deadline of ${String(patch.activeDeadlineSeconds)} s` } : {};
      return { outcome: "failed", exitCode, hasRun, ...error };
    }
    onEvent({ kind: "retrying", place, retryIndex: retryIndex + 1, exitCode });
    if (!(await waited(deps, retryDelayMs(policy, retryIndex)))) return { outcome: "failed", exitCode, hasRun };
  }
}

/** @returns False when the run was stopped meanwhile. */
async function waited({ clock, signal }: DeadlineDeps, ms: number): Promise<boolean> {
  try {
    if (ms > 0) await clock.sleep(ms, signal);
    return !signal.aborted;
  } catch {
    return false;
  }
}

/** Exit code of a container that was never started because the run was stopped. */
const STOPPED_EXIT_CODE = 143;

function stopped(): Promise<LaunchOutcome & { readonly isLate?: boolean }> {
  return Promise.resolve({ exitCode: STOPPED_EXIT_CODE });
}

/** `duration * factor^index`, never more than the policy's maximum; Argo's defaults for what is not given: no delay, factor 2, one hour. */
function retryDelayMs(policy: NonNullable<PipelineTaskSpec["retryPolicy"]>, index: number): number {
  const firstMs = policy.backoffDuration === undefined ? 0 : durationMs(policy.backoffDuration);
  const longestMs = policy.backoffMaxDuration === undefined ? 3_600_000 : durationMs(policy.backoffMaxDuration);
  const factor = policy.backoffFactor === 0 ? 2 : policy.backoffFactor;
  return backoffMs({ firstMs, factor, longestMs }, index);
}
