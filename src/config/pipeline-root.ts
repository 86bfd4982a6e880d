/**
 * Which pipeline root a run uses. The launcher configuration is only loaded when nothing before it decides.
 *
 * Source: docs/spec/executor-input.md#pipeline-root, #decision-default-pipeline-root.
 *
 * @module
 */
import { isLocalUri } from "../core/executor/artifact-uri.ts";
import type { PipelineSpec, Run } from "../core/kfp-types.ts";
import { DEFAULT_PIPELINE_ROOT } from "./store-config.ts";
import { loadLauncherConfig } from "./load-launcher-config.ts";
import type { LoadLauncherConfigDeps, LoadLauncherConfigOptions } from "./load-launcher-config.ts";

/** The roots a run and its pipeline ask for; the launcher configuration is the third source. */
export interface PipelineRootOptions extends LoadLauncherConfigOptions {
  /** `run.runtime_config.pipeline_root`; empty counts as absent. */
  readonly runRoot?: string | undefined;
  /** `defaultPipelineRoot` of the pipeline spec; empty counts as absent. */
  readonly specRoot?: string | undefined;
}

/**
 * The root as it was configured, query string included; pipeline name and run id are not appended yet.
 *
 * @throws As {@link loadLauncherConfig}.
 */
export async function choosePipelineRoot(deps: LoadLauncherConfigDeps, options: PipelineRootOptions): Promise<string> {
  for (const root of [options.runRoot, options.specRoot]) if (root !== undefined && root !== "") return root;
  return (await loadLauncherConfig(deps, options)).defaultPipelineRoot ?? DEFAULT_PIPELINE_ROOT;
}

/** Whether the run keeps its artifacts on this disk: its pipeline root, or else that of its spec, is an absolute path. */
export function hasLocalRoot({ runtimeConfig }: Run, { defaultPipelineRoot }: PipelineSpec): boolean {
  const ofRun = runtimeConfig?.pipelineRoot ?? "";
  return isLocalUri(ofRun === "" ? defaultPipelineRoot : ofRun);
}
