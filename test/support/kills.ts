/**
 * Launchers and importers that are killed with SIGKILL at a boundary of their step: before a request to the API server or to the store is
 * carried out, after it is and before the answer, or while the user's command runs. A second attempt follows, as the engine of a cluster
 * makes one, and what it leaves is compared with what an undisturbed one leaves.
 *
 * @module
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { JsonObject } from "@bufbuild/protobuf";
import { startApiServer, type ApiServer } from "../../src/apiserver/server.ts";
import { TaskState, TaskType, type PipelineTask } from "../../src/core/kfp-types.ts";
import { createRawClient, type RawApiClient } from "../fakes/api-server.ts";
import { builtPrograms, type Programs } from "./built-programs.ts";
import type { KillStore, KillStoreResult } from "./kill-stores.ts";
import { programEnvironment, RunningProgram, type ProgramEnd } from "./program-executor.ts";
import { comparableRows } from "./restartable-server.ts";
import { patternBytes, sha256 } from "./store-bench.ts";

export type Victim = "launcher" | "importer";

/** Where the first attempt is killed. */
export interface Boundary {
  /** Of the requests of the attempt, to both servers, counted from 0; `command`: while the user's command runs. */
  readonly at: number | "command";
  readonly when: "before" | "after";
}

/** What is left at the end of a run. */
export interface Left {
  readonly rows: unknown;
  /** Digest by path below the root of the run. */
  readonly objects: Readonly<Record<string, string>>;
}

const LARGE_BYTES = 9 * 1024 * 1024;

export class KillWorld {
  readonly #programs: Programs;
  readonly #store: KillStore;
  readonly #server: ApiServer;
  readonly #client: RawApiClient;
  readonly #folder: string;
  #onRequest: (() => "before" | "after" | undefined) | undefined;
  #kill: (() => void) | undefined;

  private constructor(programs: Programs, store: KillStore, { server, folder }: { server: ApiServer; folder: string }) {
    this.#programs = programs;
    this.#store = store;
    this.#server = server;
    this.#folder = folder;
    this.#client = createRawClient(server.address);
  }

  static async open(programs: Programs, store: KillStore): Promise<KillWorld> {
    const watch: { world?: KillWorld } = {};
    const server = await startApiServer({
      database: ":memory:",
      interceptor: { around: (_method, work) => watch.world?.aroundCall(work) ?? work() },
    });
    const folder = mkdtempSync(path.join(tmpdir(), "kfp-kill-"));
    writeFileSync(path.join(folder, "large"), patternBytes(LARGE_BYTES));
    const world = new KillWorld(programs, store, { server, folder });
    watch.world = world;
    writeFileSync(path.join(folder, "in"), "input");
    await store.direct.upload(path.join(folder, "in"), `${store.root}/shared/in`);
    return world;
  }

