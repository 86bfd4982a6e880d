/**
 * Where the artifacts of an executor input lie on the local disk.
 *
 * Source: docs/spec/inputs-and-user-command.md#local-paths.
 *
 * @module
 */
import { localPathForUri } from "../../core/executor/artifact-uri.ts";
import type { RuntimeArtifact } from "../../core/kfp-types.ts";
import type { LauncherSettings } from "../settings.ts";

/**
 * A custom path that is set wins over the mapping of the URI, even an empty one.
 *
 * @returns `undefined` when the URI has no local mapping.
 * @throws {StorageError} LOCAL_PATH_INVALID when the path would leave its folder.
 */
export function artifactPath(
  { customPath, uri }: Pick<RuntimeArtifact, "customPath" | "uri">,
  { artifactLocalPath }: LauncherSettings,
): string | undefined {
  return customPath ?? localPathForUri(uri, { artifactLocalPath });
}

/** Artifacts of one side with their keys, by key in sorted order, then in list order. */
export function artifactEntries(
  lists: Readonly<Record<string, { readonly artifacts: readonly RuntimeArtifact[] }>> | undefined,
): Array<{ readonly key: string; readonly artifact: RuntimeArtifact }> {
  return Object.keys(lists ?? {})
    .toSorted()
    .flatMap((key) => (lists?.[key]?.artifacts ?? []).map((artifact) => ({ key, artifact })));
}
