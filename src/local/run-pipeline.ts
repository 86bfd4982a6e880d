/**
 * A local run from the first lock to the last state: the composition of home, embedded server, engine and executor.
 *
 * Whatever happens in between, the run and all its tasks end in a final state, nothing is left running, and the database is closed.
 *
 * Source: contract/decisions.md ("final states"); api-server.md 13.6.
 *
 * @module
 */
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { JsonValue } from "@bufbuild/protobuf";
import type { KfpApiConnection } from "../apiclient/kfp-api-grpc.ts";
import { startApiServer, type ApiServer } from "../apiserver/server.ts";
import type { MethodStats } from "../apiserver/call-stats.ts";
import { isLocalUri } from "../core/artifact-uri.ts";
import { errorMessage } from "../core/errors.ts";
import { RuntimeState, TaskState, TaskType, type PipelineTask } from "../core/kfp-types.ts";
import { jsonToValue } from "../core/value.ts";
import { makeFolder } from "../node/make-folder.ts";
import { createLogger } from "../node/stderr-logger.ts";
import { logStream, type LogStream } from "../node/log-stream.ts";
import type { Clock } from "../ports/clock.ts";
import type { FileSystem } from "../ports/file-system.ts";
import { listAllTasks } from "../tasks/read-tasks.ts";
import { finishAbandonedRuns } from "./abandoned-runs.ts";
import { CANCELLED_MESSAGE, markCancelled, terminationSignal, unlessStuck } from "./cancellation.ts";
import { createExecutor } from "./create-executor.ts";
import { runPipeline as runEngine, type EngineEvent } from "./engine.ts";
import { displayNames } from "./display-names.ts";
import { notRunTasks } from "./not-run.ts";
import { placedTasks } from "./pipeline-tasks.ts";
import { rootParameters } from "./root-parameters.ts";
import { prepareHome, type Home } from "./home.ts";
import { lockHome } from "./home-lock.ts";
import {
  createLocalStepRuntime,
  launcherConfigFolder,
  runLogPath,
  type LocalStepRuntime,
  type StepLine,
} from "./local-step-runtime.ts";
import type { LoadedPipeline } from "./pipeline-file.ts";
import { PythonEnvironments } from "./python-environment.ts";
import { buildRunResult, taskPlaces, type RunResult, type StepFailure } from "./run-result.ts";
import type { TaskPlace } from "./task-executor.ts";
import { taskLabel } from "./task-label.ts";

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

const NAMESPACE = "local";
const LOG_LEVEL = "1";
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
      for (const line of finishAbandonedRuns(server)) deps.onNotice(line);
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
  readonly #displayName: string;
  readonly #ended = new Map<string, Extract<EngineEvent, { kind: "ended" }>>();

  constructor(deps: RunPipelineDeps, options: RunPipelineOptions, home: Home, server: ApiServer) {
    this.#deps = deps;
    this.#options = options;
    this.#home = home;
    this.#server = server;
    this.#runId = deps.randomUuid();
    this.#runFolder = join(home.runs, this.#runId);
    const time = deps.clock.now().toISOString().slice(0, 19).replace("T", " ").replaceAll(":", "-");
    this.#displayName = `${options.pipeline.name} ${time}`;
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
      const outcome = await this.#runEngine(api, steps, log);
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
      // Only this run needed them; its log stays.
      for (const part of ["drivers", "outputs", "tmp"]) {
        await rm(join(this.#runFolder, part), { recursive: true, force: true }).catch(() => undefined);
      }
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
      displayName: this.#displayName,
      pipelineSource: { case: "pipelineSpec", value: pipeline.source },
      runtimeConfig: { parameters: Object.fromEntries(values), pipelineRoot: this.#pipelineRoot },
    });
    this.#server.runs.setRunState(this.#runId, RuntimeState.RUNNING);
    this.#server.resetStats();
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

  async #runEngine(api: KfpApiConnection, steps: LocalStepRuntime, log: LogStream): Promise<"succeeded" | "failed"> {
    const { clock, files, randomUuid, signal, onEvent, onNotice } = this.#deps;
    const { pipeline, parameters, kubernetesConfigs, cacheDisabled, parallelism, inspectTasks = [] } = this.#options;
    const { isolation, programFolder, environment } = this.#options;
    const runName = `${pipeline.name}-${this.#runId.slice(0, 5)}`;
    let pods = 0;
    let drivers = 0;
    const engine = runEngine(
      {
        executor: createExecutor(
          { ...{ api, clock, files, randomUuid, log, steps, onNotice }, server: this.#server },
          {
            ...{ isolation, programFolder, inspectTasks, environment, pipeline: pipeline.parsed },
            runId: this.#runId,
            logLevel: LOG_LEVEL,
          },
        ),
        clock,
        driverFolder: () => join(this.#runFolder, "drivers", String((drivers += 1))),
        newPod: () => ({ name: `${runName}-${String((pods += 1))}`, uid: randomUuid(), namespace: NAMESPACE }),
        onEvent: (event) => {
          if (event.kind === "ended") this.#ended.set(taskLabel(event.place), event);
          onEvent(event);
        },
        signal: terminationSignal(signal),
      },
      {
        pipeline: pipeline.parsed,
        pipelineName: pipeline.name,
        runId: this.#runId,
        runName,
        runDisplayName: this.#displayName,
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
    return unlessStuck(this.#deps, engine);
  }

  /** Final states for run and tasks; the rows as they are in the end. */
  async #finish(api: KfpApiConnection, outcome: "succeeded" | "failed"): Promise<PipelineTask[]> {
    const cancelled = this.#deps.signal.aborted;
    const tasks = await listAllTasks(api, this.#runId, {});
    if (cancelled) await markCancelled(api, tasks);
    const rootFailed = tasks.some(({ type, state }) => type === TaskType.ROOT && state === TaskState.FAILED);
    const state = outcome === "succeeded" && !rootFailed ? RuntimeState.SUCCEEDED : RuntimeState.FAILED;
    const finished = this.#server.runs.finishRun(this.#runId, state, cancelled ? CANCELLED_MESSAGE : undefined);
    return cancelled || finished.finalizedTaskIds.length > 0 ? listAllTasks(api, this.#runId, {}) : tasks;
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
    const planned = placedTasks(this.#options.pipeline.parsed);
    const names = displayNames(planned);
    const notRun = notRunTasks({
      tasks: planned,
      rows: tasks,
      places,
      engineErrors: new Map([...this.#ended].flatMap(([label, { error }]) => (error === undefined ? [] : [[label, error]]))),
      displayNames: names,
      cancelled: this.#deps.signal.aborted,
    });
    const result = buildRunResult({
      ...{ runId: this.#runId, state, durationMs, tasks, notRun },
      failures: failureOf,
      displayNames: names,
    });
    return { failures, result };
  }
}
