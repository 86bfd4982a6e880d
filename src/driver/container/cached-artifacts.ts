/**
 * Whether the artifacts of a cached task still exist: somebody may have emptied a bucket, or a folder, since.
 *
 * @module
 */
import { hasLocalRoot } from "../../config/pipeline-root.ts";
import { isLocalUri, localPathForUri } from "../../core/executor/artifact-uri.ts";
import { errorMessage } from "../../core/errors.ts";
import { EXECUTOR_LOGS_KEY } from "../../core/executor/executor-input.ts";
import type { PipelineTask } from "../../core/kfp-types.ts";
import type { ObjectStore } from "../../ports/object-store.ts";
import type { RunSnapshot } from "../../tasks/read-run.ts";
import type { DriverDeps } from "../deps.ts";
import type { ContainerOptions } from "../options.ts";

/** The run whose stores are to be asked. */
export interface CachedArtifactsRequest {
  readonly options: ContainerOptions;
  readonly snapshot: Pick<RunSnapshot, "run" | "spec">;
}

/** An output of a cached task that nothing can be read from any more. */
export interface GoneArtifact {
  readonly uri: string;
  /** Why it could not be looked at; absent when it is not there. */
  readonly problem?: string;
}

/**
 * Looks for every artifact the cached task has stored, and stops at the first that is gone.
 *
 * Every record with a URI had bytes once: without them its step had failed. Images and other places without a local path were never
 * stored by a launcher, and nobody waits for a log.
 */
export async function findGoneArtifact(
  deps: DriverDeps,
  { options, snapshot }: CachedArtifactsRequest,
  cached: PipelineTask,
): Promise<GoneArtifact | undefined> {
  const uris = new Set(
    (cached.outputs?.artifacts ?? [])
      .filter(({ artifactKey }) => artifactKey !== EXECUTOR_LOGS_KEY)
      .flatMap(({ artifacts }) => artifacts.map(({ uri }) => uri ?? ""))
      .filter((uri) => isStored(uri)),
  );
  const localRootAllowed = hasLocalRoot(snapshot.run, snapshot.spec);
  const stores = new Map<boolean, ObjectStore>();
  try {
    for (const uri of uris) {
      const gone = await lookAt(deps, { uri, options, localRootAllowed, stores });
      if (gone !== undefined) return gone;
    }
    return undefined;
  } finally {
    for (const store of stores.values()) await store.close();
  }
}

interface Look {
  readonly uri: string;
  readonly options: ContainerOptions;
  readonly localRootAllowed: boolean;
  /** Opened ones: those for paths on this disk alone, which need no configuration, and all others. */
  readonly stores: Map<boolean, ObjectStore>;
}

async function lookAt(deps: DriverDeps, { uri, options, localRootAllowed, stores }: Look): Promise<GoneArtifact | undefined> {
  const localOnly = localRootAllowed && isLocalUri(uri);
  try {
    let store = stores.get(localOnly);
    if (store === undefined) {
      if (deps.openStore === undefined) throw new Error("this driver has no object store");
      store = await deps.openStore({
        namespace: options.namespace,
        localOnly,
        localRootAllowed,
        caCertPath: options.apiServer.caCertPath,
        logger: deps.logger,
      });
      stores.set(localOnly, store);
    }
    return (await store.exists(uri)) ? undefined : { uri };
  } catch (error) {
    return { uri, problem: errorMessage(error) };
  }
}

function isStored(uri: string): boolean {
  if (uri === "" || uri.startsWith("oci://")) return false;
  try {
    return localPathForUri(uri) !== undefined;
  } catch {
    // It would leave its folder: no launcher reads it.
    return true;
  }
}
