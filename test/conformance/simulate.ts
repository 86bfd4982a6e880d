/**
 * One run of a compiled pipeline with everything real but the user's programs: our drivers, launchers and API server, in the order in
 * which Argo would start them, one program at a time.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { fromJsonString } from "@bufbuild/protobuf";
import { errorMessage, KfpError, KubeError } from "../../src/core/errors.ts";
import { ExecutorInputSchema, type PipelineTask } from "../../src/core/kfp-types.ts";
import { lastEntry, resolveScopePath } from "../../src/core/spec/scope-path.ts";
import { jsonToValue, type JsonObject, type JsonValue } from "../../src/core/values/value.ts";
import type { DriverKube } from "../../src/driver/deps.ts";
import { drive } from "../../src/driver/drive.ts";
import type { DriverResult } from "../../src/driver/result.ts";
import type { PodSpecPatch } from "../../src/driver/pod-spec-patch/pod-spec.ts";
import { runLauncher, type LauncherHost } from "../../src/launcher/run.ts";
import { runPipeline } from "../../src/local/engine/engine.ts";
import { expandReferences, type PodIdentity } from "../../src/local/engine/pod-command.ts";
import type { LaunchRequest, TaskExecutor } from "../../src/local/engine/task-executor.ts";
import { taskLabel } from "../../src/local/engine/task-label.ts";
import { loadPipelineFile } from "../../src/local/pipeline/pipeline-file.ts";
import { systemClock } from "../../src/node/system-clock.ts";
import type { KfpApi } from "../../src/ports/kfp-api.ts";
import type { KubeApi, VolumeClaim } from "../../src/ports/kube-api.ts";
import type { CommandOptions } from "../../src/ports/process-runner.ts";
import type { MethodStats } from "../fakes/call-stats.ts";
import { startFakeApi } from "../fakes/kfp-api.ts";
import { RecordingLogger } from "../fakes/recording-logger.ts";
import { member, rootParameters } from "../support/pipeline-model.ts";
import { createMemoryPod, type MemoryPod, type StoredObjects } from "./memory-pod.ts";
import { assertModelcarsEnd, MODELCAR_ENVIRONMENT, modelMounts, startingModelcars } from "./modelcars.ts";
import type { ConformanceFile } from "./pipelines.ts";
import { stubProgram } from "./stub-program.ts";

const MANY_TASKS = 1000;
const NAMESPACE = "kubeflow";
const PIPELINE_ROOT = "minio://mlpipeline/v2/artifacts";
const API_SERVER = { address: "ml-pipeline.kubeflow", port: "8887", tlsEnabled: false, caCertPath: "" };

export interface SimulatedDriver {
  readonly task: string;
  readonly type: string;
  readonly result?: DriverResult;
  readonly error?: string;
  /** Of an error of ours. */
  readonly code?: string;
}

export interface SimulatedLauncher {
  readonly task: string;
  /** The user's command as the launcher started it; absent: it started none. */
  readonly command?: readonly string[];
  readonly exitCode: number;
}

export interface Simulation {
  readonly runId: string;
  readonly parameters: Readonly<Record<string, JsonValue>>;
  readonly outcome: "succeeded" | "failed";
  readonly drivers: readonly SimulatedDriver[];
  readonly launchers: readonly SimulatedLauncher[];
  /** Rows at the end. */
  readonly tasks: readonly PipelineTask[];
  /** URIs that hold something at the end, sorted. */
  readonly objects: readonly string[];
  /** Calls and bytes of drivers and launchers, by RPC name. */
  readonly traffic: Readonly<Record<string, MethodStats>>;
  /** What drivers asked the cluster for, in order. */
  readonly claims: readonly ClaimRequest[];
}

/** A volume claim to be made, or the name of one that goes. */
export type ClaimRequest = { readonly create: VolumeClaim } | { readonly delete: string };

export interface SimulationOptions {
  /** Steps whose fingerprint another run has may take its outputs; default false. */
  readonly findsCachedTasks?: boolean;
  /** The run passes for one that is too large to be read whole; default false. */
  readonly passesForLarge?: boolean;
  /** The server leaves out what drivers and launchers can do without; default true. */
  readonly leanAnswers?: boolean;
  /** In the place of defaults and made up values. */
  readonly parameters?: Readonly<Record<string, JsonValue>>;
  /** Called when the server is there, before anything runs. */
  readonly onStarted?: () => void;
  /** Runs of the pipeline before the one that is told, on the same server. */
  readonly earlierRuns?: number;
}

