/**
 * Part of the composition roots: the object store of a run, from the launcher configuration of its namespace.
 *
 * Reached through `await import()` only, because the store's modules cost start-up time that many steps do not need.
 *
 * @module
 */
import { readCaFile } from "../core/ca-file.ts";
import { errorMessage, KubeError, StorageError } from "../core/errors.ts";
import { storeConfig, type LauncherConfig } from "../config/store-config.ts";
import { openObjectStore } from "./open-store.ts";
import { parseProvidersYaml } from "../config/providers-yaml.ts";
import type { Clock } from "../ports/clock.ts";
import type { FileSystem } from "../ports/file-system.ts";
import type { KubeApi } from "../ports/kube-api.ts";
import type { ObjectReader, ObjectStore, RunStoreRequest } from "../ports/object-store.ts";
import { launcherConfigFolder, loadLauncherConfig } from "../config/load-launcher-config.ts";

/** What the store of a run takes of its process. */
export interface OpenRunStoreDeps {
  readonly clock: Clock;
  readonly files: FileSystem;
  /** Called only for a ConfigMap that is not mounted, and for Secrets. */
  readonly kube: () => Promise<KubeApi>;
  /** Of this process: credentials, endpoints, proxies. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/**
 * @throws {KubeError} KUBE_UNAVAILABLE or KUBE_REJECTED, {StorageError} STORE_CONFIG_INVALID, {UsageError} FILE_UNREADABLE.
 */
export async function openRunStore(deps: OpenRunStoreDeps, request: RunStoreRequest): Promise<ObjectStore & ObjectReader> {
  const { clock, files, kube, environment } = deps;
  const { namespace, localOnly, localRootAllowed, caCertPath, logger } = request;
  const launcherConfig = localOnly ? {} : await readConfig(deps, request);
  const providers =
    launcherConfig.providersText === undefined ? undefined : await parseProvidersYaml(launcherConfig.providersText);
  const extraCaPem = localOnly ? undefined : await readCa(files, caCertPath);
  // Its query may hold anything.
  const [pipelineRoot] = launcherConfig.defaultPipelineRoot?.split("?") ?? [];
  logger.verbose(2, "Object store opened", () => ({ namespace, localOnly, pipelineRoot }));
  return openObjectStore(
    { clock, kube },
    {
      config: storeConfig(launcherConfig, providers),
      namespace,
      environment,
      localRootAllowed,
      ...(extraCaPem === undefined ? {} : { extraCaPem }),
    },
  );
}

async function readConfig(
  { files, kube, environment }: OpenRunStoreDeps,
  { namespace, logger }: RunStoreRequest,
): Promise<LauncherConfig> {
  try {
    return await loadLauncherConfig({ files, kube, logger }, { namespace, ...launcherConfigFolder(environment) });
  } catch (error) {
    const message = `failed to get launcher configmap: ${errorMessage(error)}`;
    if (error instanceof KubeError) throw error.withMessage(message);
    throw new StorageError("STORE_CONFIG_INVALID", message, { cause: error });
  }
}

async function readCa(files: FileSystem, path: string): Promise<string | undefined> {
  if (path === "") return undefined;
  return readCaFile(path, (file) => files.readText(file));
}
