/**
 * Drivers of volume tasks against the embedded API server and a Kubernetes API server over HTTP, with crashes at any call.
 *
 * @module
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { onTestFinished } from "vitest";
import { ApiError, KubeError } from "../../src/core/errors.ts";
import { TaskState, type PipelineTask } from "../../src/core/kfp-types.ts";
import { valueToJson } from "../../src/core/values/value.ts";
import type { DriverDeps, DriverKube } from "../../src/driver/deps.ts";
import { drive } from "../../src/driver/drive.ts";
import type { ContainerOptions } from "../../src/driver/options.ts";
import type { DriverResult } from "../../src/driver/result.ts";
import { createKubeRest } from "../../src/kube/kube-rest.ts";
import type { KfpApi } from "../../src/ports/kfp-api.ts";
import { nodeFileSystem } from "../../src/node/node-file-system.ts";
import { startFakeApi, type FakeApi } from "../fakes/kfp-api.ts";
import { startVolumeClaimServer, type VolumeClaimServer } from "../fakes/volume-claim-server.ts";

/** How one call of a driver ends that the test spoils. */
export type Spoiled = "not-done" | "done-but-lost";

export interface Spoil {
  /** Counted from 1 over the calls to both servers. */
  readonly call: number;
  readonly how: Spoiled;
  /** True: the process ends there, so nothing after it works either. */
  readonly crash: boolean;
}

export interface ClaimPipeline {
  readonly tasks: JsonObject;
  readonly components?: JsonObject;
  readonly executors?: JsonObject;
  readonly outputs?: JsonObject;
}

const text = { parameterType: "STRING" };
const optional = (parameterType: string): JsonObject => ({ parameterType, isOptional: true });

/** As the SDK compiles them, but for descriptions. */
export const CLAIM_COMPONENTS: JsonObject = {
  "comp-createpvc": {
    executorLabel: "exec-createpvc",
    inputDefinitions: {
      parameters: {
        access_modes: optional("LIST"),
        annotations: optional("STRUCT"),
        data_source: optional("STRUCT"),
        pvc_name: optional("STRING"),
        pvc_name_suffix: optional("STRING"),
        size: optional("STRING"),
        storage_class_name: optional("STRING"),
        volume_name: optional("STRING"),
      },
    },
    outputDefinitions: { parameters: { name: text } },
  },
  "comp-deletepvc": {
    executorLabel: "exec-deletepvc",
    inputDefinitions: { parameters: { pvc_name: optional("STRING") } },
  },
};

/** A task of the driver with constant inputs. */
export function claimTask(kind: "createpvc" | "deletepvc", inputs: JsonObject, more: JsonObject = {}): JsonObject {
  const parameters = Object.entries(inputs).map(([name, constant]) => [name, { runtimeValue: { constant } }]);
  return {
    taskInfo: { name: `${kind} it` },
    componentRef: { name: `comp-${kind}` },
    inputs: { parameters: Object.fromEntries(parameters) as JsonObject },
    ...more,
  };
}

function pipelineSpec({ tasks, components = {}, executors = {}, outputs }: ClaimPipeline): JsonObject {
  return {
    pipelineInfo: { name: "demo" },
    schemaVersion: "2.1.0",
    root: { dag: { tasks, ...(outputs === undefined ? {} : { outputs: { parameters: outputs } }) } },
    components: { ...CLAIM_COMPONENTS, ...components },
    deploymentSpec: {
      executors: {
        "exec-createpvc": { container: { image: "argostub/createpvc" } },
        "exec-deletepvc": { container: { image: "argostub/deletepvc" } },
        ...executors,
      },
    },
  };
}

const common = { pipelineName: "demo", runName: "wf", runDisplayName: "Demo", namespace: "ns", conditionPath: "/unused" };
const paths = { parentTaskIdPath: "/unused", iterationCountPath: "/unused" };

export class ClaimRun {
  readonly fake: FakeApi;
  readonly kubernetes: VolumeClaimServer;
  readonly runId: string;
  /** Of the last driver that was spoiled, to both servers. */
  calls = 0;
  /** Drivers do not read the rows of a run that says it has many. */
  saysItIsLarge = false;
  readonly #kube: DriverKube;
  #pods = 0;

  constructor(fake: FakeApi, kubernetes: VolumeClaimServer, kube: DriverKube, runId: string) {
    this.fake = fake;
    this.kubernetes = kubernetes;
    this.runId = runId;
    this.#kube = kube;
  }

