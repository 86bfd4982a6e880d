/**
 * With `KFP_UPLOAD_ON_FAILURE=true`, the outputs of a step that failed: for people who want to see how far it got.
 *
 * Best effort like its log: what cannot be published is a warning, and the task fails with its own error. Ancestors get nothing of it,
 * and the cache never finds it, since only SUCCEEDED tasks are found.
 *
 * @module
 */
import { errorMessage, UserCodeError } from "../../core/errors.ts";
import type { OutputArtifactPlan } from "../../core/executor/output-artifacts.ts";
import { BatchUpdater } from "../../tasks/batch-updater.ts";
import { componentOfTask, maxRetriesOfTask, type Attempt } from "../attempt.ts";
import type { LauncherDeps } from "../deps.ts";
import { isTransient } from "../log/executor-logs.ts";
import type { ContainerOptions } from "../options.ts";
import { queueParameters, storeArtifacts } from "../outputs/register-outputs.ts";
import { salvageOutputs } from "../outputs/salvage-outputs.ts";
import { uploadOutputs } from "../outputs/upload-outputs.ts";
import type { Stores } from "../stores.ts";
import type { UnpublishedOutputs } from "./stages.ts";

type PublishDeps = LauncherDeps & { readonly stores: Stores };

/**
 * Uploads and registers what the program wrote. Never throws.
 *
 * Only the last attempt does: the next one overwrites the objects of this, and records of this would stay beside its own, with metadata
 * and metrics that are not true of what is stored. A stopped launcher has no time for it.
 */
export async function publishFailedOutputs(
  deps: PublishDeps,
  attempt: Attempt,
  options: ContainerOptions,
  { executorInput, uploaded }: UnpublishedOutputs,
): Promise<void> {
  const { logger, settings, signal } = deps;
  if (signal?.aborted === true) return;
  try {
    const retries = maxRetriesOfTask(attempt.snapshot, options);
    if (Number(settings.retryIndex ?? 0) < retries) {
      logger.info("The step failed and may be tried again, so its outputs are not published", { retries });
      return;
    }
    const component = componentOfTask(attempt.snapshot, options);
    const { namespace } = options;
    const { artifactLocalPath, limits } = settings;
    const { parameters, artifacts } = await salvageOutputs(deps, {
      ...{ executorInput, component, namespace, limits, artifactLocalPath },
    });
    const present = await uploadPresent(deps, artifacts, uploaded);
    const batch = new BatchUpdater(deps, options.runId);
    batch.noteTask(attempt.task);
    const own = { ...attempt, batch };
    queueParameters(own, options, parameters);
    await storeArtifacts(deps, own, options, present);
    logger.info("The step failed, what it wrote is published", { parameters: parameters.size, artifacts: present.length });
  } catch (error) {
    logger.warn("The step failed and its outputs are not all published", { reason: errorMessage(error) });
  }
}

/** The plans whose bytes are in their store; once a store fails for a passing reason, nothing more is tried. */
async function uploadPresent(
  deps: PublishDeps,
  plans: readonly OutputArtifactPlan[],
  uploaded: Set<string>,
): Promise<OutputArtifactPlan[]> {
  const present: OutputArtifactPlan[] = [];
  let storeFails = false;
  for (const plan of plans) {
    if (storeFails && plan.upload !== undefined) continue;
    try {
      await uploadOutputs(deps, [plan], uploaded);
      present.push(plan);
    } catch (error) {
      if (error instanceof UserCodeError && error.code === "OUTPUT_ARTIFACT_MISSING") continue;
      deps.logger.warn(`The step failed and output artifact "${plan.key}" is not published`, { reason: errorMessage(error) });
      storeFails = isTransient(error);
    }
  }
  return present;
}
