/**
 * Runs the tasks of one run: connects to the server, makes the executor, and hands both to the engine.
 *
 * @module
 */
import { join } from "node:path";
import type { KfpApiConnection } from "../../apiclient/kfp-api-grpc.ts";
import { logStream, type LogStream } from "../../node/log-stream.ts";
import { createLogger } from "../../node/stderr-logger.ts";
import { exitTaskTime, terminationSignal, unlessStuck } from "../engine/cancellation.ts";
import { runPipeline as runEngine } from "../engine/engine.ts";
import { createExecutor } from "../executors/create-executor.ts";
import { rootParameters } from "../executors/root-parameters.ts";
import { createLocalVolumeClaims } from "../objects/volume-claims.ts";
import { runLogPath, type LocalStepRuntime, type StepObjects } from "../steps/local-step-runtime.ts";
import type { ExecuteDeps, ExecuteOptions } from "./execution.ts";
import { runName, type LocalRun } from "./local-run.ts";
import { preservedTasks } from "./preserved-tasks.ts";
import type { RunPlace } from "./run-end.ts";
import type { EndedEvent } from "./run-report.ts";

const NAMESPACE = "local";
const LOG_LEVEL = "1";

/** What belongs to this execution of the run alone. */
export interface RunParts {
  /** Of the run; ready. */
  readonly folder: string;
  /** Aborted when the run is cancelled, or late. */
  readonly stop: AbortSignal;
  readonly steps: LocalStepRuntime;
  readonly pods: StepObjects;
  /** Called before everybody else hears of it. */
  readonly onEnded: (event: EndedEvent) => void;
  /** Called when the tasks before an exit task are cut short, with the task that holds them: the exit task comes next. */
  readonly onBodyCut: (taskId: string) => void;
}

/** What the engine is made from. */
interface Wiring {
  readonly deps: ExecuteDeps;
  readonly place: RunPlace;
  readonly run: LocalRun;
  readonly options: ExecuteOptions;
  readonly parts: RunParts;
  readonly api: KfpApiConnection;
  readonly log: LogStream;
}

/**
 * Runs all tasks, and comes back when they have ended or cannot be made to.
 *
 * @returns How the root task ended.
 * @throws What the database or the disk throws, and errors of this program.
 */
export async function runTasks(
  deps: ExecuteDeps,
  place: RunPlace,
  run: LocalRun,
  options: ExecuteOptions,
  parts: RunParts,
): Promise<"succeeded" | "failed"> {
  const log = logStream(runLogPath(parts.folder), { write: () => undefined });
  const logger = createLogger({ clock: deps.clock, stream: log, format: "text", verbosity: Number(LOG_LEVEL) });
  const { connectKfpApi } = await import("../../apiclient/kfp-api-grpc.ts");
  const { host, port, local } = place.server;
  const api = await connectKfpApi(
    { clock: deps.clock, logger, fileSystem: deps.files, local },
    {
      settings: {
        ...{ host, port, tls: undefined, reconnect: undefined, proxy: undefined },
        ...{ forcedPackage: undefined, forcedLayout: undefined },
      },
      ...(options.tokenPath === undefined ? {} : { tokenPath: options.tokenPath }),
    },
  );
  try {
    return await playTasks({ deps, place, run, options, parts, api, log });
  } finally {
    api.close();
  }
}

async function playTasks(wiring: Wiring): Promise<"succeeded" | "failed"> {
  const { deps, place, run, options, parts, api, log } = wiring;
  const { clock, files, randomUuid, onEvent, onNotice } = deps;
  const { server } = place;
  const { runId, displayName, pipeline, parameters, kubernetesConfigs } = run;
  const { cacheDisabled, parallelism, capacity, inspectTasks = [] } = options;
  const { isolation, programFolder, environment, workingFolder } = options;
  const { folder, stop, steps } = parts;
  const name = runName(run);
  let pods = 0;
  let drivers = 0;
  const claims = createLocalVolumeClaims(place.home.volumes);
  const containers = await createContainers(wiring);
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
  const exitTime = exitTaskTime({ clock, signal: stop }, () => deps.isLeft?.() === true);
  const engine = runEngine(
    {
      executor,
      clock,
      driverFolder: () => join(folder, "drivers", String((drivers += 1))),
      newPod: () => ({ name: `${name}-${String((pods += 1))}`, uid: randomUuid(), namespace: NAMESPACE }),
      onEvent: (event) => {
        if (event.kind === "ended") parts.onEnded(event);
        onEvent(event);
      },
      signal: terminationSignal(stop),
      exitTasks: { signal: exitTime.signal, onBodyCut: parts.onBodyCut },
      preserved: preservedTasks(
        { store: server.store, runs: server.runs, api, clock, logger },
        { runId, spec: pipeline.parsed.spec },
      ),
      ...(deps.shared === undefined ? {} : { shared: deps.shared }),
    },
    {
      pipeline: pipeline.parsed,
      pipelineName: pipeline.name,
      runId,
      runName: name,
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
    return await unlessStuck({ ...deps, signal: stop }, engine);
  } finally {
    exitTime.end();
    await containers?.steps.removeLeftovers();
  }
}

async function createContainers({ deps, run, options, parts, log }: Wiring) {
  const { runners: runnerOf, environment, programFolder, tokenPath } = options;
  if (runnerOf === undefined) return undefined;
  const { createContainerSteps, launcherFolderOf } = await import("../containers/container-steps.ts");
  const { onNotice } = deps;
  const { runId } = run;
  const { folder, pods, steps, stop } = parts;
  const token = tokenPath === undefined ? {} : { tokenPath };
  const common = { runId, runFolder: folder, environment, pods, log, onNotice, signal: stop, ...token };
  return { runnerOf, steps: createContainerSteps(steps, { ...common, launcherFolder: launcherFolderOf(programFolder) }) };
}