  /** Another run on the same servers. */
  another(pipeline: ClaimPipeline): ClaimRun {
    return new ClaimRun(this.fake, this.kubernetes, this.#kube, newRun(this.fake, pipeline));
  }

  async root(): Promise<string> {
    const options = { type: "ROOT_DAG", ...common, ...paths, pod: this.#pod(), runId: this.runId, runtimeConfig: "{}" } as const;
    return (await drive(this.#deps(), options)).taskId;
  }

  async dag(taskName: string, parentTaskId: string, iterationIndex?: number): Promise<string> {
    const iteration = iterationIndex === undefined ? {} : { iterationIndex };
    const place = { runId: this.runId, taskName, parentTaskId, ...iteration };
    return (await drive(this.#deps(), { type: "DAG", ...common, ...paths, pod: this.#pod(), ...place })).taskId;
  }

  claim(taskName: string, parentTaskId: string, more: Partial<ContainerOptions> = {}, spoil?: Spoil): Promise<DriverResult> {
    return drive(this.#deps(spoil), {
      type: "CONTAINER",
      ...common,
      pod: this.#pod(),
      runId: this.runId,
      taskName,
      parentTaskId,
      kubernetesConfig: "",
      cachedDecisionPath: "/unused",
      podSpecPatchPath: "/unused",
      cacheDisabled: false,
      publishLogs: "true",
      logLevel: "1",
      apiServer: { address: "ml-pipeline", port: "8887", tlsEnabled: false, caCertPath: "" },
      proxy: { httpProxy: "", httpsProxy: "", noProxy: "" },
      defaults: {},
      ...more,
    });
  }

  task(taskId: string): Promise<PipelineTask> {
    return this.fake.api.getTask(this.runId, taskId);
  }

  /** All rows and claims, without ids, pods and times: what two executions can be compared by. */
  async endState(): Promise<JsonObject> {
    const { tasks } = await this.fake.api.getRun(this.runId, "FULL");
    const rows = tasks.map((task): [string, JsonObject] => [
      `${task.scopePath}[${task.typeAttributes?.iterationIndex ?? ""}]`,
      {
        state: TaskState[task.state],
        ended: task.endTime !== undefined,
        message: task.statusMetadata?.message ?? "",
        inputs: parametersOf(task.inputs),
        outputs: parametersOf(task.outputs),
        fingerprint: task.cacheFingerprint,
      },
    ]);
    return {
      rows: Object.fromEntries(rows.toSorted(([a], [b]) => (a < b ? -1 : 1))),
      claims: [...this.kubernetes.claims.keys()],
    };
  }

  /** `METHOD name status` of the requests so far. */
  requests(): string[] {
    return this.kubernetes.requests.map(
      ({ method, path, status }) => `${method} ${path.split("/").slice(6).join("/")} ${status}`,
    );
  }

  #pod(): { name: string; uid: string } {
    this.#pods += 1;
    return { name: `pod-${this.#pods}`, uid: `uid-${this.#pods}` };
  }

  #deps(spoil?: Spoil): DriverDeps {
    this.calls = 0;
    const spoiled = <Port extends object>(port: Port, error: (method: string) => Error): Port =>
      spoil === undefined
        ? port
        : new Proxy(port, {
            get: (target, name, receiver) => {
              const member: unknown = Reflect.get(target, name, receiver);
              if (typeof member !== "function") return member;
              return async (...args: unknown[]) => {
                this.calls += 1;
                const { calls } = this;
                if (spoil.crash && calls > spoil.call) throw error(String(name));
                if (calls !== spoil.call) return await (member.apply(target, args) as Promise<unknown>);
                if (spoil.how === "done-but-lost") await (member.apply(target, args) as Promise<unknown>);
                throw error(String(name));
              };
            },
          });
    const { clock, logger } = this.fake;
    const api = this.saysItIsLarge ? withManyTasks(this.fake.api) : this.fake.api;
    const kube = spoiled(this.#kube, (method) => new KubeError("KUBE_UNAVAILABLE", `spoiled ${method}`));
    return {
      api: spoiled(api, (method) => new ApiError("API_UNAVAILABLE", `spoiled ${method}`, { details: { method } })),
      clock,
      logger,
      files: { ...nodeFileSystem, stat: () => Promise.resolve(undefined) },
      kube: () => Promise.resolve(kube),
      randomUuid: () => "salt",
      settings: { fingerprintsEnvironment: true, ...(this.saysItIsLarge ? { taskCountHint: MANY_TASKS } : {}) },
    };
  }
}

const MANY_TASKS = 1000;

function withManyTasks(api: KfpApi): KfpApi {
  return new Proxy(api, {
    get(target, name, receiver) {
      if (name !== "getRun") return Reflect.get(target, name, receiver) as unknown;
      return async (runId: string, view: "DEFAULT" | "FULL") => {
        const run = await target.getRun(runId, view);
        run.taskCount = MANY_TASKS;
        return run;
      };
    },
  });
}

function parametersOf(side: PipelineTask["inputs"]): JsonValue {
  return (side?.parameters ?? [])
    .map(({ parameterKey, value, producer, type }) => ({
      key: parameterKey,
      value: value === undefined ? null : valueToJson(value),
      producer: `${producer?.taskName ?? ""}[${producer?.iteration ?? ""}]`,
      type,
    }))
    .toSorted((a, b) => (`${a.key} ${a.producer}` < `${b.key} ${b.producer}` ? -1 : 1));
}

function newRun(fake: FakeApi, pipeline: ClaimPipeline): string {
  const { run } = fake.server.runs.createRun({
    displayName: "d",
    pipelineSource: { case: "pipelineSpec", value: pipelineSpec(pipeline) },
  });
  return run.runId;
}

export async function startClaimRun(pipeline: ClaimPipeline): Promise<ClaimRun> {
  const [fake, kubernetes, folder] = await Promise.all([
    startFakeApi(),
    startVolumeClaimServer(),
    mkdtemp(join(tmpdir(), "kfp-claim-run-")),
  ]);
  const config = join(folder, "kubeconfig");
  await writeFile(config, kubeconfig(kubernetes.url));
  const kube = createKubeRest({ clock: fake.clock }, { environment: { KUBECONFIG: config }, serviceAccountFolder: folder });
  onTestFinished(async () => {
    kube.close();
    await kubernetes.close();
    await rm(folder, { recursive: true, force: true });
  });
  return new ClaimRun(fake, kubernetes, kube, newRun(fake, pipeline));
}

export function kubeconfig(server: string): string {
  return JSON.stringify({
    apiVersion: "v1",
    "current-context": "here",
    contexts: [{ name: "here", context: { cluster: "c", user: "u" } }],
    clusters: [{ name: "c", cluster: { server } }],
    users: [{ name: "u", user: { token: "t" } }],
  });
}