  async close(): Promise<void> {
    this.#client.close();
    await this.#server.close();
    await this.#store.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** What an attempt leaves that nobody disturbs, and how many requests it makes. */
  async undisturbed(victim: Victim): Promise<{ readonly left: Left; readonly requests: number }> {
    const run = await this.#newRun(victim);
    let requests = 0;
    this.#onRequest = () => void (requests += 1);
    this.#watchStore();
    const { ended } = this.#start(victim, run, 1, "open");
    await assertWell(ended);
    this.#onRequest = undefined;
    return { left: await this.#left(run), requests };
  }

  /** Kills the first attempt, then makes a second one. @throws When the second attempt fails, or the first one outlived the boundary. */
  async killedAt(victim: Victim, boundary: Boundary): Promise<Left> {
    const run = await this.#newRun(victim);
    let seen = 0;
    this.#onRequest = () => (seen++ === boundary.at ? boundary.when : undefined);
    this.#watchStore();
    const gate = boundary.at === "command" ? "closed" : "open";
    const first = this.#start(victim, run, 0, gate);
    this.#kill = () => killAll(first.child.pid);
    if (boundary.at === "command") {
      await first.says("the command runs");
      this.#kill();
    }
    const { signal, stderr } = await first.ended;
    this.#onRequest = undefined;
    this.#kill = undefined;
    if (signal !== "SIGKILL") throw new Error(`the first attempt was not killed (${seen} requests): ${stderr}`);
    await assertWell(this.#start(victim, run, 1, "open").ended);
    return await this.#left(run);
  }

  /** Called by the API server. */
  aroundCall(work: () => unknown): unknown {
    const when = this.#onRequest?.();
    if (when === undefined) return work();
    if (when === "before") {
      this.#kill?.();
      throw new Error("the caller was killed");
    }
    return Promise.resolve(work()).then((answer) => {
      this.#kill?.();
      return answer;
    });
  }

  #watchStore(): void {
    const { proxy } = this.#store;
    if (proxy === undefined) return;
    proxy.reset();
    proxy.fault = () => {
      const when = this.#onRequest?.();
      if (when === undefined) return undefined;
      return { kind: when === "before" ? "interrupt-before" : "interrupt-after", call: () => this.#kill?.() };
    };
  }

  #start(victim: Victim, run: KillRun, attempt: number, gate: "open" | "closed"): RunningProgram {
    // Each attempt has a file system of its own, as each pod has.
    const folder = path.join(run.folder, `attempt-${attempt}`);
    mkdirSync(folder);
    const open = path.join(folder, "gate");
    if (gate === "open") writeFileSync(open, "");
    const common = [
      ...["--pipeline_name", "kills", "--run_id", run.runId, "--parent_task_id", run.root.taskId, "--namespace", "ns"],
      ...["--pod_name", `pod-${attempt}`, "--pod_uid", `uid-${attempt}`],
      ...["--ml_pipeline_server_address", this.#server.host, "--ml_pipeline_server_port", String(this.#server.port)],
    ];
    const argv =
      victim === "importer"
        ? [
            ...["--executor_type", "importer", "--task_name", "get", "--iteration_index", "-1"],
            ...["--importer_spec", JSON.stringify(importerSpec(`${this.#store.root}/shared/in`)), ...common],
          ]
        : [
            ...["--task_id", run.taskId, "--task_name", "step", "--executor_input", this.#executorInput(run, folder)],
            ...["--publish_logs", "true", ...common, "--", "sh", "-c", SCRIPT, open, path.join(this.#folder, "large")],
            ...["{{$.inputs.artifacts['in'].path}}", "{{$.outputs.artifacts['data'].path}}", `${folder}/outputs/n`],
          ];
    return new RunningProgram(path.join(this.#programs.bin, "launcher-v2"), argv, {
      ...programEnvironment(),
      ...this.#store.env,
      KFP_RETRY_INDEX: String(attempt),
      KFP_LAUNCHER_CONFIG_DIR: run.config,
      ARTIFACT_LOCAL_PATH: path.join(folder, "local"),
    });
  }

  #executorInput({ uri }: KillRun, folder: string): string {
    const type = { schemaTitle: "system.Dataset" };
    return JSON.stringify({
      inputs: { artifacts: { in: { artifacts: [{ name: "in", uri: `${this.#store.root}/shared/in`, type }] } } },
      outputs: {
        parameters: { n: { outputFile: `${folder}/outputs/n` } },
        artifacts: {
          data: { artifacts: [{ name: "data", uri: `${uri}/data`, type }] },
          "executor-logs": {
            artifacts: [{ name: "executor-logs", uri: `${uri}/executor-logs`, type: { schemaTitle: "system.Artifact" } }],
          },
        },
        outputFile: `${folder}/outputs/output_metadata.json`,
      },
    });
  }

  async #newRun(victim: Victim): Promise<KillRun> {
    const folder = mkdtempSync(path.join(this.#folder, "run-"));
    const config = path.join(folder, "config");
    mkdirSync(config);
    for (const [name, text] of Object.entries(this.#store.launcherConfig)) writeFileSync(path.join(config, name), text);
    const { runId } = await this.#client.createRun({
      run: {
        displayName: "kills",
        pipelineSource: { case: "pipelineSpec", value: pipelineOf(victim, `${this.#store.root}/shared/in`) },
        runtimeConfig: { parameters: {}, pipelineRoot: this.#store.root },
      },
    });
    const root = await this.#client.createTask({
      runId,
      task: { name: "ROOT", scopePath: "root", type: TaskType.ROOT, state: TaskState.RUNNING },
    });
    const { taskId } =
      victim === "importer"
        ? { taskId: "" }
        : await this.#client.createTask({
            runId,
            task: {
              ...{ name: "step", scopePath: "root.step", parentTaskId: root.taskId },
              ...{ type: TaskType.RUNTIME, state: TaskState.RUNNING },
            },
          });
    return { runId, root, taskId, folder, config, uri: `${this.#store.root}/kills/${runId}/step` };
  }

  async #left({ runId, uri, folder }: KillRun): Promise<Left> {
    const { tasks } = await this.#client.listTasks({ runId });
    const local = path.join(folder, "left");
    await this.#store.direct.download(uri, local);
    // Local files are used in place.
    const place = uri.startsWith("/") ? uri : local;
    const objects = existsSync(place) ? digests(place) : {};
    rmSync(folder, { recursive: true, force: true });
    return { rows: withoutAttempts(comparableRows(tasks)), objects };
  }
}

interface KillRun {
  readonly runId: string;
  readonly root: PipelineTask;
  readonly taskId: string;
  readonly folder: string;
  readonly config: string;
  /** Below which the step has its artifacts. */
  readonly uri: string;
}

/** `$0` the gate, `$1` a large file, `$2` the input, `$3` the output folder, `$4` the output parameter. */
const SCRIPT =
  'echo "the command runs"; until [ -e "$0" ]; do sleep 0.05; done; mkdir -p "$3/deep" "$(dirname "$4")"; ' +
  'cp "$2" "$3/deep/copy"; cp "$1" "$3/large"; echo 5 > "$4"';

const DATASET = { artifactType: { schemaTitle: "system.Dataset", schemaVersion: "0.0.1" } };

function importerSpec(uri: string): JsonObject {
  return {
    artifactUri: { constant: uri },
    typeSchema: { schemaTitle: "system.Dataset", schemaVersion: "0.0.1" },
    metadata: { rows: 3 },
  };
}

function pipelineOf(victim: Victim, uri: string): JsonObject {
  const [name, key] = victim === "importer" ? ["get", "artifact"] : ["step", "data"];
  const executor = victim === "importer" ? { importer: importerSpec(uri) } : { container: { image: "none", command: ["true"] } };
  const parameters = victim === "importer" ? {} : { parameters: { n: { parameterType: "NUMBER_INTEGER" } } };
  return {
    pipelineInfo: { name: "kills" },
    schemaVersion: "2.1.0",
    sdkVersion: "kfp-2.14.0",
    root: {
      dag: {
        tasks: { [name]: { componentRef: { name: "comp" }, taskInfo: { name } } },
        outputs: {
          artifacts: { result: { artifactSelectors: [{ producerSubtask: name, outputArtifactKey: key }] } },
          ...(victim === "importer"
            ? {}
            : { parameters: { n: { valueFromParameter: { producerSubtask: name, outputParameterKey: "n" } } } }),
        },
      },
      outputDefinitions: { artifacts: { result: DATASET }, ...parameters },
    },
    components: { comp: { executorLabel: "exec", outputDefinitions: { artifacts: { [key]: DATASET }, ...parameters } } },
    deploymentSpec: { executors: { exec: executor } },
  };
}

async function assertWell(ended: Promise<ProgramEnd>): Promise<void> {
  const { code, signal, stderr } = await ended;
  if (code !== 0) throw new Error(`an undisturbed attempt ended with ${String(code ?? signal)}: ${stderr}`);
}

/** As when a pod is gone: the program and all that it has started. */
function killAll(pid: number | undefined): void {
  if (pid === undefined) return;
  const family = [pid, ...descendantsOf(pid)];
  for (const each of family) {
    try {
      process.kill(each, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }
}

function descendantsOf(pid: number): number[] {
  const children = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((each) => parentOf(each) === pid);
  return [...children, ...children.flatMap(descendantsOf)];
}

function parentOf(pid: number): number | undefined {
  try {
    // The name before may hold spaces and brackets.
    const [, rest = ""] = /\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
    return Number(rest);
  } catch {
    return undefined;
  }
}

function digests(folder: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const file = path.join(folder, name);
    if (!statSync(file).isFile() || name === "executor-logs-0") continue;
    found[name] = sha256(readFileSync(file));
  }
  return found;
}

/** What a second attempt may have more than the first: its pod, its log, the times at which the row changed. */
function withoutAttempts(rows: readonly unknown[]): unknown {
  return (rows as Array<Record<string, unknown>>).map(({ pods: _pods, states: _states, outputs, ...row }) => {
    const { artifacts, ...rest } = outputs as { artifacts: Array<{ artifacts: Array<{ file?: string }> }> };
    const kept = artifacts.filter((entry) => entry.artifacts.every(({ file }) => file !== "executor-logs-0"));
    return { ...row, outputs: { ...rest, artifacts: kept.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) } };
  });
}

/** A world of the built programs, or one line that says why there is no such store. */
export async function openKillWorld(start: () => Promise<KillStoreResult>): Promise<KillWorld | { readonly missing: string }> {
  const programs = await builtPrograms();
  const store = await start();
  return "missing" in store ? store : await KillWorld.open(programs, store);
}
