/**
 * Runs drivers and launchers in this process: the very code of the programs, with everything a process would have handed in.
 *
 * @module
 */
import { KubeError } from "../../core/errors.ts";
import { driveJob } from "../../driver/drive-job.ts";
import type { DriverResult } from "../../driver/result.ts";
import { openRunStore } from "../../objectstore/open-run-store.ts";
import { runLauncher } from "../../launcher/run.ts";
import type { Clock } from "../../ports/clock.ts";
import type { FileSystem } from "../../ports/file-system.ts";
import type { KfpApi } from "../../ports/kfp-api.ts";
import type { Logger } from "../../ports/logger.ts";
import type { VolumeClaimApi } from "../../ports/kube-api.ts";
import type { ProcessRunner } from "../../ports/process-runner.ts";
import type { PreparedLauncher, StepRuntime } from "../steps/step-runtime.ts";
import type {
  DriveRequest,
  ImportRequest,
  LaunchOutcome,
  LaunchRequest,
  TaskExecutor,
  TaskPlace,
} from "../engine/task-executor.ts";
import { taskLabel } from "../engine/task-label.ts";

/** What drivers and launchers would find in processes of their own. */
export interface InProcessExecutorOptions {
  readonly api: KfpApi;
  readonly clock: Clock;
  readonly files: FileSystem;
  readonly processRunner: ProcessRunner;
  readonly randomUuid: () => string;
  readonly steps: StepRuntime;
  readonly claims: VolumeClaimApi;
  /** Verbosity of driver and launcher. */
  readonly logLevel: number;
  /** A logger whose lines say which program of which task they come from. */
  readonly createLogger: (fields: { readonly program: string; readonly task: string }, verbosity: number) => Logger;
  /** Where usage errors of the launcher would go; a local run makes none. */
  readonly log: { write(text: string): unknown };
  /** Working folder of the steps; absent: that of this process. */
  readonly workingFolder?: string | undefined;
  /** Tasks the run has right now. */
  readonly countTasks: () => number;
}

/** Drivers and launchers as calls. Nothing of one task reaches another but through the API server. */
export function createInProcessExecutor(given: InProcessExecutorOptions): TaskExecutor {
  // The rows of a loop have all its items before its first iteration runs: a run that will be large is read as one from there on.
  let announced = 0;
  const options = { ...given, countTasks: () => Math.max(given.countTasks(), announced) };
  return {
    async drive(request: DriveRequest): Promise<DriverResult> {
      const result = await driveHere(options, request);
      announced += result.iterationCount ?? 0;
      return result;
    },

    async launch(request: LaunchRequest): Promise<LaunchOutcome> {
      const step = await options.steps.prepare(request);
      return launchHere(options, step, { ...request, argv: step.argv });
    },

    importArtifact: async (request: ImportRequest) => launchHere(options, await options.steps.importer(request), request),
  };
}

function driveHere(
  options: InProcessExecutorOptions,
  { place, options: driverOptions, signal }: DriveRequest,
): Promise<DriverResult> {
  const { api, clock, files, randomUuid } = options;
  const environment = options.steps.driverEnvironment(place);
  return driveJob({
    options: driverOptions,
    logger: options.createLogger({ program: "driver", task: taskLabel(place) }, options.logLevel),
    environment,
    ...{ clock, files, randomUuid, signal },
    kube: () => Promise.resolve({ ...options.claims, getConfigMap: noCluster }),
    openStore: (request) => openRunStore({ clock, files, kube: noCluster, environment }, request),
    taskCountHint: options.countTasks(),
    connect: () => Promise.resolve({ api }),
  });
}

async function launchHere(
  options: InProcessExecutorOptions,
  prepared: PreparedLauncher,
  { place, argv, signal }: { readonly place: TaskPlace; readonly argv: readonly string[]; readonly signal: AbortSignal },
): Promise<LaunchOutcome> {
  const { api, clock, files, processRunner, log } = options;
  const { environment } = prepared;
  try {
    const exitCode = await runLauncher(argv, {
      environment,
      userEnvironment: environment,
      stdin: "ignore",
      workingDirectory: options.workingFolder,
      userStdout: prepared.stdout,
      userStderr: prepared.stderr,
      stdout: log,
      stderr: log,
      clock,
      files,
      processRunner,
      createLogger: (verbosity) => options.createLogger({ program: "launcher-v2", task: taskLabel(place) }, verbosity),
      connect: () => Promise.resolve({ api }),
      kube: noCluster,
      openStore: (request) => openRunStore({ clock, files, kube: noCluster, environment }, request),
      copy: () => Promise.reject(new Error("a local run copies no launcher")),
      taskCountHint: options.countTasks(),
      signal,
    });
    return { exitCode };
  } finally {
    await prepared.end();
  }
}

function noCluster(): Promise<never> {
  return Promise.reject(new KubeError("KUBE_UNAVAILABLE", "a local run has no Kubernetes cluster"));
}
