/**
 * The object store as the launcher configuration of a namespace describes it: what composition roots open.
 *
 * @module
 */
import { loadLauncherConfig } from "../config/load-launcher-config.ts";
import type { LoadLauncherConfigDeps } from "../config/load-launcher-config.ts";
import { storeConfig } from "../core/store-config.ts";
import type { StoreConfig } from "../core/store-config.ts";
import type { KubeApi } from "../ports/kube-api.ts";
import type { ObjectStore } from "../ports/object-store.ts";
import { openObjectStore } from "./open-store.ts";
import type { ObjectStoreDeps, ObjectStoreOptions } from "./open-store.ts";

export interface ConfiguredStoreDeps extends Omit<ObjectStoreDeps, "kube">, Omit<LoadLauncherConfigDeps, "kube"> {
  readonly kube: () => Promise<Pick<KubeApi, "getConfigMap" | "getSecret">>;
}

export interface ConfiguredStoreOptions extends Omit<ObjectStoreOptions, "config"> {
  /** Where the configuration is mounted, if not at the usual place. */
  readonly folder?: string;
}

/**
 * Loads the configuration and opens the store; nothing is connected yet.
 *
 * @throws {StorageError} STORE_CONFIG_INVALID for a configuration that cannot be read.
 * @throws {KubeError} As loadLauncherConfig.
 */
export async function openConfiguredStore(deps: ConfiguredStoreDeps, options: ConfiguredStoreOptions): Promise<ObjectStore> {
  return openObjectStore(deps, { ...options, config: await loadStoreConfig(deps, options) });
}

/** The configuration with its YAML parsed. */
export async function loadStoreConfig(
  deps: LoadLauncherConfigDeps,
  options: { readonly namespace: string; readonly folder?: string },
): Promise<StoreConfig> {
  const launcherConfig = await loadLauncherConfig(deps, options);
  if (launcherConfig.providersText === undefined) return storeConfig(launcherConfig, undefined);
  const { parseProvidersYaml } = await import("./providers-yaml.ts");
  return storeConfig(launcherConfig, await parseProvidersYaml(launcherConfig.providersText));
}
