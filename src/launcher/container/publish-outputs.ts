/**
 * From the files the user's program left behind to outputs that others see.
 *
 * Source: docs/spec/launcher-flow.md#steps, #failure-table, docs/spec/outputs.md, docs/spec/output-propagation.md#lau-13.
 *
 * @module
 */
import { EXECUTOR_LOGS_KEY } from "../../core/executor/executor-input.ts";
import type { ComponentSpec, ExecutorInput } from "../../core/kfp-types.ts";
import { unlessInterrupted } from "../interruption.ts";
import { uploadLog } from "../log/executor-logs.ts";
import { collectOutputs, type CollectedOutputs } from "../outputs/collect-outputs.ts";
import { queueParameters, queuePropagation, storeArtifacts } from "../outputs/register-outputs.ts";
import { uploadOutputs } from "../outputs/upload-outputs.ts";
import type { StageContext } from "./stages.ts";

/**
 * Collects, uploads and registers the outputs; what can wait is left in the attempt's batch.
 *
 * @throws {Error} In the words of the stage that failed, around what happened.
 */
export async function publishOutputs(
  context: StageContext,
  component: ComponentSpec,
  executorInput: ExecutorInput,
): Promise<void> {
  const { deps, options, progress, stage } = context;
  const { artifactLocalPath, executorOutputPath, limits } = deps.settings;
  const { namespace } = options;
  const collected = await stage("collect outputs", () =>
    unlessInterrupted(deps.signal, () =>
      collectOutputs(deps, {
        ...{ executorInput, component, namespace, limits },
        ...{ artifactLocalPath, executorOutputPath },
      }),
    ),
  );
  const logPublished = await stage("upload outputs", async () => {
    await uploadOutputs(deps, collected.artifacts, progress.unpublishedOutputs?.uploaded);
    const { unpublishedLog: log } = progress;
    return log !== undefined && (await unlessInterrupted(deps.signal, () => uploadLog(deps, log)));
  });
  // From here on it is the flush that decides about log and outputs, not the clean-up.
  delete progress.unpublishedLog;
  delete progress.unpublishedOutputs;
  await registerOutputs(context, withLog(collected, logPublished));
}

/** The log counts as an output only once it is uploaded. */
function withLog({ parameters, artifacts }: CollectedOutputs, logPublished: boolean): CollectedOutputs {
  return { parameters, artifacts: artifacts.filter(({ key }) => key !== EXECUTOR_LOGS_KEY || logPublished) };
}

async function registerOutputs({ deps, attempt, options, stage }: StageContext, collected: CollectedOutputs): Promise<void> {
  const { artifacts, parameters } = await stage("store artifacts", () =>
    storeArtifacts(deps, attempt, options, collected.artifacts)
      .then((stored) => ({ artifacts: stored, parameters: queueParameters(attempt, options, collected.parameters) }))
      .catch((error: unknown) => {
        // The finalisation flushes once more, and the parameters are to go along then.
        queueParameters(attempt, options, collected.parameters);
        throw error;
      }),
  );
  await stage("propagate outputs", () => queuePropagation(deps, attempt, { parameters, artifacts }));
}
