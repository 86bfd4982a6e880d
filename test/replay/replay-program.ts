/**
 * One program of a recording, started again as ours: its flags and environment, against a server in the recorded state.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import path from "node:path";
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { connectKfpApi, type KfpApiConnection } from "../../src/apiclient/kfp-api-grpc.ts";
import { ExecutorInputSchema, type PipelineTask } from "../../src/core/kfp-types.ts";
import { parseLenient } from "../../src/core/protojson/protojson.ts";
import type { ParsedPipeline } from "../../src/core/spec/pipeline-spec.ts";
import { lastEntry, resolveScopePath } from "../../src/core/spec/scope-path.ts";
import { runDriver } from "../../src/driver/run.ts";
import { createKubeRest } from "../../src/kube/kube-rest.ts";
import { runLauncher } from "../../src/launcher/run.ts";
import { systemClock } from "../../src/node/system-clock.ts";
import { openRunStore } from "../../src/objectstore/open-run-store.ts";
import type { Logger } from "../../src/ports/logger.ts";
import type { ObjectStore, RunStoreRequest } from "../../src/ports/object-store.ts";
import type { ProcessRunner } from "../../src/ports/process-runner.ts";
import { RecordingLogger } from "../fakes/recording-logger.ts";
import { isObject } from "./compare.ts";
import type { FakeCluster } from "./fake-cluster.ts";
import { openSandbox, type Sandbox } from "./sandbox.ts";
import { recordedTexts, stubProgram } from "./stub-program.ts";
import type { KubernetesRequest, RecordedProgram } from "./recording.ts";
import type { RunState } from "./recorded-state.ts";

/** What a program has done, apart from the rows. Ids are those of the server. */
export interface ProgramOutcome {
  readonly exit: number;
  /** By flag, without dashes; the pod spec patch parsed. */
  readonly outputFiles: JsonObject;
  readonly kubernetesRequests: readonly KubernetesRequest[];
  /** Warnings and errors. */
  readonly log: readonly string[];
}

export interface ReplayProgramDeps {
  readonly cluster: FakeCluster;
  /** In the recorded state; the program changes it. */
  readonly state: RunState;
  readonly pipeline: ParsedPipeline;
  readonly rows: readonly PipelineTask[];
  /** Puts ids in the place of labels. */
  readonly withIds: (value: JsonValue) => JsonValue;
  /** Path of a built driver, which is started as a process; absent: in this process. Launchers are always in this one. */
  readonly driver?: string | undefined;
}

/** Paths of the output files in the recordings. */
const FILES = "FILES/";

/** The port in the flags; the connection itself is made for the program. */
export const PORT = "64999";
/** The address as recorded. */
const SERVER = "SERVER";
const PROCESS_LIMIT_MS = 60_000;

export async function replayProgram(deps: ReplayProgramDeps, program: RecordedProgram): Promise<ProgramOutcome> {
  const { cluster, state, withIds } = deps;
  const sandbox = await openSandbox();
  const logger = new RecordingLogger();
  const api = await connectApi(state, logger);
  try {
    await sandbox.files.makeDirectory("/FILES");
    const isProcess = program.program === "driver" && deps.driver !== undefined;
    const { host, port } = state.server;
    const argv = argumentsOf(
      program,
      withIds,
      isProcess ? { address: host, port: String(port), files: sandbox.locate(`/${FILES}`) } : IN_PROCESS,
    );
    cluster.takeRequests();
    const environment = { ...program.env, KUBECONFIG: cluster.kubeconfig };
    const world: World = { argv, environment, api, sandbox, logger };
    const exit = await (isProcess
      ? startDriver(world, deps.driver ?? "")
      : program.program === "driver"
        ? drive(world)
        : launch(world, deps, program));
    return {
      exit,
      outputFiles: asRecorded(await readOutputFiles(program, sandbox), { address: host, port: String(port) }),
      kubernetesRequests: cluster.takeRequests(),
      log: logger.lines.filter(({ level }) => level === "error" || level === "warn").map(({ message }) => message),
    };
  } finally {
    api.close();
    await sandbox.close();
  }
}

interface World {
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly api: KfpApiConnection;
  readonly sandbox: Sandbox;
  readonly logger: RecordingLogger;
}

