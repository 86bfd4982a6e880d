/**
 * A local run from the first lock to the last state: the composition of home, embedded server, engine and executor.
 *
 * Whatever happens in between, the run and all its tasks end in a final state, nothing is left running, and the database is closed.
 *
 * Source: docs/spec/status-roll-up.md#decision-final-states, #run-state-and-root-state.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fromBinary, type JsonValue } from "@bufbuild/protobuf";
import type { KfpApiConnection } from "../apiclient/kfp-api-grpc.ts";
import { UNFINISHED_MESSAGE, type FinishedRun } from "../apiserver/services/run-lifecycle.ts";
import { startApiServer, type ApiServer } from "../apiserver/server.ts";
import { hydrateTasks } from "../apiserver/services/task-hydration.ts";
import type { MethodStats } from "../apiserver/call-stats.ts";
import { isLocalUri } from "../core/executor/artifact-uri.ts";
import { errorMessage, HostError } from "../core/errors.ts";
import { PipelineTaskSchema, RuntimeState, TaskState, TaskType, type PipelineTask } from "../core/kfp-types.ts";
import { jsonToValue } from "../core/values/value.ts";
import { makeFolder } from "../node/make-folder.ts";
import { createLogger } from "../node/stderr-logger.ts";
import { logStream, type LogStream } from "../node/log-stream.ts";
import type { Clock } from "../ports/clock.ts";
import type { FileSystem } from "../ports/file-system.ts";
import { statusMetadata } from "../tasks/task-status.ts";
import { finishAbandonedRuns } from "./home/abandoned-runs.ts";
import { CANCELLED_MESSAGE, cancelledMessage, terminationSignal, throwIfCancelled, unlessStuck } from "./engine/cancellation.ts";
import { createExecutor } from "./executors/create-executor.ts";
import { reserveDisk, type DiskReserve } from "./home/disk-reserve.ts";
import { runPipeline as runEngine, type EngineEvent } from "./engine/engine.ts";
import { displayNames } from "./results/display-names.ts";
import { notRunTasks } from "./results/not-run.ts";
import { placedTasks } from "./pipeline/pipeline-tasks.ts";
import { rootParameters } from "./executors/root-parameters.ts";
import { prepareHome, type Home } from "./home/home.ts";
import { lockHome } from "./home/home-lock.ts";
import {
  createLocalStepRuntime,
  launcherConfigFolder,
  runLogPath,
  type LocalStepRuntime,
  type StepLine,
} from "./steps/local-step-runtime.ts";
import type { LoadedPipeline } from "./pipeline/pipeline-file.ts";
import { PythonEnvironments } from "./steps/python-environment.ts";
import { buildRunResult, taskPlaces, type RunResult, type StepFailure } from "./results/run-result.ts";
import { homeError, storageProblem } from "./home/storage-problem.ts";
import type { TaskPlace } from "./engine/task-executor.ts";
import { taskLabel } from "./engine/task-label.ts";

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
 * @throws {HostError} HOME_UNUSABLE or HOME_LOCKED; INTERRUPTED when it is cancelled before the run exists. What tasks do never throws,
 * nor does a disk that fails once the run exists: such a run ends FAILED.
 */
export async function runPipeline(deps: RunPipelineDeps, options: RunPipelineOptions): Promise<FinishedPipeline> {
  const { clock, onNotice, signal } = deps;
  const home = await prepareHome(options.homeFolder);
  const lock = await lockHome(home, `run ${options.pipeline.path}`, clock.now());
  const quietly = async (what: string, work: Promise<void>): Promise<void> => {
    // The run has its end by now; what is left over is taken care of by the next one.
    await work.catch((error: unknown) => onNotice(`cannot ${what} ${home.folder}: ${errorMessage(error)}`));
  };
  try {
    throwIfCancelled(signal);
    const trouble = new StorageTrouble();
    const server = await openServer(home, clock, trouble);
    try {
      for (const line of endAbandonedRuns(server, home)) onNotice(line);
      throwIfCancelled(signal);
      return await new LocalRun(deps, options, { home, server, trouble }).run();
    } finally {
      await quietly("close the database of", server.close());
    }
  } finally {
    await quietly("unlock", lock.release());
  }
}

