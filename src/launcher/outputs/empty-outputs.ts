/**
 * Every attempt starts with empty output places: what an earlier one left there, in a volume that outlives its container or on the disk
 * of a local run, would be published as this one's.
 *
 * @module
 */
import type { ExecutorInput } from "../../core/kfp-types.ts";
import { cleanPath } from "../../core/go/slash-path.ts";
import type { FileSystem } from "../../ports/file-system.ts";
import { artifactEntries, artifactPath } from "../inputs/artifact-paths.ts";
import type { LauncherSettings } from "../settings.ts";

/**
 * Removes what lies where the outputs will be written. A custom path belongs to whoever chose it and is left alone, and so is a place
 * that holds an input of this step.
 *
 * @throws {HostError} FILE_WRITE_FAILED when something cannot be removed, naming the path.
 */
export async function emptyOutputPlaces(
  { fileSystem, settings }: { readonly fileSystem: FileSystem; readonly settings: LauncherSettings },
  executorInput: ExecutorInput,
): Promise<void> {
  const inputs = artifactEntries(executorInput.inputs?.artifacts).flatMap(
    ({ artifact }) => artifactPath(artifact, settings) ?? [],
  );
  for (const place of outputPlaces(executorInput, settings)) {
    if (isShallow(place) || inputs.some((input) => isWithin(cleanPath(input), place))) continue;
    await fileSystem.remove(place);
  }
}

function outputPlaces({ outputs }: ExecutorInput, settings: LauncherSettings): Set<string> {
  const artifacts = artifactEntries(outputs?.artifacts).flatMap(({ artifact }) =>
    artifact.customPath === undefined ? (artifactPath(artifact, settings) ?? []) : [],
  );
  const files = Object.values(outputs?.parameters ?? {}).map(({ outputFile }) => outputFile);
  const places = [...files, outputs?.outputFile ?? "", ...artifacts];
  return new Set(places.filter((path) => path.startsWith("/")).map(cleanPath));
}

/** The root and what stands directly below it is never the place of one output. */
function isShallow(path: string): boolean {
  return path.lastIndexOf("/") === 0;
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}
