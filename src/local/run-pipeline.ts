/**
 * A local run from the first lock to the last state: the composition of home, embedded server, engine and executor.
 *
 * Whatever happens in between, the run and all its tasks end in a final state, nothing is left running, and the database is closed.
 *
 * Source: contract/decisions.md ("final states"); api-server.md 13.6.
 *
 * @module
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { JsonValue } from "@bufbuild/protobuf";
import type { KfpApiConnection } from "../apiclient/kfp-api-grpc.ts";
import { startApiServer, type ApiServer } from "../apiserver/server.ts";
import type { MethodStats } from "../apiserver/call-stats.ts";
import { isLocalUri } from "../core/artifact-uri.ts";
import { errorMessage } from "../core/errors.ts";
import { RuntimeState, TaskState, TaskType, type PipelineTask } from "../core/kfp-types.ts";
import { jsonToValue } from "../core/value.ts";
import { createLogger } from "../node/stderr-logger.ts";
import { logStream } from "../node/log-stream.ts";
import { createProcessRunner } from "../node/process-runner.ts";
import type { Clock } from "../ports/clock.ts";
import type { FileSystem } from "../ports/file-system.ts";
import type { Logger } from "../ports/logger.ts";
import { statusMetadata } from "../tasks/attempt.ts";
import { listAllTasks } from "../tasks/read-tasks.ts";
import { runPipeline as runEngine, type EngineEvent } from "./engine.ts";
import { rootParameters } from "./root-parameters.ts";
import { prepareHome, type Home } from "./home.ts";
import { lockHome } from "./home-lock.ts";
import { createInProcessExecutor } from "./in-process-executor.ts";
import { createInspectingExecutor, readTaskPatterns, waitingSteps } from "./inspected-tasks.ts";
import {
  createLocalStepRuntime,
  launcherConfigFolder,
  runLogPath,
  type LocalStepRuntime,
  type StepLine,
} from "./local-step-runtime.ts";
import type { LoadedPipeline } from "./pipeline-file.ts";
import { createProcessExecutor } from "./process-executor.ts";
import { PythonEnvironments } from "./python-environment.ts";
import { buildRunResult, taskPlaces, type RunResult, type StepFailure } from "./run-result.ts";
import type { StepRuntime } from "./step-runtime.ts";
import { failUnstartedStep } from "./unstarted-step.ts";
import type { TaskExecutor, TaskPlace } from "./task-executor.ts";
import { taskLabel } from "./task-label.ts";
import { makeFolder } from "../node/make-folder.ts";

export interface RunPipelineOptions {
  readonly pipeline: LoadedPipeline;
  /** Checked already. */
  readonly parameters: Readonly<Record<string, JsonValue>>;
  /** KubernetesExecutorConfig by executor label, as JSON, without what has no meaning here. */
  readonly kubernetesConfigs: ReadonlyMap<string, string>;
  /** Absolute. */
  readonly homeFolder: string;
  /** Absolute path or URI; absent: HOME/artifacts. */
  readonly pipelineRoot?: string;
  readonly isolation: "in-process" | "process";
  readonly cacheDisabled: boolean;
  readonly parallelism: number;
  /** Tasks whose programs wait for a debugger. */
  readonly inspectTasks?: readonly string[];
  /** Folder with `driver` and `launcher-v2`, for isolation `process` and for tasks that wait for a debugger. */
  readonly programFolder: string;
  /** Of the host. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface RunPipelineDeps {
  readonly clock: Clock;
  readonly files: FileSystem;
  readonly randomUuid: () => string;
  readonly onEvent: (event: EngineEvent) => void;
  readonly onLine: (line: StepLine) => void;
  readonly onNotice: (text: string) => void;
  /** The home is ours and the run exists. */
  readonly onStarted: (runId: string) => void;
  /** Aborted to cancel the run. */
  readonly signal: AbortSignal;
  /** Ends everything this process has started, at once. */
  readonly killChildren: () => void;
}

