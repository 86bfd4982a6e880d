/**
 * The runners of one pipeline on this machine.
 *
 * @module
 */
import type { ParsedPipeline } from "../../core/spec/pipeline-spec.ts";
import { chooseRunners, type RunnerOf, type RunnerOptions } from "../executors/runners.ts";

/** Where containers would be run. */
export interface RunnerPlace {
  /** Of the host. */
  readonly environment: Readonly<Record<string, string>>;
  /** Folder of our programs. */
  readonly programFolder: string;
}

/**
 * Asks for an engine only where `auto` decides.
 *
 * @returns `undefined`: every step runs on this machine.
 * @throws {UsageError} USAGE_INVALID as chooseRunners() says.
 */
export async function resolveRunners(
  options: RunnerOptions,
  pipeline: ParsedPipeline,
  { environment, programFolder }: RunnerPlace,
): Promise<RunnerOf | undefined> {
  const { runner, exceptions } = options;
  if (runner === "host" && exceptions.length === 0) return undefined;
  let hasEngine = false;
  if ([runner, ...exceptions].some((text) => text.endsWith("auto"))) {
    const { assertContainers, launcherFolderOf } = await import("./container-steps.ts");
    hasEngine = await assertContainers(environment, launcherFolderOf(programFolder)).then(
      () => true,
      () => false,
    );
  }
  return chooseRunners(options, pipeline, () => hasEngine);
}
