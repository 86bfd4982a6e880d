/**
 * The executor of one run: in this process or as programs, with the tasks that wait for a debugger always as programs.
 *
 * @module
 */
import type { KfpApi } from "../../ports/kfp-api.ts";
import type { Clock } from "../../ports/clock.ts";
import type { VolumeClaimApi } from "../../ports/kube-api.ts";
import type { FileSystem } from "../../ports/file-system.ts";
import { GONE_ARTIFACTS_LINE } from "../../driver/container/cache-lookup.ts";
import type { ApiServer } from "../../apiserver/server.ts";
import type { ParsedPipeline } from "../../core/spec/pipeline-spec.ts";
import type { LogStream } from "../../node/log-stream.ts";
import { createProcessRunner } from "../../node/process-runner.ts";
import { createLogger } from "../../node/stderr-logger.ts";
import { createInProcessExecutor } from "./in-process-executor.ts";
import { createInspectingExecutor, readTaskPatterns, waitingSteps } from "./inspected-tasks.ts";
import { launchInContainers, type RunnerOf } from "./runners.ts";
import { createProcessExecutor } from "./process-executor.ts";
import { drivePlatformTasksHere, importToWorkspaceByProgram } from "./platform-tasks.ts";
import type { StepRuntime } from "../steps/step-runtime.ts";
import type { TaskExecutor } from "../engine/task-executor.ts";
import { failUnstartedStep } from "./unstarted-step.ts";

/** What drivers and launchers of a run share. */
export interface CreateExecutorDeps {
  readonly api: KfpApi;
  readonly clock: Clock;
  readonly files: FileSystem;
  readonly randomUuid: () => string;
  /** For the lines of drivers and launchers. */
  readonly log: LogStream;
  readonly server: ApiServer;
  readonly steps: StepRuntime;
  /** The volume claims of the home. */
  readonly claims: VolumeClaimApi;
  /** Steps in containers; absent when there are none. */
  readonly containers?: { readonly steps: StepRuntime; readonly runnerOf: RunnerOf };
  readonly onNotice: (text: string) => void;
}

/** Which run, and as what its programs are started. */
export interface CreateExecutorOptions {
  readonly runId: string;
  readonly pipeline: ParsedPipeline;
  readonly isolation: "in-process" | "process";
  readonly programFolder: string;
  readonly inspectTasks: readonly string[];
  /** Of the host. */
  readonly environment: Readonly<Record<string, string>>;
  /** `--log_level` of drivers and launchers. */
  readonly logLevel: string;
  /** Working folder of programs; absent: that of this process. */
  readonly workingFolder?: string | undefined;
}

/** Launchers need eight seconds to end their program. */
const PROCESS_GRACE_MS = 9000;

/** @throws {UsageError} USAGE_INVALID for a task to inspect that the pipeline does not have. */
export function createExecutor(deps: CreateExecutorDeps, options: CreateExecutorOptions): TaskExecutor {
  const { api, clock, files, randomUuid, server, claims, onNotice } = deps;
  const log = showingCacheMisses(deps.log, onNotice);
  const { runId, pipeline, isolation, programFolder, inspectTasks, environment, workingFolder } = options;
  const verbosity = Number(options.logLevel);
  const logger = createLogger({ clock, stream: log, format: "text", verbosity });
  const recording = (of: StepRuntime): StepRuntime =>
    failUnstartedStep({ api, clock, logger }, { runId, spec: pipeline.spec, steps: of });
  const steps = recording(deps.steps);
  const address = { address: server.host, port: String(server.port) };
  const programs = (of: StepRuntime): TaskExecutor =>
    createProcessExecutor({ programFolder, server: address, files, steps: of, log, workingFolder, graceMs: PROCESS_GRACE_MS });
  const inProcess = (): TaskExecutor =>
    createInProcessExecutor({
      ...{ api, clock, files, randomUuid, log, steps, claims },
      processRunner: createProcessRunner(),
      workingFolder,
      logLevel: verbosity,
      createLogger: (fields, level) => createLogger({ clock, stream: log, format: "text", verbosity: level, fields }),
      countTasks: () => server.store.tasks.count(runId),
    });
  const host =
    isolation === "process"
      ? drivePlatformTasksHere(pipeline, { programs: programs(steps), here: inProcess })
      : importToWorkspaceByProgram(inProcess(), () => programs(steps));
  const { containers } = deps;
  const executor =
    containers === undefined
      ? host
      : launchInContainers(containers.runnerOf, { host, containers: programs(recording(containers.steps)) });
  if (inspectTasks.length === 0) return executor;
  return createInspectingExecutor({
    patterns: readTaskPatterns(inspectTasks, pipeline),
    others: executor,
    waiting: programs(waitingSteps(steps, environment)),
    host: environment,
    onNotice,
  });
}

/** The same log; that a task runs again although it was cached is said to the person too, once a task. */
function showingCacheMisses(log: LogStream, onNotice: (text: string) => void): LogStream {
  const said = new Set<string>();
  return {
    write(text) {
      const [line] = text.startsWith("WARN") ? (GONE_ARTIFACTS_LINE.exec(text) ?? []) : [];
      if (line !== undefined && !said.has(line)) {
        said.add(line);
        onNotice(line);
      }
      return log.write(text);
    },
  };
}
