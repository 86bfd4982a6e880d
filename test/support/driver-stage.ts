/**
 * One run of a pipeline on the real server in memory, and drivers of any type in it as functions, for tests of what drivers call, store
 * and leave behind.
 *
 * @module
 */
import type { JsonObject } from "@bufbuild/protobuf";
import { ArtifactType, IoType, TaskState, type PipelineTask } from "../../src/core/kfp-types.ts";
import { jsonToValue } from "../../src/core/values/value.ts";
import type { DriverKube } from "../../src/driver/deps.ts";
import { driverArguments } from "../../src/driver/driver-arguments.ts";
import type { ContainerOptions, DriverOptions } from "../../src/driver/options.ts";
import { runDriver } from "../../src/driver/run.ts";
import { nodeFileSystem } from "../../src/node/node-file-system.ts";
import type { KfpApi } from "../../src/ports/kfp-api.ts";
import { startFakeApi, type FakeApi } from "../fakes/kfp-api.ts";

const SERVER = { address: "ml-pipeline", port: "8887" };

export interface DriveChanges {
  readonly api?: KfpApi;
  readonly environment?: Readonly<Record<string, string>>;
  /** Default: a cluster that has the launcher's ConfigMap and takes no claims. */
  readonly kube?: DriverKube;
  /** Called for every output file. */
  readonly writeText?: (path: string, text: string) => Promise<void>;
}

export interface Driven {
  readonly exitCode: number;
  /** Names of the calls, in order. */
  readonly calls: readonly string[];
  /** Output files by path. */
  readonly files: ReadonlyMap<string, string>;
  readonly stderr: string;
}

const never = () => Promise.reject(new Error("not asked for"));
const withoutClaims: DriverKube = {
  getConfigMap: () => Promise.resolve({ defaultPipelineRoot: "s3://bucket/root" }),
  ...{ createVolumeClaim: never, findVolumeClaim: never, deleteVolumeClaim: never },
};

export class DriverStage {
  readonly fake: FakeApi;
  readonly runId: string;
  #pods = 0;

  constructor(fake: FakeApi, runId: string) {
    this.fake = fake;
    this.runId = runId;
  }

  static async open(spec: JsonObject, fake?: FakeApi): Promise<DriverStage> {
    const server = fake ?? (await startFakeApi());
    return new DriverStage(server, await server.createRun(spec));
  }

  #common() {
    this.#pods += 1;
    const pod = { name: `pod-${String(this.#pods)}`, uid: `uid-${String(this.#pods)}` };
    return {
      ...{ pipelineName: "demo", runId: this.runId, runName: "wf", runDisplayName: "Demo", namespace: "ns", pod },
      conditionPath: "/out/condition",
    };
  }

  rootOptions(parameterValues: JsonObject = {}): DriverOptions {
    const paths = { parentTaskIdPath: "/out/task-id", iterationCountPath: "/out/count" };
    return { type: "ROOT_DAG", ...this.#common(), ...paths, runtimeConfig: JSON.stringify({ parameterValues }) };
  }

  dagOptions(taskName: string, parentTaskId: string, iterationIndex?: number): DriverOptions {
    const paths = { parentTaskIdPath: "/out/task-id", iterationCountPath: "/out/count" };
    const iteration = iterationIndex === undefined ? {} : { iterationIndex };
    return { type: "DAG", ...this.#common(), ...paths, taskName, parentTaskId, ...iteration };
  }

  containerOptions(taskName: string, parentTaskId: string, more: Partial<ContainerOptions> = {}): DriverOptions {
    return {
      ...{ type: "CONTAINER", ...this.#common(), taskName, parentTaskId, kubernetesConfig: "" },
      ...{ cachedDecisionPath: "/out/cached", podSpecPatchPath: "/out/patch", cacheDisabled: false, publishLogs: "true" },
      logLevel: "1",
      apiServer: { ...SERVER, tlsEnabled: false, caCertPath: "" },
      proxy: { httpProxy: "", httpsProxy: "", noProxy: "" },
      defaults: {},
      ...more,
    };
  }

  /** The driver program in this process, its command line included. */
  drive(options: DriverOptions, changes: DriveChanges = {}): Promise<Driven> {
    const environment = { KFP_POD_NAME: options.pod.name, KFP_POD_UID: options.pod.uid, ...changes.environment };
    return this.driveArguments(driverArguments(options, SERVER), { ...changes, environment });
  }

  async driveArguments(
    argv: readonly string[],
    { api = this.fake.api, environment = {}, kube = withoutClaims, writeText }: DriveChanges,
  ): Promise<Driven> {
    const files = new Map<string, string>();
    let stderr = "";
    const { clock, logger } = this.fake;
    this.fake.takeCalls();
    const exitCode = await runDriver(argv, {
      environment,
      stdout: { write: () => undefined },
      stderr: { write: (text) => (stderr += text) },
      clock,
      files: {
        ...nodeFileSystem,
        stat: () => Promise.resolve(undefined),
        makeDirectory: () => Promise.resolve(),
        writeText: async (path, text) => {
          await writeText?.(path, text);
          files.set(path, text);
        },
      },
      randomUuid: () => "salt",
      createLogger: () => logger,
      connect: () => Promise.resolve({ api }),
      kube: () => Promise.resolve(kube),
    });
    return { exitCode, calls: this.fake.takeCalls(), files, stderr };
  }

  async rows(): Promise<PipelineTask[]> {
    return (await this.fake.api.listTasks(this.runId)).tasks;
  }

  /** The one row of this name. */
  async row(name: string): Promise<PipelineTask> {
    const found = (await this.rows()).filter((task) => task.name === name);
    if (found.length !== 1) throw new Error(`${String(found.length)} rows have the name ${name}`);
    return found[0] as PipelineTask;
  }

  /** What a launcher of a step with the outputs `said` and `model` leaves. */
  async succeed(taskId: string, taskName: string): Promise<void> {
    const artifact = { name: "model", type: ArtifactType.Model, uri: "s3://bucket/model", namespace: "ns" };
    await this.fake.api.createArtifact({ runId: this.runId, taskId, producerKey: "model", artifact });
    const said = { parameterKey: "said", value: jsonToValue("hi"), type: IoType.OUTPUT, producer: { taskName } };
    await this.fake.api.updateTask(this.runId, taskId, { state: TaskState.SUCCEEDED, outputs: { parameters: [said] } });
  }
}
