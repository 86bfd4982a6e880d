/**
 * A run with one step to launch: the real server in memory, artifacts in a temporary folder, tiny real programs.
 *
 * @module
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { JsonObject } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { onTestFinished } from "vitest";
import { executorInputJson, provisionOutputs } from "../../src/core/executor/executor-input.ts";
import {
  ExecutorInputSchema,
  TaskState,
  type ExecutorInput,
  type PipelineTask,
  type TaskInit,
} from "../../src/core/kfp-types.ts";
import { parsePipelineSpec } from "../../src/core/spec/pipeline-spec.ts";
import { lastEntry, resolveScopePath } from "../../src/core/spec/scope-path.ts";
import { openRunStore } from "../../src/objectstore/open-run-store.ts";
import { runLauncher, type LauncherHost } from "../../src/launcher/run.ts";
import { nodeFileSystem } from "../../src/node/node-file-system.ts";
import { createProcessRunner } from "../../src/node/process-runner.ts";
import type { WatchedServerOptions } from "../fakes/watched-server.ts";
import { startFakeApi, type FakeApi } from "../fakes/kfp-api.ts";
import { RecordingLogger } from "../fakes/recording-logger.ts";
import { createRootRow, createRow, type RowOutline } from "./run-tasks.ts";
import { pipelineOf, type DagOutline } from "./specs.ts";

/** What leaf components declare, by component name. */
export type LeafOutputs = Readonly<
  Record<
    string,
    {
      readonly parameters?: Readonly<Record<string, string>>;
      /** Output key to schema title; a trailing `[]` declares a list. */
      readonly artifacts?: Readonly<Record<string, string>>;
      readonly inputs?: Readonly<Record<string, string>>;
      readonly metadata?: JsonObject;
    }
  >
>;

export function launcherPipeline(dags: Readonly<Record<string, DagOutline>>, leaves: LeafOutputs): JsonObject {
  const spec = pipelineOf(dags);
  const components = spec["components"] as Record<string, JsonObject>;
  for (const [name, { parameters = {}, artifacts = {}, inputs, metadata }] of Object.entries(leaves)) {
    const types = (table: Readonly<Record<string, string>>): JsonObject =>
      Object.fromEntries(Object.entries(table).map(([key, parameterType]) => [key, { parameterType }]));
    Object.assign((components[name] ??= {}), {
      outputDefinitions: {
        parameters: types(parameters),
        artifacts: Object.fromEntries(
          Object.entries(artifacts).map(([key, title]) => [
            key,
            {
              artifactType: { schemaTitle: title.replace("[]", ""), schemaVersion: "0.0.1" },
              ...(title.endsWith("[]") ? { isArtifactList: true } : {}),
              ...(metadata === undefined ? {} : { metadata }),
            },
          ]),
        ),
      },
      ...(inputs === undefined ? {} : { inputDefinitions: { parameters: types(inputs) } }),
    });
  }
  return spec;
}

export interface LaunchOutcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly logger: RecordingLogger;
  /** RPCs of this launch, in order. */
  readonly calls: string[];
  /** The row afterwards. */
  readonly task: PipelineTask;
}

export interface LaunchOptions {
  readonly command?: readonly string[];
  /** Changes the executor input that the driver would have made. */
  readonly change?: (input: ExecutorInput) => void;
  readonly executorInput?: string;
  /** Instead of the folder of the test. */
  readonly pipelineRoot?: string;
  readonly publishLogs?: boolean;
  readonly iteration?: number;
  readonly flags?: readonly string[];
  readonly pod?: string;
  readonly host?: Omit<Partial<LauncherHost>, "environment">;
  readonly environment?: Readonly<Record<string, string>>;
}

export interface LauncherWorld extends FakeApi {
  readonly folder: string;
  readonly runId: string;
  readonly root: PipelineTask;
  readonly row: (parent: PipelineTask, key: string, outline?: RowOutline) => Promise<PipelineTask>;
  readonly launch: (task: PipelineTask, options?: LaunchOptions) => Promise<LaunchOutcome>;
  readonly task: (taskId: string) => Promise<PipelineTask>;
}