export interface FinishedPipeline {
  readonly result: RunResult;
  readonly cancelled: boolean;
  /** Of failed steps, by task id. */
  readonly failures: ReadonlyMap<string, StepFailure>;
  /** Calls of drivers and launchers to the server, by RPC name. */
  readonly stats: Readonly<Record<string, MethodStats>>;
  /** File with the lines of drivers and launchers. */
  readonly logPath: string;
}

export const CANCELLED_MESSAGE = "cancelled by user";
const NAMESPACE = "local";
const LOG_LEVEL = "1";
/** From the cancellation on: steps get eight seconds, drivers and launchers the rest. Ten is what a person waits. */
const CANCEL_LIMIT_MS = 9300;
const PROCESS_GRACE_MS = 9000;

/**
 * Runs a pipeline.
 *
 * @throws {HostError} HOME_UNUSABLE or HOME_LOCKED; what tasks do never throws.
 */
export async function runPipeline(deps: RunPipelineDeps, options: RunPipelineOptions): Promise<FinishedPipeline> {
  const home = await prepareHome(options.homeFolder);
  const lock = await lockHome(home, `run ${options.pipeline.path}`, deps.clock.now());
  try {
    const server = await startApiServer({ database: home.database, now: () => deps.clock.now() });
    try {
      return await new LocalRun(deps, options, home, server).run();
    } finally {
      await server.close();
    }
  } finally {
    await lock.release();
  }
}

class LocalRun {
  readonly #deps: RunPipelineDeps;
  readonly #options: RunPipelineOptions;
  readonly #home: Home;
  readonly #server: ApiServer;
  readonly #runId: string;
  readonly #runFolder: string;
  readonly #ended = new Map<string, Extract<EngineEvent, { kind: "ended" }>>();

  constructor(deps: RunPipelineDeps, options: RunPipelineOptions, home: Home, server: ApiServer) {
    this.#deps = deps;
    this.#options = options;
    this.#home = home;
    this.#server = server;
    this.#runId = deps.randomUuid();
    this.#runFolder = join(home.runs, this.#runId);
  }