/** The driver as its container starts it. */
async function startDriver({ argv, environment, logger }: World, program: string): Promise<number> {
  const { PATH = "" } = process.env;
  const child = spawn(process.execPath, [program, ...argv], {
    env: { PATH, ...environment },
    stdio: ["ignore", "ignore", "pipe"],
    timeout: PROCESS_LIMIT_MS,
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  for (const line of stderr.split("\n").filter((each) => each !== "")) logger.warn(line);
  return code ?? -1;
}

async function drive({ argv, environment, api, sandbox, logger }: World): Promise<number> {
  const errors = usageSink(logger);
  const kube = () => Promise.resolve(createKubeRest({ clock: systemClock }, { environment }));
  return await runDriver(argv, {
    environment,
    stdout: errors,
    stderr: errors,
    clock: systemClock,
    files: sandbox.files,
    randomUuid: randomUUID,
    createLogger: () => logger,
    connect: () => Promise.resolve({ api }),
    kube,
    openStore: async (request) => await openStore(environment, sandbox, request),
  });
}

async function launch(world: World, deps: ReplayProgramDeps, program: RecordedProgram): Promise<number> {
  const { argv, environment, api, sandbox, logger } = world;
  const errors = usageSink(logger);
  const nowhere = { write: () => undefined };
  return await runLauncher(argv, {
    environment,
    userEnvironment: environment,
    stdin: "ignore",
    userStdout: nowhere,
    userStderr: nowhere,
    stdout: errors,
    stderr: errors,
    clock: systemClock,
    files: sandbox.files,
    processRunner: userProgram(deps, program, sandbox),
    createLogger: () => logger,
    connect: () => Promise.resolve({ api }),
    kube: () => Promise.resolve(createKubeRest({ clock: systemClock }, { environment })),
    openStore: async (request) => await openStore(environment, sandbox, request),
    copy: () => Promise.reject(new Error("a recorded launcher copies nothing")),
  });
}

async function openStore(environment: World["environment"], sandbox: Sandbox, request: RunStoreRequest): Promise<ObjectStore> {
  const kube = () => Promise.resolve(createKubeRest({ clock: systemClock }, { environment }));
  return sandbox.store(await openRunStore({ clock: systemClock, files: sandbox.files, kube, environment }, request));
}

/** Importers have none. */
function userProgram({ pipeline, rows, withIds }: ReplayProgramDeps, program: RecordedProgram, sandbox: Sandbox): ProcessRunner {
  const input = program.argv["--executor_input"];
  if (input === undefined) return { run: () => Promise.reject(new Error("an importer has no program")) };
  const taskId = withIds(program.argv["--task_id"] ?? "");
  const row = rows.find((task) => task.taskId === taskId);
  if (row === undefined)
    throw new Error(`The launcher of ${program.task} has no row: the recording begins in the middle of a run`);
  return stubProgram({
    executorInput: parseLenient(ExecutorInputSchema, withIds(input), { what: "the recorded executor input" }).message,
    component: lastEntry(resolveScopePath(pipeline.spec, row.scopePath)).component,
    recordedTexts: recordedTexts(program),
    locate: (at) => sandbox.locate(at),
  });
}

function connectApi({ server }: RunState, logger: Logger): Promise<KfpApiConnection> {
  return connectKfpApi(
    { clock: systemClock, logger, fileSystem: { readText: () => Promise.resolve(undefined) } },
    {
      settings: {
        ...{ host: server.host, port: server.port, tls: undefined, reconnect: undefined, proxy: undefined },
        ...{ forcedPackage: undefined, forcedLayout: undefined },
      },
    },
  );
}

/** Where things are, in the words of the flags. */
interface Places {
  readonly address: string;
  readonly port: string;
  /** The folder of the output files, with a slash at its end. */
  readonly files: string;
}

const IN_PROCESS: Places = { address: SERVER, port: PORT, files: `/${FILES}` };

function argumentsOf(program: RecordedProgram, withIds: (value: JsonValue) => JsonValue, places: Places): string[] {
  const text = (value: JsonValue): string => {
    const own = withIds(value);
    if (own === "PORT") return places.port;
    if (own === SERVER) return places.address;
    if (typeof own !== "string") return JSON.stringify(own);
    return own.startsWith(FILES) ? path.join(places.files, own.slice(FILES.length)) : own;
  };
  const flags = Object.entries(program.argv).flatMap(([flag, value]) =>
    flag.endsWith("=") ? [`${flag}${text(value)}`] : [flag, text(value)],
  );
  const command = program.userCommand?.map(text);
  return command === undefined ? flags : [...flags, "--", ...command];
}

/** The launcher's flags say where a process found the server. */
function asRecorded(files: JsonObject, { address, port }: Pick<Places, "address" | "port">): JsonObject {
  const patch = files["pod_spec_patch_path"];
  if (!isObject(patch)) return files;
  const text = JSON.stringify(patch)
    .replaceAll(`"--ml_pipeline_server_address","${address}"`, `"--ml_pipeline_server_address","${SERVER}"`)
    .replaceAll(`"--ml_pipeline_server_port","${port}"`, `"--ml_pipeline_server_port","${PORT}"`);
  return { ...files, pod_spec_patch_path: JSON.parse(text) as JsonValue };
}

async function readOutputFiles({ argv }: RecordedProgram, sandbox: Sandbox): Promise<JsonObject> {
  const found: Record<string, JsonValue> = {};
  for (const [flag, value] of Object.entries(argv)) {
    if (typeof value !== "string" || !value.startsWith(FILES)) continue;
    const text = await sandbox.files.readText(`/${value}`);
    const name = flag.replace(/^--/, "");
    if (text === undefined) continue;
    found[name] = name === "pod_spec_patch_path" && text !== "" ? (JSON.parse(text) as JsonValue) : text;
  }
  return found;
}

function usageSink(logger: RecordingLogger): { write(text: string): void } {
  return { write: (text) => logger.error(text.trim()) };
}