/** @param spec The artifacts lie below a folder of the test's own; its pipeline root is put into the spec. */
export async function startLauncherWorld(spec: JsonObject, options: Partial<WatchedServerOptions> = {}): Promise<LauncherWorld> {
  const folder = await temporaryFolder();
  const pipelineSpec = { ...spec, defaultPipelineRoot: `${folder}/root` };
  const fake = await startFakeApi(options);
  const runId = await fake.createRun(pipelineSpec);
  const root = await createRootRow(fake.api, runId);
  fake.takeCalls();
  const parsed = parsePipelineSpec(pipelineSpec);

  const executorInputOf = (task: PipelineTask, launch: LaunchOptions): string => {
    const { change, publishLogs = true, iteration = 0, pipelineRoot = `${folder}/root/p/${runId}`, environment = {} } = launch;
    const component = lastEntry(resolveScopePath(parsed.spec, task.scopePath)).component;
    const input = create(ExecutorInputSchema, {
      inputs: {},
      outputs: provisionOutputs({
        component,
        pipelineRoot,
        taskKey: task.name,
        salt: `salt-${iteration}`,
        publishLogs,
        outputsDir: `${folder}/outputs/${task.taskId}`,
        artifactLocalPath: environment["ARTIFACT_LOCAL_PATH"],
      }),
    });
    change?.(input);
    return executorInputJson(input);
  };

  return {
    ...fake,
    folder,
    runId,
    root,
    row: (parent, key, outline) => createRow(fake.api, parent, key, outline),
    task: (taskId) => fake.api.getTask(runId, taskId),
    async launch(task, launch = {}) {
      const logger = new RecordingLogger();
      const text = { stdout: "", stderr: "" };
      const decoder = new TextDecoder();
      const sink = (name: "stdout" | "stderr") => ({
        write: (chunk: Uint8Array) => {
          text[name] += decoder.decode(chunk);
        },
      });
      const { iteration, pod = "pod-1", command = ["true"], publishLogs = true } = launch;
      const environment = { PATH: process.env["PATH"] ?? "", KFP_RETRY_INDEX: "0", ...launch.environment };
      fake.takeCalls();
      const exitCode = await runLauncher(
        [
          ...["--executor_type", "container", "--pipeline_name", "p", "--run_id", runId, "--task_id", task.taskId],
          ...[
            "--parent_task_id",
            task.parentTaskId ?? "",
            "--executor_input",
            launch.executorInput ?? executorInputOf(task, launch),
          ],
          ...["--namespace", "ns", "--pod_name", pod, "--pod_uid", `${pod}-uid`, "--publish_logs", String(publishLogs)],
          ...["--task_name", task.name, "--cache_disabled=false", "--ca_cert_path", ""],
          ...(iteration === undefined ? [] : ["--iteration_index", String(iteration)]),
          ...(launch.flags ?? []),
          "--",
          ...command,
        ],
        hostOf(fake, { logger, environment, userStdout: sink("stdout"), userStderr: sink("stderr"), ...launch.host }),
      );
      const calls = fake.takeCalls();
      return { exitCode, ...text, logger, calls, task: await fake.api.getTask(runId, task.taskId) };
    },
  };
}

export interface HostParts extends Omit<Partial<LauncherHost>, "environment"> {
  readonly logger: RecordingLogger;
  readonly environment: Record<string, string>;
}

/** A host around the fake server with real files and processes; everything can be replaced. */
export function hostOf(fake: FakeApi, { logger, environment, ...rest }: HostParts): LauncherHost {
  const unused = { write: () => undefined };
  const kube = () => Promise.reject(new Error("no cluster"));
  return {
    environment,
    userEnvironment: environment,
    stdin: "ignore",
    userStdout: unused,
    userStderr: unused,
    stdout: unused,
    stderr: unused,
    clock: fake.clock,
    files: nodeFileSystem,
    processRunner: createProcessRunner(),
    createLogger: () => logger,
    connect: () => Promise.resolve({ api: fake.api }),
    kube,
    openStore: (request) => openRunStore({ clock: fake.clock, files: nodeFileSystem, kube, environment }, request),
    copy: () => Promise.reject(new Error("not in this test")),
    ...rest,
  };
}

/** A folder that is removed when the running test ends. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "kfp-launcher-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Name, type and URI of a row's artifacts, by output key. */
export function artifactsOf(task: PipelineTask): Array<{ key: string; name: string; uri: string; iteration?: number }> {
  return (task.outputs?.artifacts ?? [])
    .flatMap(({ artifactKey: key, artifacts, producer }) =>
      artifacts.map(({ name, uri = "" }) => ({
        key,
        name,
        uri,
        ...(producer?.iteration === undefined ? {} : { iteration: Number(producer.iteration) }),
      })),
    )
    .toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

/** Key to value as text of a row's output parameters. */
export function parametersOf(task: PipelineTask): Record<string, unknown> {
  return Object.fromEntries((task.outputs?.parameters ?? []).map((entry) => [entry.parameterKey, entry.value?.kind.value]));
}

export function stateOf({ state }: Pick<TaskInit & { state: TaskState }, "state">): string {
  return TaskState[state] ?? String(state);
}
