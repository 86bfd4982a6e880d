/**
 * The launcher configuration: from the mounted folder, else from the ConfigMap `kfp-launcher`; the two are never merged.
 *
 * Source: docs/spec/object-stores.md#where-the-configuration-comes-from, docs/spec/connections.md#lau-4,
 * docs/spec/executor-input.md#pipeline-root.
 *
 * @module
 */
import { errorMessage, KubeError, StorageError } from "../core/errors.ts";
import { parseLauncherConfig } from "./store-config.ts";
import type { LauncherConfig } from "./store-config.ts";
import type { FileSystem } from "../ports/file-system.ts";
import type { KubeApi } from "../ports/kube-api.ts";
import type { Logger } from "../ports/logger.ts";

/** Where the compiler mounts the ConfigMap. */
export const LAUNCHER_CONFIG_FOLDER = "/etc/kfp/launcher-config";
/** Name of the ConfigMap with the launcher configuration, in the namespace of the run. */
export const LAUNCHER_CONFIG_MAP = "kfp-launcher";

/** Where the configuration can be read from. */
export interface LoadLauncherConfigDeps {
  readonly files: Pick<FileSystem, "stat" | "list" | "readText">;
  /** Called only when the mount decides nothing. */
  readonly kube: () => Promise<Pick<KubeApi, "getConfigMap">>;
  readonly logger: Pick<Logger, "warn">;
}

/** Whose configuration is wanted. */
export interface LoadLauncherConfigOptions {
  /** Of the run. */
  readonly namespace: string;
  /** Default {@link LAUNCHER_CONFIG_FOLDER}. */
  readonly folder?: string;
}

/** `KFP_LAUNCHER_CONFIG_DIR` replaces the folder of the mount: a local run has none. */
export function launcherConfigFolder(environment: Readonly<Record<string, string | undefined>>): { folder?: string } {
  const folder = environment["KFP_LAUNCHER_CONFIG_DIR"] ?? "";
  return folder === "" ? {} : { folder };
}

/**
 * @throws {StorageError} STORE_CONFIG_INVALID when the mounted folder exists and cannot be read.
 * @throws {KubeError} when the ConfigMap is asked for and the answer is neither data nor "not found"; a refusal (403) counts as no
 *   configuration where an empty mount proves that there is none.
 */
export async function loadLauncherConfig(
  deps: LoadLauncherConfigDeps,
  options: LoadLauncherConfigOptions,
): Promise<LauncherConfig> {
  const folder = options.folder ?? LAUNCHER_CONFIG_FOLDER;
  const mounted = await readMount(deps.files, folder);
  if (mounted !== undefined && Object.keys(mounted).length > 0) return parseLauncherConfig(mounted);
  try {
    const kube = await deps.kube();
    return parseLauncherConfig((await kube.getConfigMap(options.namespace, LAUNCHER_CONFIG_MAP)) ?? {});
  } catch (error) {
    if (mounted === undefined || !(error instanceof KubeError) || error.details.status !== 403) throw error;
    deps.logger.warn("launcher configuration: the mounted folder is empty and the ConfigMap may not be read, using defaults", {
      folder,
      configMap: `${options.namespace}/${LAUNCHER_CONFIG_MAP}`,
    });
    return parseLauncherConfig({});
  }
}

/** Files by name; `undefined` when there is no such folder. Kubernetes' own entries (`..data`) begin with a dot. */
async function readMount(files: LoadLauncherConfigDeps["files"], folder: string): Promise<Record<string, string> | undefined> {
  try {
    if ((await files.stat(folder))?.kind !== "directory") return undefined;
    const entries: Record<string, string> = {};
    for (const name of (await files.list(folder)) ?? []) {
      if (name.startsWith(".")) continue;
      const path = `${folder}/${name}`;
      if ((await files.stat(path))?.kind === "directory") continue;
      const text = await files.readText(path);
      if (text !== undefined) entries[name] = text;
    }
    return entries;
  } catch (error) {
    throw new StorageError(
      "STORE_CONFIG_INVALID",
      `Cannot read the launcher configuration in ${folder}: ${errorMessage(error)}`,
      {
        cause: error,
      },
    );
  }
}
