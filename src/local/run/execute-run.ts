/**
 * Executes one run of a home from its folder to its result: engine, executor and steps put together.
 *
 * Whatever happens in between, the run and all its tasks end in a final state and nothing is left running.
 *
 * @module
 */
import { rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import type { KfpApiConnection } from "../../apiclient/kfp-api-grpc.ts";
import { isLocalUri } from "../../core/executor/artifact-uri.ts";
import { errorMessage } from "../../core/errors.ts";
import { RuntimeState } from "../../core/kfp-types.ts";
import { logStream, type LogStream } from "../../node/log-stream.ts";
import { makeFolder } from "../../node/files/make-folder.ts";
import { createLogger } from "../../node/stderr-logger.ts";
import type { Clock } from "../../ports/clock.ts";
import type { FileSystem } from "../../ports/file-system.ts";
import { workspaceClaimName } from "../../driver/pod-spec-patch/workspace.ts";
import { CANCELLED_MESSAGE, exitTaskTime, stoppedMessage, terminationSignal, unlessStuck } from "../engine/cancellation.ts";
import { withDeadline } from "../engine/deadline.ts";
import { runPipeline as runEngine } from "../engine/engine.ts";
import type { SharedSlots } from "../engine/run-places.ts";
import type { Amounts } from "../engine/step-need.ts";
import type { EngineEvent } from "../engine/engine-event.ts";
import { taskLabel } from "../engine/task-label.ts";
import { createExecutor } from "../executors/create-executor.ts";
import type { RunnerOf } from "../executors/runners.ts";
import { rootParameters } from "../executors/root-parameters.ts";
import { reserveDisk } from "../home/disk-reserve.ts";
import { LocalObjects } from "../objects/local-objects.ts";
import { createLocalVolumeClaims } from "../objects/volume-claims.ts";
import {
  createLocalStepRuntime,
  launcherConfigFolder,
  RUN_FOLDER_VARIABLE,
  runLogPath,
  type LocalStepRuntime,
  type StepObjects,
  type StepLine,
} from "../steps/local-step-runtime.ts";
import { PythonEnvironments } from "../steps/python-environment.ts";
import { journalPath, StepJournal } from "../steps/step-journal.ts";
import { runFolder, type LocalRun } from "./local-run.ts";
import { preservedTasks } from "./preserved-tasks.ts";
import { endRun, leaveRun, type EndedRun, type RunPlace } from "./run-end.ts";
import { reportRun, type EndedEvent, type RunReport } from "./run-report.ts";

/** How runs of this process are executed. */
export interface ExecuteOptions {
  readonly isolation: "in-process" | "process";
  readonly cacheDisabled: boolean;
  /** Steps at the same time. */
  readonly parallelism: number;
  /** What their requests may come to; absent: requests do not count. */
  readonly capacity?: Amounts;
  /** Which steps run in containers; default none. */
  readonly runners?: RunnerOf;
  /** Secrets and config maps of the steps; default none. */
  readonly objects?: LocalObjects;
  /** Tasks whose programs wait for a debugger. */
  readonly inspectTasks?: readonly string[];
  /** Folder with `driver` and `launcher-v2`, for isolation `process` and for tasks that wait for a debugger. */
  readonly programFolder: string;
  /** Of the host. */
  readonly environment: Readonly<Record<string, string>>;
  /** Working folder of steps; absent: that of this process. */
  readonly workingFolder?: string;
  /** File with the token that drivers and launchers show to the server; absent: none. */
  readonly tokenPath?: string;
}

/** What a run is executed with. */
export interface ExecuteDeps {
  readonly clock: Clock;
  readonly files: FileSystem;
  readonly randomUuid: () => string;
  readonly onEvent: (event: EngineEvent) => void;
  readonly onLine: (line: StepLine) => void;
  readonly onNotice: (text: string) => void;
  /**
   * Called when the folder of the run is ready, before its first program: the run is stored, or marked as running. Absent: the run
   * exists and becomes RUNNING.
   */
  readonly begin?: () => void;
  /** Aborted to cancel the run. */
  readonly signal: AbortSignal;
  /** Ends everything that was started for the run, at once. */
  readonly killChildren: () => void;
  /** Asked once the engine has stopped early: true leaves the run and its tasks unfinished, for another execution. Absent: never. */
  readonly isLeft?: () => boolean;
  /** Places for the steps and drivers of all runs of this process. */
  readonly shared?: SharedSlots;
  /** Python environments that other runs of this process are making. */
  readonly makingEnvironments?: Map<string, Promise<string>>;
}

/** A run that is over. */
export interface FinishedPipeline extends RunReport {
  readonly cancelled: boolean;
  /** The run goes on with another execution: nothing of it is final. */
  readonly isLeft: boolean;
  /** File with the lines of drivers and launchers. */
  readonly logPath: string;
}

const NAMESPACE = "local";
const LOG_LEVEL = "1";

/**
 * Executes a run. One that takes longer than its pipeline allows is stopped like a cancelled one, and ends FAILED.
 *
 * @throws Nothing for what tasks do, nor for a disk that fails: such a run ends FAILED. Any other error is one of this program; the run
 *   is ended as FAILED all the same.
 */
export async function executeRun(
  deps: ExecuteDeps,
  place: RunPlace,
  run: LocalRun,
  options: ExecuteOptions,
): Promise<FinishedPipeline> {
  const { finished } = await withDeadline(deps, deadlineSeconds(run), async (stop) => ({
    finished: await new Execution(deps, place, run, options, stop).execute(),
  }));
  return finished;
}

/** Of the pipeline, as docs/spec/pipeline-spec-messages.md has it; absent: none. */
function deadlineSeconds({ pipeline }: LocalRun): number | undefined {
  const seconds = pipeline.parsed.platformSpec?.platforms["kubernetes"]?.pipelineConfig?.activeDeadlineSeconds ?? 0;
  return seconds > 0 ? seconds : undefined;
}

class Execution {
  readonly #deps: ExecuteDeps;
  readonly #place: RunPlace;
  readonly #run: LocalRun;
  readonly #options: ExecuteOptions;
  /** Aborted when the run is cancelled, or late. */
  readonly #stop: AbortSignal;
  readonly #folder: string;
  readonly #failed = new Map<string, EndedEvent>();
  readonly #journal: StepJournal;

  constructor(deps: ExecuteDeps, place: RunPlace, run: LocalRun, options: ExecuteOptions, stop: AbortSignal) {
    this.#deps = deps;
    this.#place = place;
    this.#run = run;
    this.#options = options;
    this.#stop = stop;
    this.#folder = runFolder(place.home, run.runId);
    this.#journal = new StepJournal(journalPath(this.#folder), () => deps.clock.now());
  }

  async execute(): Promise<FinishedPipeline> {
    const { clock, signal, onNotice } = this.#deps;
    const { home, trouble } = this.#place;
    const startMs = clock.monotonicMs();
    const pods = this.#stepObjects();
    const steps = this.#createSteps(pods);
    let outcome: "succeeded" | "failed" = "failed";
    try {
      outcome = await this.#runTasks(steps, pods);
    } catch (error) {
      if (!trouble.note(error)) {
        this.#endAfterBug(errorMessage(error));
        throw error;
      }
    }
    // Whoever follows the run reads on until its state is final: by then every line has to be there.
    this.#journal.close();
    try {
      const isLeft = outcome === "failed" && this.#deps.isLeft?.() === true;
      const { state, tasks } = isLeft ? leaveRun(this.#place, this.#run.runId) : this.#end(outcome);
      if (trouble.reason !== undefined) {
        const where = `run ${this.#run.runId} in ${home.folder}`;
        onNotice(`cannot record everything of ${where}: ${trouble.reason}; put that right and run again`);
      }
      const cancelled = signal.aborted;
      const durationMs = clock.monotonicMs() - startMs;
      const report = reportRun(this.#run, { state, tasks, durationMs, cancelled, failed: this.#failed, steps });
      return { ...report, cancelled, isLeft, logPath: runLogPath(this.#folder) };
    } finally {
      await this.#removeParts();
    }
  }

  #end(outcome: "succeeded" | "failed", unfinishedMessage?: string): EndedRun {
    const because = this.#stoppedBecause();
    return endRun(this.#place, this.#run.runId, {
      outcome,
      ...(because === undefined ? {} : { stoppedBecause: because }),
      ...(unfinishedMessage === undefined ? {} : { unfinishedMessage }),
    });
  }

  /** Its exit task is told, and shown, how it ended. */
  #endBody(taskId: string): void {
    const because = this.#stoppedBecause() ?? CANCELLED_MESSAGE;
    this.#place.server.runs.finalizeTasks(this.#run.runId, because, { below: taskId, rewordFailure: stoppedMessage(because) });
  }

  #stoppedBecause(): string | undefined {
    if (this.#deps.signal.aborted) return CANCELLED_MESSAGE;
    return this.#stop.aborted ? `ended at the deadline of the run, ${String(deadlineSeconds(this.#run))} s` : undefined;
  }

  /** Nothing of ours is expected to throw; the run must not stay open all the same, and the first error is the one to report. */
  #endAfterBug(message: string): void {
    try {
      this.#end("failed", message);
    } catch {
      // There may be no run yet; the next one in this home ends what is stored of it.
    }
  }

  async #runTasks(steps: LocalStepRuntime, pods: StepObjects): Promise<"succeeded" | "failed"> {
    const { clock } = this.#deps;
    const { server, trouble } = this.#place;
    await this.#prepareFolder();
    trouble.reserve = reserveDisk(join(this.#folder, "reserve"));
    this.#begin();
    const log = logStream(runLogPath(this.#folder), { write: () => undefined });
    const logger = createLogger({ clock, stream: log, format: "text", verbosity: Number(LOG_LEVEL) });
    const { connectKfpApi } = await import("../../apiclient/kfp-api-grpc.ts");
    const { host, port } = server;
    const api = await connectKfpApi(
      { clock, logger, fileSystem: this.#deps.files, local: server.local },
      {
        settings: {
          ...{ host, port, tls: undefined, reconnect: undefined, proxy: undefined },
          ...{ forcedPackage: undefined, forcedLayout: undefined },
        },
        ...(this.#options.tokenPath === undefined ? {} : { tokenPath: this.#options.tokenPath }),
      },
    );
    try {
      return await this.#runEngine(api, steps, { log, pods });
    } finally {
      api.close();
    }
  }

  #runName(): string {
    return `${this.#run.pipeline.name}-${this.#run.runId.slice(0, 5)}`;
  }

  #begin(): void {
    if (this.#deps.begin === undefined) this.#place.server.runs.setRunState(this.#run.runId, RuntimeState.RUNNING);
    else this.#deps.begin();
  }

  /** Only this run needed them; its log stays. */
  async #removeParts(): Promise<void> {
    this.#place.trouble.reserve?.release();
    for (const part of ["drivers", "outputs", "pods", "python", "tmp", "volumes"]) {
      await rm(join(this.#folder, part), { recursive: true, force: true }).catch(() => undefined);
    }
  }

  async #prepareFolder(): Promise<void> {
    const { pipelineRoot } = this.#run;
    const config = launcherConfigFolder(this.#folder);
    await makeFolder(config);
    await writeFile(join(config, "defaultPipelineRoot"), pipelineRoot);
    const providers = await this.#deps.files.readText(join(this.#place.home.folder, "launcher-config", "providers"));
    if (providers !== undefined) await writeFile(join(config, "providers"), providers);
    if (isLocalUri(pipelineRoot)) await makeFolder(pipelineRoot);
  }

  #stepObjects(): StepObjects {
    const { objects = new LocalObjects() } = this.#options;
    const workspace = new Map([[workspaceClaimName(this.#runName()), join(this.#folder, "workspace")]]);
    return { objects, volumes: this.#place.home.volumes, ownClaims: workspace, hostName: hostname() };
  }

  #createSteps(pods: StepObjects): LocalStepRuntime {
    const { environment, tokenPath } = this.#options;
    const { onLine, onNotice, makingEnvironments } = this.#deps;
    const journal = this.#journal;
    return createLocalStepRuntime({
      runFolder: this.#folder,
      environment,
      showsModelImages: this.#options.runners !== undefined,
      ...(tokenPath === undefined ? {} : { tokenPath }),
      pods,
      python: new PythonEnvironments({
        folder: this.#place.home.environments,
        environment: { ...environment, [RUN_FOLDER_VARIABLE]: this.#folder },
        onNotice,
        signal: this.#stop,
        ...(makingEnvironments === undefined ? {} : { making: makingEnvironments }),
      }),
      onLine: (line) => {
        journal.add(line);
        onLine(line);
      },
    });
  }

  async #runEngine(
    api: KfpApiConnection,
    steps: LocalStepRuntime,
    { log, pods: objects }: { readonly log: LogStream; readonly pods: StepObjects },
  ): Promise<"succeeded" | "failed"> {
    const { clock, files, randomUuid, onEvent, onNotice } = this.#deps;
    const { server } = this.#place;
    const { runId, displayName, pipeline, parameters, kubernetesConfigs } = this.#run;
    const { cacheDisabled, parallelism, capacity, inspectTasks = [] } = this.#options;
    const { isolation, programFolder, environment, workingFolder } = this.#options;
    const runName = this.#runName();
    let pods = 0;
    let drivers = 0;
    const claims = createLocalVolumeClaims(this.#place.home.volumes);
    const containers = await this.#createContainers(steps, { log, pods: objects });
    const executor = createExecutor(
      {
        api,
        clock,
        files,
        randomUuid,
        log,
        steps,
        onNotice,
        server,
        claims,
        ...(containers === undefined ? {} : { containers }),
      },
      {
        isolation,
        programFolder,
        inspectTasks,
        environment,
        pipeline: pipeline.parsed,
        runId,
        logLevel: LOG_LEVEL,
        workingFolder,
      },
    );
    const logger = createLogger({ clock, stream: log, format: "text", verbosity: Number(LOG_LEVEL) });
    const exitTime = exitTaskTime({ clock, signal: this.#stop }, () => this.#deps.isLeft?.() === true);
    const engine = runEngine(
      {
        executor,
        clock,
        driverFolder: () => join(this.#folder, "drivers", String((drivers += 1))),
        newPod: () => ({ name: `${runName}-${String((pods += 1))}`, uid: randomUuid(), namespace: NAMESPACE }),
        onEvent: (event) => {
          if (event.kind === "ended") this.#noteEnd(event, steps);
          onEvent(event);
        },
        signal: terminationSignal(this.#stop),
        exitTasks: {
          signal: exitTime.signal,
          onBodyCut: (taskId) => this.#endBody(taskId),
        },
        preserved: preservedTasks(
          { store: server.store, runs: server.runs, api, clock, logger },
          { runId, spec: pipeline.parsed.spec },
        ),
        ...(this.#deps.shared === undefined ? {} : { shared: this.#deps.shared }),
      },
      {
        pipeline: pipeline.parsed,
        pipelineName: pipeline.name,
        runId,
        runName,
        runDisplayName: displayName,
        namespace: NAMESPACE,
        runtimeConfig: JSON.stringify({ parameterValues: rootParameters(pipeline.parsed.spec, parameters) }),
        cacheDisabled,
        publishLogs: true,
        logLevel: LOG_LEVEL,
        apiServer: { address: server.host, port: String(server.port), tlsEnabled: false, caCertPath: "" },
        kubernetesConfigs,
        parallelism,
        ...(capacity === undefined ? {} : { capacity }),
      },
    );
    try {
      return await unlessStuck({ ...this.#deps, signal: this.#stop }, engine);
    } finally {
      exitTime.end();
      await containers?.steps.removeLeftovers();
    }
  }

  /** Of what ended well nothing is kept: its row tells all. */
  #noteEnd(event: EndedEvent, steps: LocalStepRuntime): void {
    if (event.outcome === "failed") this.#failed.set(taskLabel(event.place), event);
    else steps.forget(event.place);
  }

  async #createContainers(steps: LocalStepRuntime, { log, pods }: { readonly log: LogStream; readonly pods: StepObjects }) {
    const { runners: runnerOf, environment, programFolder, tokenPath } = this.#options;
    if (runnerOf === undefined) return undefined;
    const { createContainerSteps, launcherFolderOf } = await import("../containers/container-steps.ts");
    const { onNotice } = this.#deps;
    const signal = this.#stop;
    const { runId } = this.#run;
    const token = tokenPath === undefined ? {} : { tokenPath };
    const common = { runId, runFolder: this.#folder, environment, pods, log, onNotice, signal, ...token };
    return { runnerOf, steps: createContainerSteps(steps, { ...common, launcherFolder: launcherFolderOf(programFolder) }) };
  }
}
