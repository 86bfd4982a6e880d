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
import { throwIfCancelled } from "./engine/cancellation.ts";
import { finishAbandonedRuns } from "./home/abandoned-runs.ts";
import { prepareHome, type Home } from "./home/home.ts";
import { lockHome } from "./home/home-lock.ts";
import { homeError } from "./home/storage-problem.ts";
import type { LoadedPipeline } from "./pipeline/pipeline-file.ts";
import { executeRun, type ExecuteDeps, type ExecuteOptions, type FinishedPipeline } from "./run/execute-run.ts";
import { createRun, runDisplayName, type LocalRun } from "./run/local-run.ts";
import { StorageTrouble } from "./run/storage-trouble.ts";

export type { FinishedPipeline } from "./run/execute-run.ts";

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
 * @throws {HostError} HOME_UNUSABLE or HOME_LOCKED; INTERRUPTED when it is cancelled before the run exists. What tasks do never throws,
 * nor does a disk that fails once the run exists: such a run ends FAILED.
 */
export async function runPipeline(deps: RunPipelineDeps, options: RunPipelineOptions): Promise<FinishedPipeline> {
  const { clock, onNotice, onStarted, signal } = deps;
  const home = await prepareHome(options.homeFolder);
  const lock = await lockHome(home, `run ${options.pipeline.path}`, clock.now());
  const quietly = async (what: string, work: Promise<void>): Promise<void> => {
    // The run has its end by now; what is left over is taken care of by the next one.
    await work.catch((error: unknown) => onNotice(`cannot ${what} ${home.folder}: ${errorMessage(error)}`));
  };
  try {
    throwIfCancelled(signal);
    const trouble = new StorageTrouble();
    const server = await openServer(home, trouble, deps);
    try {
      for (const line of endAbandonedRuns(server, home)) onNotice(line);
      throwIfCancelled(signal);
      const run = newRun(deps, home, options);
      const begin = (): void => {
        createRun(server, run);
        onStarted(run.runId);
      };
      return await executeRun({ ...deps, begin }, { home, server, trouble }, run, options);
    } finally {
      await quietly("close the database of", server.close());
    }
  } finally {
    await quietly("unlock", lock.release());
  }
}

function newRun({ clock, randomUuid }: RunPipelineDeps, home: Home, options: RunPipelineOptions): LocalRun {
  const { pipeline, parameters, kubernetesConfigs, pipelineRoot = home.artifacts } = options;
  const displayName = runDisplayName(pipeline.name, clock.now());
  return { runId: randomUuid(), displayName, pipeline, parameters, kubernetesConfigs, pipelineRoot };
}

async function openServer(home: Home, trouble: StorageTrouble, { clock, interceptor }: RunPipelineDeps): Promise<ApiServer> {
  return startApiServer({
    database: home.database,
    now: () => clock.now(),
    onInternalError: (_method, error) => trouble.note(error),
    ...(interceptor === undefined ? {} : { interceptor }),
  });
}

function endAbandonedRuns(server: ApiServer, home: Home): string[] {
  try {
    return finishAbandonedRuns(server);
  } catch (error) {
    throw homeError(error, home.folder);
  }
}
