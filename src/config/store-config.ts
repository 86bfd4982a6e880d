/**
 * The launcher configuration, and which URIs it allows to be touched. How to log in to a store is config/store-session.ts.
 *
 * Where the texts come from (mounted folder, ConfigMap) and who parses their YAML is the adapters' business.
 *
 * Source: docs/spec/object-stores.md#where-the-configuration-comes-from, #uris-that-may-be-touched.
 *
 * @module
 */
import { isLocalUri, keyPrefixOf, localPathForUri, parseArtifactUri, parseBucketPath } from "../core/executor/artifact-uri.ts";
import type { BucketPath } from "../core/executor/artifact-uri.ts";
import { StorageError } from "../core/errors.ts";
import { isProviderName } from "../core/executor/store-schemes.ts";
import { matchingOverride, parseProviders } from "./store-providers.ts";
import type { BucketSelector, Providers } from "./store-providers.ts";

export { parseProviders } from "./store-providers.ts";
export type { Providers } from "./store-providers.ts";
export { sessionFor } from "./store-session.ts";
export type { AzureSecretChoice, CredentialChoice, StoreEnvironment, StoreQuery, StoreSession } from "./store-session.ts";

/** Used where neither the run nor any configuration names a pipeline root. */
export const DEFAULT_PIPELINE_ROOT = "minio://mlpipeline/v2/artifacts";

/** The two keys of the configuration, texts only. */
export interface LauncherConfig {
  /** Trimmed and not empty. */
  readonly defaultPipelineRoot?: string;
  /** YAML 1.1, for config/providers-yaml.ts. */
  readonly providersText?: string;
}

/** The configuration in a form that sessions can be read from. */
export interface StoreConfig {
  readonly defaultPipelineRoot: string;
  readonly providers: Providers;
}

/** An object, or the prefix of a tree of objects, that may be touched. */
export interface ResolvedBucket {
  readonly scheme: BucketPath["scheme"];
  readonly bucket: string;
  readonly key: string;
  /** What `sessionFor` is to be asked with; carries the query of the pipeline root for URIs below it. */
  readonly lookup: BucketPath;
}

/** Picks the known keys out of the mounted files or the ConfigMap. White space around the pipeline root is dropped. */
export function parseLauncherConfig(entries: Readonly<Record<string, string>>): LauncherConfig {
  const root = entries["defaultPipelineRoot"]?.trim() ?? "";
  const providersText = entries["providers"] ?? "";
  return {
    ...(root === "" ? {} : { defaultPipelineRoot: root }),
    ...(providersText.trim() === "" ? {} : { providersText }),
  };
}

/**
 * @param providersJson The parsed YAML of `launcherConfig.providersText`; `undefined` without one.
 * @throws {StorageError} STORE_CONFIG_INVALID as {@link parseProviders}.
 */
export function storeConfig(launcherConfig: LauncherConfig, providersJson: unknown): StoreConfig {
  return {
    defaultPipelineRoot: launcherConfig.defaultPipelineRoot ?? DEFAULT_PIPELINE_ROOT,
    providers: parseProviders(providersJson),
  };
}

/**
 * Where an artifact lies, if it may be touched: below the default pipeline root, or in a bucket some override of its provider names
 * (for an override, the artifact's own path counts as well as its folder).
 *
 * @param uri Not an absolute path: those need no bucket.
 * @throws {StorageError} URI_OUTSIDE_PIPELINE_ROOT; STORE_URI_INVALID for a URI or a pipeline root that cannot be parsed.
 */
export function resolveBucket(uri: string, config: StoreConfig): ResolvedBucket {
  const { scheme, bucket, prefix, base } = parseArtifactUri(uri);
  if (scheme === "")
    throw new StorageError("STORE_URI_INVALID", `${JSON.stringify(uri)} is a local path, not an object in a bucket`);
  const key = prefix + base;
  const lookup: BucketPath = { scheme, bucket, prefix: base === "." ? prefix : `${key}/` };
  const root = isLocalUri(config.defaultPipelineRoot) ? undefined : parseBucketPath(config.defaultPipelineRoot);
  if (root !== undefined && root.scheme === scheme && root.bucket === bucket && prefix.startsWith(keyPrefixOf(root))) {
    return { scheme, bucket, key, lookup: root.query === undefined ? lookup : { ...lookup, query: root.query } };
  }
  const overrides = isProviderName(scheme) ? config.providers[scheme]?.overrides : undefined;
  if (overrides !== undefined && matchingOverride<BucketSelector>(overrides, lookup) !== undefined) {
    return { scheme, bucket, key, lookup };
  }
  throw outsideRoot(uri);
}

/**
 * Whether an artifact URI may be read or written at all.
 *
 * @param options.localRootAllowed Whether the run's pipeline root is an absolute path, which makes absolute paths legal URIs.
 * @throws {StorageError} As {@link resolveBucket}; LOCAL_PATH_INVALID for an absolute path with `..` or NUL.
 */
export function assertUriAllowed(uri: string, config: StoreConfig, options: { readonly localRootAllowed: boolean }): void {
  if (!isLocalUri(uri)) {
    resolveBucket(uri, config);
    return;
  }
  localPathForUri(uri);
  if (!options.localRootAllowed && !isLocalUri(config.defaultPipelineRoot)) throw outsideRoot(uri);
}

function outsideRoot(uri: string): StorageError {
  return new StorageError(
    "URI_OUTSIDE_PIPELINE_ROOT",
    `artifact URI ${JSON.stringify(uri)} is outside the configured pipeline root and has no explicit provider override`,
  );
}
