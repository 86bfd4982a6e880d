/**
 * A run of this home that failed, executed again from its failed steps: what has succeeded stays.
 *
 * Source: docs/spec/api-server.md#task-reset-of-a-run-retry.
 *
 * @module
 */
import { UsageError } from "../core/errors.ts";
import { RuntimeState } from "../core/kfp-types.ts";
import { resolveRunners } from "./containers/resolve-runners.ts";
import { throwIfCancelled } from "./engine/cancellation.ts";
import { homeAt } from "./home/home.ts";
import { obtainHome } from "./home/obtain-home.ts";
import { inLockedHome, type RunPipelineDeps, type SharingOptions } from "./run-pipeline.ts";
import { executeRun } from "./run/execute-run.ts";
import type { ExecuteOptions, FinishedPipeline } from "./run/execution.ts";
import { readRun, runFolder } from "./run/local-run.ts";
import { expandsMacros, readRunOptions } from "./run/run-options.ts";
import { isServing, type ServingHolder } from "./serve/hand-over-holder.ts";
import type { RunSettings } from "./serve/run-settings.ts";

/** Which run, and how it is executed. */
export interface ResumeRunOptions extends ExecuteOptions {
  /** Absolute. */
  readonly homeFolder: string;
  readonly runId: string;
  readonly sharing: SharingOptions;
}

/** What resuming is given of its process. */
export type ResumeRunDeps = RunPipelineDeps;

/**
 * Resumes a run. Nothing is reset unless the run can be executed. In a home that another process serves, that process executes it.
 *
 * @throws {UsageError} USAGE_INVALID for a run that has not failed; {ApiError} API_REJECTED when a server says so.
 * @throws {SpecError} for a pipeline that cannot run here.
 * @throws {HostError} HOME_UNUSABLE, HOME_LOCKED; INTERRUPTED when it is cancelled before that. What tasks do never throws.
 */
export async function resumeRun(deps: ResumeRunDeps, options: ResumeRunOptions): Promise<FinishedPipeline> {
  const { signal, onStarted } = deps;
  const home = homeAt(options.homeFolder);
  const { runId, sharing } = options;
  const isOfApi = expandsMacros(await readRunOptions(deps.files, runFolder(home, runId)));
  const obtained = await obtainHome(deps, home, {
    ...{ what: `resume ${runId}`, waitMs: sharing.waitMs },
    isServing: (holder): holder is ServingHolder => isServing(home, holder, sharing.version),
  });
  if ("holder" in obtained) {
    const { handOverRetry } = await import("./serve/hand-over.ts");
    return await handOverRetry(deps, { home, holder: obtained.holder }, { runId, settings: settingsOf(options, isOfApi) });
  }
  return await inLockedHome(deps, { home, lock: obtained.lock }, async (place) => {
    const { server } = place;
    const { state } = server.runs.requireRun(runId).run;
    if (state !== RuntimeState.FAILED && state !== RuntimeState.CANCELED) {
      const name = RuntimeState[state] ?? String(state);
      throw new UsageError(
        "USAGE_INVALID",
        `Cannot resume run ${runId}: it is ${name}, and only a run that failed can be resumed`,
      );
    }
    const { runners } = sharing;
    const run = await readRun(server, home, runId, {
      expandsMacros: isOfApi,
      ...(runners === undefined ? {} : { runnersOf: async (pipeline) => await resolveRunners(runners, pipeline, options) }),
    });
    throwIfCancelled(signal);
    const begin = (): void => {
      server.store.transaction(() => {
        server.runs.retryRun(runId);
        server.runs.setRunState(runId, RuntimeState.RUNNING);
      });
      onStarted(runId);
    };
    const chosen = run.runners === undefined ? {} : { runners: run.runners };
    return await executeRun({ ...deps, begin }, place, run, { ...options, ...chosen });
  });
}

function settingsOf(options: ResumeRunOptions, isOfApi: boolean): RunSettings {
  const { isolation, cacheDisabled, parallelism, inspectTasks = [], environment } = options;
  const { workingFolder, secrets, runners } = options.sharing;
  return {
    ...{ isolation, cacheDisabled, parallelism, inspectTasks, environment, workingFolder },
    ...(secrets === undefined ? {} : { secrets }),
    ...(runners === undefined ? {} : { runners }),
    ...(isOfApi ? { expandsMacros: true } : {}),
  };
}
