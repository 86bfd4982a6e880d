/**
 * The log of the user's program as an artifact.
 *
 * Best effort throughout: a log that cannot be written, uploaded or registered is a warning and never changes how the task ends. From
 * the moment the program was started it is published on every path.
 *
 * Source: docs/spec/inputs-and-user-command.md#log-artifact, #lau-11.
 *
 * @module
 */
import { localPathForUri } from "../../core/executor/artifact-uri.ts";
import { errorMessage, StorageError } from "../../core/errors.ts";
import { EXECUTOR_LOGS_KEY } from "../../core/executor/executor-input.ts";
import { ArtifactType, type ExecutorInput } from "../../core/kfp-types.ts";
import type { FileSystem } from "../../ports/file-system.ts";
import type { CreateArtifactInit } from "../../ports/kfp-api.ts";
import type { Logger } from "../../ports/logger.ts";
import type { LauncherSettings } from "../settings.ts";
import type { Stores } from "../stores.ts";

/** The log of one attempt. */
export interface ExecutorLog {
  readonly uri: string;
  /** Where it is written while the program runs. The custom path has no say in this. */
  readonly path: string;
  /** What publishes it while the command runs; absent when nothing does. */
  readonly parts?: LogParts | undefined;
}

/** The publication of a log that is still being written. */
export interface LogParts {
  /** Resolves when no upload of it is under way any more: a late one would overwrite the whole log. Never rejects. */
  readonly ended: Promise<void>;
  /** Whether the artifact is stored already. */
  readonly isRegistered: () => boolean;
}

/** The log to be written; none without publishing, with another number of artifacts than one, or without a local path. */
export function executorLogOf(
  { outputs }: ExecutorInput,
  { publishLogs }: { readonly publishLogs: boolean },
  { artifactLocalPath }: LauncherSettings,
): ExecutorLog | undefined {
  const artifacts = outputs?.artifacts[EXECUTOR_LOGS_KEY]?.artifacts ?? [];
  const [artifact] = artifacts;
  if (!publishLogs || artifact === undefined || artifacts.length !== 1) return undefined;
  try {
    const path = localPathForUri(artifact.uri, { artifactLocalPath });
    return path === undefined ? undefined : { uri: artifact.uri, path };
  } catch {
    return undefined;
  }
}

/** Makes the file before the program starts: a program that cannot even be started has a log, too, if an empty one. */
export async function createLog(
  { fileSystem, logger }: { readonly fileSystem: FileSystem; readonly logger: Logger },
  { path }: ExecutorLog,
): Promise<void> {
  try {
    await fileSystem.writeText(path, "");
  } catch (error) {
    logger.warn("The log of the step cannot be written", { path, reason: errorMessage(error) });
  }
}

/** What the upload of a log takes. */
export interface UploadLogDeps {
  readonly logger: Logger;
  readonly stores: Stores;
}

/** Uploads the log, once more after a transient failure. False, with a warning, when it stays behind. */
export async function uploadLog({ logger, stores }: UploadLogDeps, { path, uri, parts }: ExecutorLog): Promise<boolean> {
  await parts?.ended;
  try {
    const store = await stores.of(uri);
    try {
      await store.upload(path, uri);
    } catch (error) {
      if (!isTransient(error)) throw error;
      await store.refresh();
      await store.upload(path, uri);
    }
    return true;
  } catch (error) {
    logger.warn("The log of the step is not uploaded", { uri, reason: errorMessage(error) });
    return false;
  }
}

/** Whether a second try with fresh credentials makes sense (docs/spec/outputs.md#upload-and-registration). */
export function isTransient(error: unknown): boolean {
  return error instanceof StorageError && error.details.transient === true;
}

/** The log as an artifact to be stored. */
export function logArtifact({ uri }: ExecutorLog): CreateArtifactInit["artifact"] & {} {
  return { name: EXECUTOR_LOGS_KEY, type: ArtifactType.Artifact, uri };
}
