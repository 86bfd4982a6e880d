/**
 * Programs that are told to stop: one run per program, so that its rows can be judged, and places where a program waits.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo, type Socket } from "node:net";
import path from "node:path";
import type { JsonObject } from "@bufbuild/protobuf";
import { startWatchedServer, type WatchedServer } from "../fakes/watched-server.ts";
import { TaskState, TaskType, type PipelineTask } from "../../src/core/kfp-types.ts";
import type { ContainerOptions } from "../../src/driver/options.ts";
import { createRawClient, type RawApiClient } from "../fakes/api-server.ts";
import type { Programs } from "./built-programs.ts";
import { programEnvironment, RunningProgram, startDriver, type ProgramEnd } from "./program-executor.ts";

export type StopSignal = "SIGINT" | "SIGTERM";

/** The same numbers for the same seed, uniform in [0, 1). */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A server that takes connections and says nothing. */
export interface SilentServer {
  readonly port: number;
  /** Resolves with the first connection. */
  readonly reached: Promise<void>;
  close(): void;
}

export async function startSilentServer(): Promise<SilentServer> {
  const sockets = new Set<Socket>();
  let reach: () => void = () => undefined;
  const reached = new Promise<void>((resolve) => {
    reach = resolve;
  });
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    reach();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    reached,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

export interface StepRows {
  readonly root: PipelineTask;
  /** Absent where the step has no row. */
  readonly step: PipelineTask | undefined;
}

export interface StepOptions {
  /** Shell text of the step's command; the path of its output parameter is `$1`, of its artifact `$2`. */
  readonly script?: string;
  readonly driver?: Partial<ContainerOptions>;
  readonly pipelineRoot?: string;
  /** Of an artifact that the launcher downloads before the command. */
  readonly inputUri?: string;
  /** Files of the launcher configuration. */
  readonly launcherConfig?: Readonly<Record<string, string>>;
  /** Where the programs find the API server, if not at the real one. */
  readonly server?: { readonly address: string; readonly port: string };
  /** More variables of the program. */
  readonly env?: Readonly<Record<string, string>>;
}

/** An API server in this process, slow enough that signals meet calls under way. */
export class SignalWorld {
  readonly #programs: Programs;
  readonly #folder: string;
  readonly #server: WatchedServer;
  readonly #client: RawApiClient;

  private constructor(programs: Programs, folder: string, server: WatchedServer) {
    this.#programs = programs;
    this.#folder = folder;
    this.#server = server;
    this.#client = createRawClient(server.address);
  }

  static async open(programs: Programs, folder: string): Promise<SignalWorld> {
    const faults = [{ method: "*", kind: "delay", delayMs: 25, times: Number.POSITIVE_INFINITY } as const];
    const server = await startWatchedServer({ database: ":memory:" });
    for (const fault of faults) server.faults.add(fault);
    return new SignalWorld(programs, folder, server);
  }

  async close(): Promise<void> {
    this.#client.close();
    await this.#server.close();
  }

  newFolder(): string {
    return mkdtempSync(path.join(this.#folder, "step-"));
  }

  /** A named pipe nobody writes to. */
  newPipe(): string {
    const pipe = path.join(this.newFolder(), "pipe");
    execFileSync("mkfifo", [pipe]);
    return pipe;
  }

  /** A run whose root runs, and the driver of its step. */
  async startDriver(options: StepOptions = {}): Promise<{ program: RunningProgram; rows: () => Promise<StepRows> }> {
    const { runId, root, env, folder, rows } = await this.#newRun(options);
    const driver: ContainerOptions = {
      ...{ type: "CONTAINER", pipelineName: "signals", runId, runName: "wf", runDisplayName: "signals", namespace: "ns" },
      ...{ pod: { name: "pod-1", uid: "uid-1" }, taskName: "step", parentTaskId: root.taskId, kubernetesConfig: "" },
      ...{ conditionPath: `${folder}/condition`, cachedDecisionPath: `${folder}/cached`, podSpecPatchPath: `${folder}/patch` },
      ...{ cacheDisabled: false, publishLogs: "true", logLevel: "1" },
      apiServer: { ...this.#address(options), tlsEnabled: false, caCertPath: "" },
      proxy: { httpProxy: "", httpsProxy: "", noProxy: "" },
      defaults: {},
      ...options.driver,
    };
    return { program: startDriver(this.#programs, driver, this.#address(options), env), rows };
  }

  /** A run whose step runs, and the launcher around its command. */
  async startLauncher(options: StepOptions = {}): Promise<{ program: RunningProgram; rows: () => Promise<StepRows> }> {
    const { runId, root, env, folder, rows } = await this.#newRun(options);
    const { taskId } = await this.#client.createTask({
      runId,
      task: {
        ...{ name: "step", scopePath: "root.step", parentTaskId: root.taskId },
        ...{ type: TaskType.RUNTIME, state: TaskState.RUNNING },
      },
    });
    const uri = `${options.pipelineRoot ?? `${folder}/root`}/signals/${runId}/step/data`;
    const type = { schemaTitle: "system.Dataset" };
    const { inputUri } = options;
    const taken = inputUri === undefined ? {} : { taken: { artifacts: [{ name: "taken", uri: inputUri, type }] } };
    const input = {
      inputs: { artifacts: taken },
      outputs: {
        parameters: { n: { outputFile: `${folder}/outputs/n` } },
        artifacts: { data: { artifacts: [{ name: "data", uri, type }] } },
        outputFile: `${folder}/outputs/output_metadata.json`,
      },
    };
    const { address, port } = this.#address(options);
    const argv = [
      ...["--pipeline_name", "signals", "--run_id", runId, "--task_id", taskId, "--parent_task_id", root.taskId],
      ...["--task_name", "step", "--executor_input", JSON.stringify(input), "--namespace", "ns"],
      ...["--pod_name", "pod-2", "--pod_uid", "uid-2", "--publish_logs", "false"],
      ...["--ml_pipeline_server_address", address, "--ml_pipeline_server_port", port, "--"],
      ...["sh", "-c", options.script ?? "true", "sh", `${folder}/outputs/n`, "{{$.outputs.artifacts['data'].path}}"],
    ];
    return { program: new RunningProgram(path.join(this.#programs.bin, "launcher-v2"), argv, env), rows };
  }

  #address({ server }: StepOptions): { address: string; port: string } {
    return server ?? { address: this.#server.host, port: String(this.#server.port) };
  }

  async #newRun({ launcherConfig, pipelineRoot, env: more }: StepOptions) {
    const folder = this.newFolder();
    const config = path.join(folder, "config");
    mkdirSync(config);
    const root = pipelineRoot ?? path.join(folder, "root");
    for (const [name, text] of Object.entries({ defaultPipelineRoot: root, ...launcherConfig })) {
      writeFileSync(path.join(config, name), text);
    }
    const { runId } = await this.#client.createRun({
      run: {
        displayName: "signals",
        pipelineSource: { case: "pipelineSpec", value: PIPELINE },
        runtimeConfig: { parameters: {}, pipelineRoot: root },
      },
    });
    const rootRow = await this.#client.createTask({
      runId,
      task: { name: "ROOT", scopePath: "root", type: TaskType.ROOT, state: TaskState.RUNNING },
    });
    const rows = async (): Promise<StepRows> => {
      const { tasks } = await this.#client.listTasks({ runId });
      const find = (name: string) => tasks.find((task) => task.name === name);
      return { root: find("ROOT") ?? rootRow, step: find("step") };
    };
    const env = {
      ...programEnvironment(),
      KFP_RETRY_INDEX: "0",
      KFP_LAUNCHER_CONFIG_DIR: config,
      // Paths of remote artifacts are those of a pod otherwise, at the root of this machine.
      ...(root.includes("://") ? { ARTIFACT_LOCAL_PATH: path.join(folder, "mapped") } : {}),
      AWS_ACCESS_KEY_ID: "key",
      AWS_SECRET_ACCESS_KEY: "secret",
      ...more,
    };
    return { runId, root: rootRow, folder, env, rows };
  }
}

const PIPELINE: JsonObject = {
  pipelineInfo: { name: "signals" },
  schemaVersion: "2.1.0",
  sdkVersion: "kfp-2.14.0",
  root: { dag: { tasks: { step: { componentRef: { name: "comp-step" }, taskInfo: { name: "step" } } } } },
  components: {
    "comp-step": {
      executorLabel: "exec-step",
      outputDefinitions: {
        parameters: { n: { parameterType: "NUMBER_INTEGER" } },
        artifacts: { data: { artifactType: { schemaTitle: "system.Dataset", schemaVersion: "0.0.1" } } },
      },
    },
  },
  deploymentSpec: { executors: { "exec-step": { container: { image: "none", command: ["true"] } } } },
};

/** How the rows of a stopped step must be. @returns What is wrong; nothing when all is well. */
export function judgeStopped(
  { code, signal, stderr }: ProgramEnd,
  { root, step }: StepRows,
  stop: StopSignal,
): string | undefined {
  const exitCode = stop === "SIGINT" ? 130 : 143;
  if (code !== exitCode && signal !== stop) return `it ended with ${String(code ?? signal)}: ${stderr}`;
  if (step === undefined || step.state !== TaskState.FAILED) {
    return `its task is ${step === undefined ? "absent" : TaskState[step.state]}: ${stderr}`;
  }
  const message = step.statusMetadata?.message ?? "";
  if (!message.includes(stop)) return `the message does not name the signal: "${message}"`;
  return root.state === TaskState.FAILED ? undefined : `ROOT is ${TaskState[root.state]}: ${stderr}`;
}

/** A command that ignores requests to stop, says who it is, and never ends. */
export const STUBBORN = "trap '' TERM INT; echo \"pid $$\"; while :; do sleep 0.1; done";

export function pidsIn(stdout: string): number[] {
  return [...stdout.matchAll(/^pid (\d+)$/gm)].map(([, pid]) => Number(pid));
}
