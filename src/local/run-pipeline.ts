/**
 * A local run from the first lock to the last state: home, embedded server, one run created and executed.
 *
 * Whatever happens in between, the run and all its tasks end in a final state, nothing is left running, and the database is closed.
 *
 * Source: docs/spec/status-roll-up.md#decision-final-states, #run-state-and-root-state.
 *
 * @module
 */
import type { JsonValue } from "@bufbuild/protobuf";
import type { CallInterceptor } from "../apiserver/calls/call-interceptor.ts";
import { startApiServer, type ApiServer } from "../apiserver/server.ts";
import { errorMessage } from "../core/errors.ts";
import { RuntimeState } from "../core/kfp-types.ts";
import type { RunnerOptions } from "./executors/runners.ts";
import { throwIfCancelled } from "./engine/cancellation.ts";
import { finishAbandonedRuns } from "./home/abandoned-runs.ts";
import { prepareHome, type Home } from "./home/home.ts";
import { killLeftOverSteps, processesNotice } from "./home/left-over-steps.ts";
import type { HomeLock } from "./home/home-lock.ts";
import { obtainHome } from "./home/obtain-home.ts";
import { homeError } from "./home/storage-problem.ts";
import type { LoadedPipeline } from "./pipeline/pipeline-file.ts";
import { executeRun } from "./run/execute-run.ts";
import type { ExecuteDeps, ExecuteOptions, FinishedPipeline } from "./run/execution.ts";
import { createRun, runDisplayName, runFolder, type LocalRun } from "./run/local-run.ts";
import type { RunPlace } from "./run/run-end.ts";
import { writeRunOptions } from "./run/run-options.ts";
import { StorageTrouble } from "./run/storage-trouble.ts";
import { isServing, type ServingHolder } from "./serve/hand-over-holder.ts";
import { isServed } from "./serve/run-settings.ts";

export type { FinishedPipeline } from "./run/execution.ts";

/** What to run, where and how. */
export interface RunPipelineOptions extends ExecuteOptions {
  readonly pipeline: LoadedPipeline;
  /** Checked already. */
  readonly parameters: Readonly<Record<string, JsonValue>>;
  /** KubernetesExecutorConfig by executor label, as JSON, without what has no meaning here. */
  readonly kubernetesConfigs: ReadonlyMap<string, string>;
  /** Absolute. */
  readonly homeFolder: string;
  /** Absolute path or URI; absent: HOME/artifacts. */
  readonly pipelineRoot?: string;
  /** How a home is shared that another process uses; absent: it is not, HOME_LOCKED at once. */
  readonly sharing?: SharingOptions;
}

/** For a home that another process uses. */
export interface SharingOptions {
  /** Milliseconds to wait where that process does not serve it. */
  readonly waitMs: number;
  /** Where the person's terminal is, absolute: steps run there, also those that the other process executes. */
  readonly workingFolder: string;
  /** Of this program. */
  readonly version: string;
  /** Where `objects` were read from, absolute. */
  readonly secrets?: string;
  /** What `runners` were chosen by. */
  readonly runners?: RunnerOptions;
  /** What `capacity` was chosen by; a server weighs by its own. */
  readonly capacity?: string;
}

/** What the run is given of its process. */
export interface RunPipelineDeps extends Omit<ExecuteDeps, "begin"> {
  /** The home is ours and the run exists. */
  readonly onStarted: (runId: string) => void;
  /** Hears of the calls of drivers and launchers to the server. */
  readonly interceptor?: CallInterceptor;
}

/**
 * Runs a pipeline.
 *
 * In a home that another process serves, that process executes the run; in one that is busy it waits.
 *
 * @throws {HostError} HOME_UNUSABLE or HOME_LOCKED; INTERRUPTED when it is cancelled before the run exists. What tasks do never throws,
 * nor does a disk that fails once the run exists: such a run ends FAILED.
 */