async function openServer(home: Home, clock: Clock, trouble: StorageTrouble): Promise<ApiServer> {
  return startApiServer({
    database: home.database,
    now: () => clock.now(),
    onInternalError: (_method, error) => trouble.note(error),
  });
}

function endAbandonedRuns(server: ApiServer, home: Home): string[] {
  try {
    return finishAbandonedRuns(server);
  } catch (error) {
    throw homeError(error, home.folder);
  }
}

/** The first thing the disk refused, and what is given up then. */
class StorageTrouble {
  reserve: DiskReserve | undefined;
  #reason: string | undefined;

  get reason(): string | undefined {
    return this.#reason;
  }

  /** Somebody took the home away. */
  removed(): Error {
    this.#reason ??= "the folder was removed while the run went on";
    return new HostError("HOME_UNUSABLE", this.#reason);
  }

  /** @returns Whether the error was one of the disk. */
  note(error: unknown): boolean {
    const reason = storageProblem(error);
    if (reason === undefined) return false;
    this.#reason ??= reason;
    this.reserve?.release();
    return true;
  }
}

interface LocalRunPlace {
  readonly home: Home;
  readonly server: ApiServer;
  readonly trouble: StorageTrouble;
}

class LocalRun {
  readonly #deps: RunPipelineDeps;
  readonly #options: RunPipelineOptions;
  readonly #home: Home;
  readonly #server: ApiServer;
  readonly #trouble: StorageTrouble;
  readonly #runId: string;
  readonly #runFolder: string;
  readonly #displayName: string;
  readonly #ended = new Map<string, Extract<EngineEvent, { kind: "ended" }>>();

  constructor(deps: RunPipelineDeps, options: RunPipelineOptions, { home, server, trouble }: LocalRunPlace) {
    this.#deps = deps;
    this.#options = options;
    this.#home = home;
    this.#server = server;
    this.#trouble = trouble;
    this.#runId = deps.randomUuid();
    this.#runFolder = join(home.runs, this.#runId);
    const time = deps.clock.now().toISOString().slice(0, 19).replace("T", " ").replaceAll(":", "-");
    this.#displayName = `${options.pipeline.name} ${time}`;
  }

  async run(): Promise<FinishedPipeline> {
    const { clock, signal, onNotice } = this.#deps;
    const startMs = clock.monotonicMs();
    const steps = this.#createSteps();
    let outcome: "succeeded" | "failed" = "failed";
    try {
      outcome = await this.#runTasks(steps);
    } catch (error) {
      if (!this.#trouble.note(error)) {
        this.#endAfterBug(errorMessage(error));
        throw error;
      }
    }
    try {
      const { state, tasks } = this.#end(outcome);
      const { reason } = this.#trouble;
      if (reason !== undefined) {
        onNotice(
          `cannot record everything of run ${this.#runId} in ${this.#home.folder}: ${reason}; put that right and run again`,
        );
      }
      return {
        ...this.#report({ state, tasks, durationMs: clock.monotonicMs() - startMs }, steps),
        cancelled: signal.aborted,
        stats: this.#server.stats(),
        logPath: runLogPath(this.#runFolder),
      };
    } finally {
      await this.#removeParts();
    }
  }

  /** Nothing of ours is expected to throw; the run must not stay open all the same, and the first error is the one to report. */
  #endAfterBug(message: string): void {
    try {
      this.#end("failed", message);
    } catch {
      // There may be no run yet; the next one in this home ends what is stored of it.
    }
  }