/** Ends with the test that calls it: the server is closed then. */
export async function simulate(file: ConformanceFile, options: SimulationOptions = {}): Promise<Simulation> {
  const { findsCachedTasks = false, earlierRuns = 0, leanAnswers = true, parameters = {}, passesForLarge = false } = options;
  const fake = await startFakeApi({ now: () => new Date("2026-08-01T12:00:00Z"), leanAnswers });
  options.onStarted?.();
  const counted = passesForLarge ? withManyTasks(fake.api) : fake.api;
  const api = findsCachedTasks ? counted : withoutCachedTasks(counted);
  const surroundings: Surroundings = { fake, api, given: parameters, ...(passesForLarge ? { taskCountHint: MANY_TASKS } : {}) };
  for (let run = 0; run < earlierRuns; run += 1) await simulateRun(file, surroundings);
  return await simulateRun(file, surroundings);
}

/** Which of two equal tasks of one run is done first is nobody's promise: each is done. */
function withoutCachedTasks(api: KfpApi): KfpApi {
  return new Proxy(api, {
    get: (target, name, receiver) =>
      name === "findCachedTask" ? () => Promise.resolve(undefined) : (Reflect.get(target, name, receiver) as unknown),
  });
}

/** As if the run had a thousand tasks more. */
function withManyTasks(api: KfpApi): KfpApi {
  const getRun: KfpApi["getRun"] = async (runId, view) => {
    const run = await api.getRun(runId, view);
    if (view === "DEFAULT") run.taskCount += MANY_TASKS;
    return run;
  };
  return new Proxy(api, {
    get: (target, name, receiver) => (name === "getRun" ? getRun : (Reflect.get(target, name, receiver) as unknown)),
  });
}

interface Surroundings {
  readonly fake: Awaited<ReturnType<typeof startFakeApi>>;
  readonly api: KfpApi;
  readonly taskCountHint?: number;
  readonly given: Readonly<Record<string, JsonValue>>;
}

async function simulateRun(file: ConformanceFile, { fake, api, taskCountHint, given }: Surroundings): Promise<Simulation> {
  const pipeline = await loadPipelineFile({ readText: () => Promise.resolve(file.text) }, `${file.name}.yaml`);
  const spec = (pipeline.source["pipeline_spec"] ?? pipeline.source) as JsonObject;
  const parameters = { ...rootParameters(spec), ...given };
  const { run } = fake.server.runs.createRun({
    displayName: "Demo",
    pipelineSource: { case: "pipelineSpec", value: pipeline.source },
    runtimeConfig: {
      pipelineRoot: PIPELINE_ROOT,
      parameters: Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, jsonToValue(value)])),
    },
  });
  const drivers: SimulatedDriver[] = [];
  const launchers: SimulatedLauncher[] = [];
  const objects: StoredObjects = new Map();
  const { clock } = fake;
  fake.server.resetStats();
  const kube = (): Promise<KubeApi> =>
    Promise.reject(new KubeError("KUBE_UNAVAILABLE", "a simulation has no Kubernetes cluster"));

  const claims: ClaimRequest[] = [];
  const cluster = memoryCluster((request) => claims.push(request));

  const launch = async (
    pod: PodIdentity,
    argv: readonly string[],
    host: Partial<LauncherHost>,
    files: MemoryPod,
  ): Promise<number> =>
    await runLauncher(argv, {
      environment: {},
      userEnvironment: {},
      stdin: "ignore",
      userStdout: { write: () => undefined },
      userStderr: { write: () => undefined },
      stdout: { write: () => undefined },
      stderr: { write: () => undefined },
      clock,
      files: files.files,
      processRunner: { run: () => Promise.reject(new Error(`${pod.name} has no program`)) },
      createLogger: () => new RecordingLogger(),
      connect: () => Promise.resolve({ api }),
      kube,
      openStore: () => Promise.resolve(files.store),
      copy: () => Promise.reject(new Error("a simulation copies no launcher")),
      taskCountHint,
      ...host,
    });

  const executor: TaskExecutor = {
    async drive({ place, options }) {
      const { files } = createMemoryPod(objects);
      const program = { task: taskLabel(place), type: options.type };
      try {
        const result = await drive(
          {
            ...{ api, clock, files, randomUuid: randomUUID },
            logger: new RecordingLogger(),
            kube: () => Promise.resolve(cluster),
            settings: { fingerprintsEnvironment: true, taskCountHint },
          },
          options,
        );
        drivers.push({ ...program, result });
        return result;
      } catch (error) {
        const code = error instanceof KfpError ? { code: error.code } : {};
        drivers.push({ ...program, error: errorMessage(error), ...code });
        throw error;
      }
    },

    async launch({ place, patch, pod, retryIndex }: LaunchRequest) {
      const files = createMemoryPod(objects);
      const argv = commandLine(patch, pod);
      const entry = lastEntry(resolveScopePath(pipeline.parsed.spec, place.scopePath));
      let started: CommandOptions | undefined;
      const processRunner = stubProgram({
        componentName: entry.componentName ?? "",
        component: entry.component,
        iterations: place.iterations,
        executorInput: fromJsonString(ExecutorInputSchema, executorInputOf(patch) ?? "{}"),
        write: (at, text) => files.write(at, text),
        onStart: (options) => (started = options),
      });
      const environment = { KFP_RETRY_INDEX: String(retryIndex ?? 0), ...MODELCAR_ENVIRONMENT };
      const mounts = modelMounts(patch);
      const host = { environment, processRunner, clock: startingModelcars(clock, files, mounts) };
      const exitCode = await launch(pod, argv, host, files);
      await assertModelcarsEnd(files, mounts);
      const command = started === undefined ? {} : { command: [started.command, ...started.args] };
      launchers.push({ task: taskLabel(place), ...command, exitCode });
      return { exitCode };
    },

    async importArtifact({ place, argv, pod }) {
      const exitCode = await launch(pod, argv, {}, createMemoryPod(objects));
      launchers.push({ task: taskLabel(place), exitCode });
      return { exitCode };
    },
  };

  let pods = 0;
  const outcome = await runPipeline(
    {
      executor: oneAtATime(executor),
      clock: systemClock,
      driverFolder: () => "/kfp/outputs",
      newPod: () => ({ name: `pod-${(pods += 1)}`, uid: randomUUID(), namespace: NAMESPACE }),
      onEvent: () => undefined,
      signal: new AbortController().signal,
    },
    {
      pipeline: pipeline.parsed,
      pipelineName: pipeline.name,
      runId: run.runId,
      runName: "demo-run",
      runDisplayName: "Demo",
      namespace: NAMESPACE,
      runtimeConfig: JSON.stringify({ parameterValues: parameters }),
      cacheDisabled: false,
      publishLogs: true,
      logLevel: "1",
      apiServer: API_SERVER,
      kubernetesConfigs: kubernetesConfigs(pipeline.source),
      parallelism: 1,
    },
  );
  const traffic = fake.server.stats();
  const { tasks } = await api.getRun(run.runId, "FULL");
  const stored = [...objects.keys()].toSorted();
  return { runId: run.runId, parameters, outcome, drivers, launchers, tasks, objects: stored, traffic, claims };
}