export async function runPipeline(deps: RunPipelineDeps, options: RunPipelineOptions): Promise<FinishedPipeline> {
  const { onStarted } = deps;
  const home = await prepareHome(options.homeFolder);
  const { sharing } = options;
  const obtained = await obtainHome(deps, home, {
    what: `run ${options.pipeline.path}`,
    waitMs: sharing?.waitMs ?? 0,
    isServing: (holder): holder is ServingHolder => sharing !== undefined && isServing(home, holder, sharing.version),
  });
  if ("holder" in obtained) return await handOver(deps, { home, holder: obtained.holder }, options);
  return await inLockedHome(deps, { home, lock: obtained.lock }, async (place) => {
    const run = newRun(deps, home, options);
    const { isolation, cacheDisabled, parallelism } = options;
    const secrets = sharing?.secrets === undefined ? {} : { secrets: sharing.secrets };
    const runners = sharing?.runners === undefined ? {} : { runners: sharing.runners };
    const workingFolder = sharing?.workingFolder === undefined ? {} : { workingFolder: sharing.workingFolder };
    const capacity = sharing?.capacity === undefined ? {} : { capacity: sharing.capacity };
    const begin = (): void => {
      createRun(place.server, run);
      onStarted(run.runId);
    };
    const kept = { isolation, cacheDisabled, parallelism, ...capacity, ...secrets, ...runners, ...workingFolder };
    await writeRunOptions(runFolder(home, run.runId), kept);
    return await executeRun({ ...deps, begin }, place, run, options);
  });
}

/** A home that this process has locked. */
export interface LockedHome {
  readonly home: Home;
  readonly lock: HomeLock;
}

/**
 * Executes something in a locked home: its server is started, runs that were left behind are ended, and everything is given back.
 *
 * @throws {HostError} HOME_UNUSABLE; INTERRUPTED when it is cancelled before `execute`; what that throws.
 */
export async function inLockedHome(
  deps: Pick<RunPipelineDeps, "clock" | "interceptor" | "onNotice" | "signal">,
  { home, lock }: LockedHome,
  execute: (place: RunPlace) => Promise<FinishedPipeline>,
): Promise<FinishedPipeline> {
  const { onNotice, signal } = deps;
  const quietly = async (what: string, work: Promise<void>): Promise<void> => {
    // The run has its end by now; what is left over is taken care of by the next one.
    await work.catch((error: unknown) => onNotice(`cannot ${what} ${home.folder}: ${errorMessage(error)}`));
  };
  try {
    throwIfCancelled(signal);
    const notice = processesNotice();
    if (notice !== undefined) onNotice(notice);
    const trouble = new StorageTrouble();
    const server = await openServer(home, trouble, deps);
    try {
      for (const line of await endAbandonedRuns(server, home)) onNotice(line);
      throwIfCancelled(signal);
      return await execute({ home, server, trouble });
    } finally {
      await quietly("close the database of", server.close());
    }
  } finally {
    await quietly("unlock", lock.release());
  }
}

/** The run, and what the terminal decides, to the process that serves the home. */
async function handOver(
  deps: RunPipelineDeps,
  to: { readonly home: Home; readonly holder: ServingHolder },
  options: RunPipelineOptions,
): Promise<FinishedPipeline> {
  const { handOverRun } = await import("./serve/hand-over.ts");
  const { pipeline, parameters, pipelineRoot, isolation, cacheDisabled, parallelism, inspectTasks = [], environment } = options;
  const { workingFolder = "/", secrets, runners } = options.sharing ?? {};
  const settings = {
    ...{ isolation, cacheDisabled, parallelism, inspectTasks, environment, workingFolder },
    ...(secrets === undefined ? {} : { secrets }),
    ...(runners === undefined ? {} : { runners }),
  };
  const root = pipelineRoot === undefined ? {} : { pipelineRoot };
  return await handOverRun(deps, to, { pipeline, parameters, ...root, settings });
}

function newRun({ clock, randomUuid }: RunPipelineDeps, home: Home, options: RunPipelineOptions): LocalRun {
  const { pipeline, parameters, kubernetesConfigs, pipelineRoot = home.artifacts } = options;
  const displayName = runDisplayName(pipeline.name, clock.now());
  return { runId: randomUuid(), displayName, pipeline, parameters, kubernetesConfigs, pipelineRoot };
}

async function openServer(
  home: Home,
  trouble: StorageTrouble,
  { clock, interceptor }: Pick<RunPipelineDeps, "clock" | "interceptor">,
): Promise<ApiServer> {
  return startApiServer({
    database: home.database,
    now: () => clock.now(),
    onInternalError: (_method, error) => trouble.note(error),
    ...(interceptor === undefined ? {} : { interceptor }),
  });
}

/** With what still runs of them. Runs of a server wait for the next one. */
async function endAbandonedRuns(server: ApiServer, home: Home): Promise<string[]> {
  try {
    const isUnderWay = server.store.runs.idsInStates([RuntimeState.RUNNING, RuntimeState.CANCELING]).length > 0;
    if (isUnderWay) await killLeftOverSteps(home);
    return finishAbandonedRuns(server, (runId) => isServed(runFolder(home, runId)));
  } catch (error) {
    throw homeError(error, home.folder);
  }
}