  async #runTasks(steps: LocalStepRuntime): Promise<"succeeded" | "failed"> {
    const { clock } = this.#deps;
    await this.#prepareFolder();
    this.#trouble.reserve = reserveDisk(join(this.#runFolder, "reserve"));
    this.#createRun();
    this.#deps.onStarted(this.#runId);
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
      return await this.#runEngine(api, steps, log);
    } finally {
      api.close();
    }
  }

  /** Only this run needed them; its log stays. */
  async #removeParts(): Promise<void> {
    this.#trouble.reserve?.release();
    for (const part of ["drivers", "outputs", "python", "tmp"]) {
      await rm(join(this.#runFolder, part), { recursive: true, force: true }).catch(() => undefined);
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
    const { runs, store } = this.#server;
    // All or nothing: a disk that takes only the first of the two would keep a run that waits for ever.
    store.transaction(() => {
      runs.createRun({
        runId: this.#runId,
        displayName: this.#displayName,
        pipelineSource: { case: "pipelineSpec", value: pipeline.source },
        runtimeConfig: { parameters: Object.fromEntries(values), pipelineRoot: this.#pipelineRoot },
      });
      runs.setRunState(this.#runId, RuntimeState.RUNNING);
    });
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

  /**
   * Final states for run and tasks, and the rows as they are in the end. What drivers and launchers still do changes nothing any more.
   *
   * A disk that does not take the final states costs the record, not the answer: the next run in this home ends the stored one.
   */
  #end(
    outcome: "succeeded" | "failed",
    unfinished?: string,
  ): { readonly state: RunResult["state"]; readonly tasks: PipelineTask[] } {
    const { runs } = this.#server;
    runs.sealRun(this.#runId);
    const cancelled = this.#deps.signal.aborted;
    const message = unfinished ?? (cancelled ? CANCELLED_MESSAGE : UNFINISHED_MESSAGE);
    const before = this.#tasks();
    const rootFailed = before.some(({ type, state }) => type === TaskType.ROOT && state === TaskState.FAILED);
    const wanted = outcome === "succeeded" && !rootFailed ? RuntimeState.SUCCEEDED : RuntimeState.FAILED;
    const finish = (): FinishedRun =>
      runs.finishRun(this.#runId, wanted, message, cancelled ? { rewordFailure: cancelledMessage } : {});
    try {
      const { state } = this.#stored(finish);
      // SQLite goes on writing to a file that has no name any more.
      if (!existsSync(this.#home.database)) throw this.#trouble.removed();
      return { state: state === RuntimeState.SUCCEEDED ? "SUCCEEDED" : "FAILED", tasks: this.#tasks() };
    } catch (error) {
      if (!this.#trouble.note(error) && this.#trouble.reason === undefined) throw error;
      return { state: "FAILED", tasks: before.map((task) => asFinal(task, message)) };
    }
  }

  /** A second try, after what was kept in reserve is given back. */
  #stored<Result>(write: () => Result): Result {
    try {
      return write();
    } catch (error) {
      if (!this.#trouble.note(error)) throw error;
      return write();
    }
  }

  #tasks(): PipelineTask[] {
    try {
      const { store } = this.#server;
      const bodies = hydrateTasks(store, store.tasks.ofRun(this.#runId), "complete", { withChildren: false });
      return bodies.map((body) => fromBinary(PipelineTaskSchema, body));
    } catch (error) {
      if (!this.#trouble.note(error)) throw error;
      return [];
    }
  }

  #report(
    {
      state,
      tasks,
      durationMs,
    }: { readonly state: RunResult["state"]; readonly tasks: readonly PipelineTask[]; readonly durationMs: number },
    steps: LocalStepRuntime,
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
    for (const { taskId, state: taskState } of tasks) {
      const failure = taskState === TaskState.FAILED ? failureOf(places.get(taskId) as TaskPlace) : undefined;
      if (failure !== undefined) failures.set(taskId, failure);
    }
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

/** The row as the end of the run would have made it. */
function asFinal(task: PipelineTask, message: string): PipelineTask {
  if (task.state !== TaskState.RUNNING && task.state !== TaskState.RUNTIME_STATE_UNSPECIFIED) return task;
  return { ...task, state: TaskState.FAILED, statusMetadata: statusMetadata(message, task.statusMetadata) };
}
