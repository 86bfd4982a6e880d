/**
 * The log of a step that failed: nothing else of it is published, but people want to read why.
 *
 * Source: docs/spec/inputs-and-user-command.md#log-artifact, #lau-11.
 *
 * @module
 */
import { errorMessage } from "../../core/errors.ts";
import { EXECUTOR_LOGS_KEY } from "../../core/executor/executor-input.ts";
import { BatchUpdater } from "../../tasks/batch-updater.ts";
import type { Attempt } from "../attempt.ts";
import type { LauncherDeps } from "../deps.ts";
import type { ContainerOptions } from "../options.ts";
import { artifactRequest } from "../outputs/register-outputs.ts";
import type { Stores } from "../stores.ts";
import { logArtifact, uploadLog, type ExecutorLog } from "./executor-logs.ts";

/** Uploads and registers the log, each best effort: what fails is a warning. */
export async function publishLog(
  deps: LauncherDeps & { readonly stores: Stores },
  { task }: Attempt,
  options: ContainerOptions,
  log: ExecutorLog,
): Promise<void> {
  if (!(await uploadLog(deps, log)) || log.parts?.isRegistered() === true) return;
  const batch = new BatchUpdater(deps, options.runId);
  batch.noteTask(task);
  batch.queueArtifact(artifactRequest(deps, options, { key: EXECUTOR_LOGS_KEY, artifact: logArtifact(log) }));
  try {
    await batch.flush();
  } catch (error) {
    deps.logger.warn("The log of the step is not registered", { uri: log.uri, reason: errorMessage(error) });
  }
}