/** A cluster without the launcher's ConfigMap, where nothing holds a claim. */
function memoryCluster(onRequest: (request: ClaimRequest) => void): DriverKube {
  const claims = new Set<string>();
  return {
    getConfigMap: () => Promise.resolve(undefined),
    createVolumeClaim: (_namespace, claim) => {
      onRequest({ create: claim });
      const outcome = claims.has(claim.name) ? "exists" : "created";
      claims.add(claim.name);
      return Promise.resolve(outcome);
    },
    findVolumeClaim: (_namespace, name) => Promise.resolve(claims.has(name) ? "present" : "absent"),
    deleteVolumeClaim: (_namespace, name) => {
      onRequest({ delete: name });
      return Promise.resolve(claims.delete(name) ? "deleted" : "absent");
    },
  };
}

/** As the compiled workflow passes them. */
function kubernetesConfigs(source: JsonObject): Map<string, string> {
  const executors = member(source, "platform_spec", "platforms", "kubernetes", "deploymentSpec", "executors");
  return new Map(Object.entries(executors).map(([label, config]) => [label, JSON.stringify(config)]));
}

/** What the kubelet makes of the container's command; variables whose values only a cluster knows read `<NAME>`. */
function commandLine({ containers: [{ command, args = [], env }] }: PodSpecPatch, pod: PodIdentity): string[] {
  const known: Record<string, string> = { NAMESPACE: pod.namespace, KFP_POD_NAME: pod.name, KFP_POD_UID: pod.uid };
  const variables: Record<string, string> = {};
  for (const { name, value, valueFrom } of env) {
    variables[name] = known[name] ?? (valueFrom === undefined ? expandReferences(value ?? "", variables) : `<${name}>`);
  }
  return [...command, ...args].slice(1).map((text) => expandReferences(text, variables));
}

/** Text of the launcher's flag `--executor_input` in a patch. */
export function executorInputOf({ containers: [{ command }] }: PodSpecPatch): string | undefined {
  const at = command.indexOf("--executor_input");
  return at < 0 ? undefined : command[at + 1];
}

/** Programs in the order in which they were asked for: what runs at the same time would make the run another one each time. */
function oneAtATime(executor: TaskExecutor): TaskExecutor {
  let last: Promise<unknown> = Promise.resolve();
  const queued = <Result>(work: () => Promise<Result>): Promise<Result> => {
    const next = last.then(work, work);
    last = next.catch(() => undefined);
    return next;
  };
  return {
    drive: (request) => queued(() => executor.drive(request)),
    launch: (request) => queued(() => executor.launch(request)),
    importArtifact: (request) => queued(() => executor.importArtifact(request)),
  };
}
