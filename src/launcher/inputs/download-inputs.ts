/**
 * Input artifacts, from their store to where the user's program expects them.
 *
 * Source: docs/spec/inputs-and-user-command.md#which-artifacts-are-downloaded, #local-paths, #directories-of-inputs, #lau-18,
 * docs/spec/task-config-workspace-modelcar.md#workspace-artifacts-in-the-launcher, #modelcars-in-the-launcher.
 *
 * @module
 */
import { errorMessage, StorageError } from "../../core/errors.ts";
import { WORKSPACE_MARKER_KEY } from "../../core/executor/executor-input.ts";
import { isProviderName } from "../../core/executor/store-schemes.ts";
import type { ExecutorInput, RuntimeArtifact } from "../../core/kfp-types.ts";
import { artifactEntries, artifactPath } from "./artifact-paths.ts";
import { unlessInterrupted } from "../interruption.ts";
import { isModelcarUri, waitForModelcar, type ModelcarDeps } from "./modelcar.ts";
import type { Stores } from "../stores.ts";

/** What downloads take. */
export interface DownloadDeps extends ModelcarDeps {
  readonly stores: Stores;
}

/**
 * Downloads every artifact that lies in a store, one after the other. One that holds nothing is a warning: the program finds out.
 *
 * @throws {StorageError} Of the first artifact that fails, naming its key and URI.
 */
export async function downloadInputs(deps: DownloadDeps, executorInput: ExecutorInput): Promise<void> {
  for (const { key, artifact } of artifactEntries(executorInput.inputs?.artifacts)) {
    const path = downloadPath(deps, key, artifact);
    if (path === undefined) continue;
    try {
      if (isModelcarUri(artifact.uri)) await waitForModelcar(deps, artifact.uri, path);
      else await downloadOne(deps, { key, uri: artifact.uri, path });
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      const message = `failed to download input artifact "${key}" from ${artifact.uri}: ${errorMessage(error)}`;
      throw error.withMessage(message);
    }
  }
}

/** Input artifacts whose bytes are asked from a store, for the check of all locations before the program starts. */
export function downloadedUris(executorInput: ExecutorInput): string[] {
  const entries = artifactEntries(executorInput.inputs?.artifacts);
  const stored = entries.filter(({ artifact }) => !isInWorkspace(artifact) && isStored(artifact.uri));
  return stored.map(({ artifact }) => artifact.uri);
}

function downloadPath({ logger, settings }: DownloadDeps, key: string, artifact: RuntimeArtifact): string | undefined {
  if (isInWorkspace(artifact)) return undefined;
  const path = artifactPath(artifact, settings);
  if (path !== undefined && artifact.uri !== "") return path;
  // Metrics and other artifacts without bytes have no URI; nothing is missing.
  if (artifact.uri !== "") logger.warn("An input artifact has no local path and is not downloaded", { key, uri: artifact.uri });
  return undefined;
}

async function downloadOne(
  { logger, signal, stores }: DownloadDeps,
  { key, uri, path }: { key: string; uri: string; path: string },
): Promise<void> {
  const store = await stores.of(uri);
  const { objects } = await unlessInterrupted(signal, () => store.download(uri, path));
  if (objects === 0) logger.warn("There is nothing at the location of an input artifact", { key, uri });
}

/** Already there: an importer downloaded it to the workspace. */
function isInWorkspace({ metadata }: RuntimeArtifact): boolean {
  return metadata?.[WORKSPACE_MARKER_KEY] === true;
}

function isStored(uri: string): boolean {
  return uri.startsWith("/") || isProviderName(uri.split("://", 1)[0] ?? "");
}
