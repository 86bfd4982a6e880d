/**
 * Output artifacts, from the local disk to their store.
 *
 * Source: docs/spec/outputs.md#upload-and-registration, #lau-24, docs/spec/inputs-and-user-command.md#lau-11.
 *
 * @module
 */
import { errorMessage, StorageError, UserCodeError } from "../../core/errors.ts";
import { EXECUTOR_LOGS_KEY } from "../../core/executor/executor-input.ts";
import type { OutputArtifactPlan, Upload } from "../../core/executor/output-artifacts.ts";
import type { Logger } from "../../ports/logger.ts";
import { isTransient } from "../log/executor-logs.ts";
import { unlessInterrupted } from "../interruption.ts";
import type { Stores } from "../stores.ts";

/** What uploads take. */
export interface UploadDeps {
  readonly logger: Logger;
  readonly stores: Stores;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Uploads every artifact but the log, one after the other. After a transient failure everything that is still missing is tried once
 * more, with credentials read anew.
 *
 * @param done Names of transfers that need not be made again; those that were made are added.
 * @throws {UserCodeError} OUTPUT_ARTIFACT_MISSING, naming the artifact and the path that was looked at.
 * @throws {StorageError} Of the upload that failed for good.
 */
export async function uploadOutputs(
  deps: UploadDeps,
  plans: readonly OutputArtifactPlan[],
  done: Set<string> = new Set(),
): Promise<void> {
  for (const { warning } of plans) if (warning !== undefined) deps.logger.warn(warning);
  const waiting = plans.filter(({ key, upload }) => upload !== undefined && key !== EXECUTOR_LOGS_KEY);
  try {
    await uploadAll(deps, waiting, done);
  } catch (error) {
    if (!isTransient(error)) throw error;
    deps.logger.warn("An upload failed for a passing reason, it is tried once more", { reason: errorMessage(error) });
    await deps.stores.refresh();
    await uploadAll(deps, waiting, done);
  }
}

async function uploadAll(deps: UploadDeps, plans: readonly OutputArtifactPlan[], done: Set<string>): Promise<void> {
  for (const { key, upload } of plans) {
    if (upload === undefined) continue;
    const transfer = JSON.stringify([upload.localPath, upload.uri]);
    if (done.has(transfer)) continue;
    await uploadOne(deps, key, upload);
    done.add(transfer);
  }
}

async function uploadOne({ stores, signal }: UploadDeps, key: string, { localPath, uri }: Upload): Promise<void> {
  const store = await stores.of(uri);
  try {
    await unlessInterrupted(signal, () => store.upload(localPath, uri));
  } catch (error) {
    // A bucket that does not exist is not the program's fault.
    if (error instanceof StorageError && error.code === "OBJECT_NOT_FOUND" && error.details["bucket"] === undefined) {
      const message = `declared output artifact "${key}" is missing at "${localPath}": the program did not write it`;
      throw new UserCodeError("OUTPUT_ARTIFACT_MISSING", message, { details: { key, localPath }, cause: error });
    }
    if (!(error instanceof StorageError)) throw error;
    const message = `failed to upload output artifact "${key}" to ${uri}: ${errorMessage(error)}`;
    throw error.withMessage(message);
  }
}