  async run(): Promise<FinishedPipeline> {
    const { clock, signal } = this.#deps;
    const startMs = clock.monotonicMs();
    await this.#prepareFolder();
    const log = logStream(runLogPath(this.#runFolder), { write: () => undefined });
    const logger = createLogger({ clock, stream: log, format: "text", verbosity: Number(LOG_LEVEL) });
    const { connectKfpApi } = await import("../apiclient/kfp-api-grpc.ts");
    const { host, port } = this.#server;
    const api = await connectKfpApi(
      { clock, logger, fileSystem: this.#deps.files },
      {
        settings: {
          ...{ host, port, tls: undefined, reconnect: undefined, proxy: undefined },
          ...{ forcedPackage: undefined, forcedLayout: undefined },
        },
      },
    );
    try {
      this.#createRun();
      this.#deps.onStarted(this.#runId);
      const steps = this.#createSteps();
      const outcome = await this.#runEngine(api, steps, log, logger);
      const tasks = await this.#finish(api, outcome);
      return {
        ...this.#report(tasks, steps, clock.monotonicMs() - startMs),
        cancelled: signal.aborted,
        stats: this.#server.stats(),
        logPath: runLogPath(this.#runFolder),
      };
    } catch (error) {
      // Nothing of ours is expected to throw here; the run must not stay open all the same.
      this.#server.runs.finishRun(this.#runId, RuntimeState.FAILED, errorMessage(error));
      throw error;
    } finally {
      api.close();
    }
  }

  get #pipelineRoot(): string {
    return this.#options.pipelineRoot ?? this.#home.artifacts;
  }

  async #prepareFolder(): Promise<void> {
    const config = launcherConfigFolder(this.#runFolder);
    await makeFolder(config);
    await writeFile(join(config, "defaultPipelineRoot"), this.#pipelineRoot);
    const providers = await this.#deps.files.readText(join(this.#home.folder, "launcher-config", "providers"));
    if (providers !== undefined) await writeFile(join(config, "providers"), providers);
    if (isLocalUri(this.#pipelineRoot)) await makeFolder(this.#pipelineRoot);
  }

  #createRun(): void {
    const { pipeline, parameters } = this.#options;
    const values = Object.entries(parameters).map(([name, value]) => [name, jsonToValue(value)]);
    this.#server.runs.createRun({
      runId: this.#runId,
      displayName: this.#displayName(),
      pipelineSource: { case: "pipelineSpec", value: pipeline.source },
      runtimeConfig: { parameters: Object.fromEntries(values), pipelineRoot: this.#pipelineRoot },
    });
    this.#server.runs.setRunState(this.#runId, RuntimeState.RUNNING);
    this.#server.resetStats();
  }

  #displayName(): string {
    const time = this.#deps.clock.now().toISOString().slice(0, 19).replace("T", " ").replaceAll(":", "-");
    return `${this.#options.pipeline.name} ${time}`;
  }

  #createSteps(): LocalStepRuntime {
    const { environment } = this.#options;
    const { onLine, onNotice, signal } = this.#deps;
    return createLocalStepRuntime({
      runFolder: this.#runFolder,
      environment,
      python: new PythonEnvironments({ folder: this.#home.environments, environment, onNotice, signal }),
      onLine,
    });
  }

  #createExecutor(
    api: KfpApiConnection,
    steps: LocalStepRuntime,
    log: { write(text: string): unknown },
    logger: Logger,
  ): TaskExecutor {
    const { clock, files, randomUuid, onNotice } = this.#deps;
    const { isolation, programFolder, pipeline, environment, inspectTasks = [] } = this.#options;
    const { host, port, store } = this.#server;
    const started = failUnstartedStep({ api, clock, logger }, { runId: this.#runId, spec: pipeline.parsed.spec, steps });
    const server = { address: host, port: String(port) };
    const programs = (of: StepRuntime): TaskExecutor =>
      createProcessExecutor({ programFolder, server, files, steps: of, graceMs: PROCESS_GRACE_MS });
    const inProcess = (): TaskExecutor =>
      createInProcessExecutor({
        ...{ api, clock, files, randomUuid, log, steps: started },
        processRunner: createProcessRunner(),
        logLevel: Number(LOG_LEVEL),
        createLogger: (fields, verbosity) => createLogger({ clock, stream: log, format: "text", verbosity, fields }),
        countTasks: () => store.tasks.count(this.#runId),
      });
    const executor = isolation === "process" ? programs(started) : inProcess();
    if (inspectTasks.length === 0) return executor;
    return createInspectingExecutor({
      patterns: readTaskPatterns(inspectTasks, pipeline.parsed),
      others: executor,
      waiting: programs(waitingSteps(started, environment)),
      host: environment,
      onNotice,
    });
  }

  async #runEngine(
    api: KfpApiConnection,
    steps: LocalStepRuntime,
    log: { write(text: string): unknown },
    logger: Logger,
  ): Promise<"succeeded" | "failed"> {
    const { clock, randomUuid, signal, onEvent } = this.#deps;
    const { pipeline, parameters, kubernetesConfigs, cacheDisabled, parallelism } = this.#options;
    const runName = `${pipeline.name}-${this.#runId.slice(0, 5)}`;
    let pods = 0;
    let drivers = 0;
    // What a pod that is deleted gets, so that both isolations stop a step in the same way.
    const stop = new AbortController();
    const onAbort = (): void => stop.abort("SIGTERM");
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    const engine = runEngine(
      {
        executor: this.#createExecutor(api, steps, log, logger),
        clock,
        driverFolder: () => join(this.#runFolder, "drivers", String((drivers += 1))),
        newPod: () => ({ name: `${runName}-${String((pods += 1))}`, uid: randomUuid(), namespace: NAMESPACE }),
        onEvent: (event) => {
          if (event.kind === "ended") this.#ended.set(taskLabel(event.place), event);
          onEvent(event);
        },
        signal: stop.signal,
      },
      {
        pipeline: pipeline.parsed,
        pipelineName: pipeline.name,
        runId: this.#runId,
        runName,
        runDisplayName: this.#displayName(),
        namespace: NAMESPACE,
        runtimeConfig: JSON.stringify({ parameterValues: rootParameters(pipeline.parsed.spec, parameters) }),
        cacheDisabled,
        publishLogs: true,
        logLevel: LOG_LEVEL,
        apiServer: { address: this.#server.host, port: String(this.#server.port), tlsEnabled: false, caCertPath: "" },
        kubernetesConfigs,
        parallelism,
      },
    );
    return this.#unlessStuck(engine);
  }

  /** A cancelled run is over after {@link CANCEL_LIMIT_MS}, whatever its tasks do. */
  async #unlessStuck(engine: Promise<"succeeded" | "failed">): Promise<"succeeded" | "failed"> {
    const { signal, clock, killChildren } = this.#deps;
    const done = new AbortController();
    const limit = async (): Promise<"failed"> => {
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener("abort", () => resolve(), { once: true, signal: done.signal });
      });
      await clock.sleep(CANCEL_LIMIT_MS, done.signal);
      return "failed";
    };
    const late = limit();
    late.catch(() => undefined);
    try {
      return await Promise.race([engine, late]);
    } finally {
      done.abort(new Error("the run has ended"));
      if (signal.aborted) killChildren();
    }
  }

  /** Final states for run and tasks; the rows as they are in the end. */
  async #finish(api: KfpApiConnection, outcome: "succeeded" | "failed"): Promise<PipelineTask[]> {
    const cancelled = this.#deps.signal.aborted;
    const tasks = await listAllTasks(api, this.#runId, {});
    if (cancelled) await this.#markCancelled(api, tasks);
    const rootFailed = tasks.some(({ type, state }) => type === TaskType.ROOT && state === TaskState.FAILED);
    const state = outcome === "succeeded" && !rootFailed ? RuntimeState.SUCCEEDED : RuntimeState.FAILED;
    const finished = this.#server.runs.finishRun(this.#runId, state, cancelled ? CANCELLED_MESSAGE : undefined);
    return cancelled || finished.finalizedTaskIds.length > 0 ? listAllTasks(api, this.#runId, {}) : tasks;
  }

  /** A stopped step says how it was stopped, and what is above it says nothing; a person wants to read why. */
  async #markCancelled(api: KfpApiConnection, tasks: readonly PipelineTask[]): Promise<void> {
    const stopped = tasks.filter(
      ({ state, statusMetadata: status }) => state === TaskState.FAILED && /^$|told to stop by SIG/.test(status?.message ?? ""),
    );
    for (const task of stopped) {
      const { runId, taskId } = task;
      await api.updateTask(runId, taskId, {
        runId,
        taskId,
        statusMetadata: statusMetadata(CANCELLED_MESSAGE, task.statusMetadata),
      });
    }
  }

  #report(
    tasks: readonly PipelineTask[],
    steps: LocalStepRuntime,
    durationMs: number,
  ): Pick<FinishedPipeline, "result" | "failures"> {
    const places = taskPlaces(tasks);
    const failureOf = (place: TaskPlace): StepFailure | undefined => {
      const event = this.#ended.get(taskLabel(place));
      if (event?.outcome !== "failed") return undefined;
      const { exitCode, error } = event;
      return {
        ...(exitCode === undefined ? {} : { exitCode }),
        ...(error === undefined ? {} : { error }),
        lastLines: steps.lastLines(place),
      };
    };
    const failures = new Map<string, StepFailure>();
    for (const { taskId, state } of tasks) {
      const failure = state === TaskState.FAILED ? failureOf(places.get(taskId) as TaskPlace) : undefined;
      if (failure !== undefined) failures.set(taskId, failure);
    }
    const { run } = this.#server.runs.requireRun(this.#runId);
    const state = run.state === RuntimeState.SUCCEEDED ? "SUCCEEDED" : "FAILED";
    return { failures, result: buildRunResult({ runId: this.#runId, state, durationMs, tasks, failures: failureOf }) };
  }
}
