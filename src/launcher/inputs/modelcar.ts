/**
 * Models in OCI images: a sidecar of the pod brings them, we wait for it and tell it when to end.
 *
 * Source: docs/spec/task-config-workspace-modelcar.md#modelcars-in-the-launcher, #lau-19.
 *
 * @module
 */
import { errorMessage, StorageError } from "../../core/errors.ts";
import type { ExecutorInput } from "../../core/kfp-types.ts";
import type { Clock } from "../../ports/clock.ts";
import type { FileSystem } from "../../ports/file-system.ts";
import type { Logger } from "../../ports/logger.ts";
import { artifactEntries, artifactPath } from "./artifact-paths.ts";
import { throwIfInterrupted } from "../interruption.ts";
import type { LauncherSettings } from "../settings.ts";

/** What waiting for a modelcar takes. */
export interface ModelcarDeps {
  readonly clock: Clock;
  readonly fileSystem: FileSystem;
  readonly logger: Logger;
  readonly settings: LauncherSettings;
  readonly signal?: AbortSignal | undefined;
}

const LOOK_EVERY_MS = 500;
const REPORT_EVERY_MS = 30_000;

/** Whether the artifact is a model in an OCI image, which no store holds. */
export function isModelcarUri(uri: string): boolean {
  return uri.startsWith("oci://");
}

/**
 * Waits until the sidecar has made the model appear.
 *
 * @throws {StorageError} OBJECT_ACCESS_DENIED when we may not look at it, TRANSFER_FAILED when it has waited long enough.
 * @throws {HostError} INTERRUPTED
 */
export async function waitForModelcar(deps: ModelcarDeps, uri: string, path: string): Promise<void> {
  const { clock, fileSystem, logger, settings, signal } = deps;
  const startedAtMs = clock.monotonicMs();
  let reportedAtMs = startedAtMs;
  for (;;) {
    throwIfInterrupted(signal);
    try {
      if ((await fileSystem.stat(path)) !== undefined) return;
    } catch (error) {
      const hint = "the main and the modelcar container need the same user id (PIPELINE_RUN_AS_USER)";
      throw new StorageError(
        "OBJECT_ACCESS_DENIED",
        `Cannot look for model ${uri} at "${path}": ${errorMessage(error)}; ${hint}`,
        {
          cause: error,
        },
      );
    }
    const nowMs = clock.monotonicMs();
    if (settings.modelcarTimeoutMs !== undefined && nowMs - startedAtMs >= settings.modelcarTimeoutMs) {
      const waited = `${Math.round((nowMs - startedAtMs) / 1000)} s`;
      throw new StorageError(
        "TRANSFER_FAILED",
        `Model ${uri} did not appear at "${path}" within ${waited}; KFP_MODELCAR_TIMEOUT sets how long to wait`,
      );
    }
    if (nowMs - reportedAtMs >= REPORT_EVERY_MS) {
      reportedAtMs = nowMs;
      logger.info("Waiting for the modelcar", { uri, path, seconds: Math.round((nowMs - startedAtMs) / 1000) });
    }
    await clock.sleep(LOOK_EVERY_MS);
  }
}

/** Tells every modelcar of the task to end. Never fails: the pod's end stops them, too. */
export async function stopModelcars(deps: ModelcarDeps, executorInput: ExecutorInput): Promise<void> {
  for (const { artifact } of artifactEntries(executorInput.inputs?.artifacts)) {
    if (!isModelcarUri(artifact.uri)) continue;
    try {
      const path = artifactPath(artifact, deps.settings);
      if (path === undefined) continue;
      await deps.fileSystem.writeText(`${path.replace(/\/models$/, "")}/launcher-complete`, "");
    } catch (error) {
      deps.logger.warn("Cannot tell a modelcar to end", { uri: artifact.uri, reason: errorMessage(error) });
    }
  }
}
