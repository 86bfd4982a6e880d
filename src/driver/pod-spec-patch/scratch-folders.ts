/**
 * Folders for local copies of artifacts that the compiled template has none for: it mounts `/gcs`, `/s3` and `/minio`, so that steps may
 * write there whoever they run as.
 *
 * Source: docs/spec/object-stores.md#azure-in-programs-of-the-sdk.
 *
 * @module
 */
import { foreignFoldersOf } from "../../core/executor/foreign-uris.ts";
import { cleanPath } from "../../core/go/slash-path.ts";
import type { ExecutorInput } from "../../core/kfp-types.ts";
import type { AttributedContribution } from "./contribution.ts";

/** What the folders depend on. */
export interface ScratchFolderOptions {
  /** As the driver's and the launcher's environment have it. */
  readonly artifactLocalPath?: string | undefined;
  /** What the step mounts itself: a folder that it has is not mounted twice. */
  readonly contributions: readonly AttributedContribution[];
}

/** @returns `undefined` when the template has all folders that the step's artifacts need. */
export function scratchFolders(
  executorInput: ExecutorInput,
  { artifactLocalPath = "", contributions }: ScratchFolderOptions,
): AttributedContribution | undefined {
  const mounted = new Set(contributions.flatMap(({ volumes = [] }) => volumes.map(({ mount }) => cleanPath(mount.mountPath))));
  const missing = foreignFoldersOf(executorInput)
    .map((folder) => ({ folder, mountPath: cleanPath(`${artifactLocalPath}/${folder}`) }))
    .filter(({ mountPath }) => !mounted.has(mountPath));
  if (missing.length === 0) return undefined;
  return {
    member: "scratch folders",
    volumes: missing.map(({ folder, mountPath }) => ({
      preferredName: `${folder}-scratch`,
      source: { emptyDir: {} },
      mount: { mountPath },
    })),
  };
}
