/**
 * The surroundings of the steps of one local run.
 *
 * ```
 * HOME/runs/RUN_ID/log                  lines of drivers and launchers
 * HOME/runs/RUN_ID/steps.jsonl          what steps print (step-journal.ts)
 * HOME/runs/RUN_ID/launcher-config/     defaultPipelineRoot of the run, providers of the home
 * HOME/runs/RUN_ID/outputs/TASK/        parameter files and executor output of one step, emptied before each attempt
 * HOME/runs/RUN_ID/python/              what the SDK's executor needs to find local artifacts (sdk-paths.ts)
 * HOME/runs/RUN_ID/tmp/TASK/            temporary folder of a Python step, removed after each attempt
 * HOME/runs/RUN_ID/volumes/TASK/        volumes that a pod would take with it, removed after each attempt
 * HOME/runs/RUN_ID/drivers/N/           output files of one driver, in process isolation
 * ```
 *
 * @module
 */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { SpecError } from "../../core/errors.ts";
import { WORKSPACE_PATH } from "../../core/executor/artifact-uri.ts";
import { FOREIGN_SCHEMES } from "../../core/executor/store-schemes.ts";
import { cleanPath } from "../../core/go/slash-path.ts";
import { makeFolder } from "../../node/files/make-folder.ts";
import { podCommand } from "../engine/pod-command.ts";
import { makePodFolders, type FolderMount, type PodFolderOptions } from "../pods/pod-folders.ts";
import { variableFrom, type VariableSources } from "../pods/pod-variables.ts";
import { podMounts } from "../pods/pod-volumes.ts";
import { assertMountable, withMounts } from "./host-mounts.ts";
import { splitPythonBootstrap } from "./python-bootstrap.ts";
import { activateEnvironment, withoutPythonVariables, type PythonEnvironments } from "./python-environment.ts";
import { runsSdkExecutor, withSdkPaths, writeSdkPaths } from "./sdk-paths.ts";
import { ExecutorRoutine, LineSink, LogTail } from "./step-output.ts";
import type { PreparedLauncher, PreparedStep, StepRuntime } from "./step-runtime.ts";
import type { ImportRequest, LaunchRequest, TaskPlace } from "../engine/task-executor.ts";
import { taskFolderName } from "../engine/task-label.ts";

/** A line that a step printed. */
export interface StepLine {
  readonly place: TaskPlace;
  readonly stream: "stdout" | "stderr";
  /** Without line end. */
  readonly text: string;
  /** The SDK's executor says it in every Python step. */
  readonly isRoutine: boolean;
}

/** Where the steps of a run leave files, and what they find. */
export interface LocalStepRuntimeOptions {
  /** HOME/runs/RUN_ID, absolute. */
  readonly runFolder: string;
  /** Of the host. */
  readonly environment: Readonly<Record<string, string>>;
  readonly python: Pick<PythonEnvironments, "provide">;
  /** What the steps of a cluster take from its objects. */
  readonly pods: StepObjects;
  /** File with the token of the run; absent: there is none, as there is no service account on this machine. */
  readonly tokenPath?: string;
  /** Some steps run in containers, which are shown models in images. */
  readonly showsModelImages?: boolean;
  readonly onLine: (line: StepLine) => void;
}

/** Where volumes and variables of steps come from. */
export type StepObjects = Omit<PodFolderOptions, "folder"> & Pick<VariableSources, "hostName">;

/** Steps on this machine, and what they printed last. */
export interface LocalStepRuntime extends StepRuntime {
  /** Where the output of an attempt goes. */
  openSinks(place: TaskPlace): StepSinks;
  /** The last lines of a step's latest attempt. */
  lastLines(place: TaskPlace): readonly string[];
  /** The last lines of a step are not asked for any more: a loop has thousands of steps that end well. */
  forget(place: TaskPlace): void;
}

/** Set for everything that is started for a run, so that what outlives the process that executed it can be found. */
export const RUN_FOLDER_VARIABLE = "KFP_RUN_FOLDER";
/** Both end before the attempt does. */
export interface StepSinks {
  readonly stdout: LineSink;
  readonly stderr: LineSink;
}

/** Lines kept of each step for the message of its failure. */
const TAIL_LINES = 80;

const SHARED_MEMORY_PATH = "/dev/shm";

/** File for the lines of drivers and launchers. */
export function runLogPath(runFolder: string): string {
  return join(runFolder, "log");
}

/** Where the launcher configuration of a run lies, which a pod would have mounted. */
export function launcherConfigFolder(runFolder: string): string {
  return join(runFolder, "launcher-config");
}

/** Steps as processes of this machine: folders, environments of Python, and paths in the place of mounts. */
export function createLocalStepRuntime(options: LocalStepRuntimeOptions): LocalStepRuntime {
  const { runFolder, onLine, python } = options;
  const tails = new Map<string, LogTail>();
  let sdkPaths: Promise<void> | undefined;
  const outputsFolder = (place: TaskPlace): string => join(runFolder, "outputs", taskFolderName(place));
  const common: Readonly<Record<string, string>> = {
    ...options.environment,
    KFP_TOKEN_PATH: options.tokenPath ?? "",
    [RUN_FOLDER_VARIABLE]: runFolder,
    KFP_LAUNCHER_CONFIG_DIR: launcherConfigFolder(runFolder),
    KFP_LOG_FILE: runLogPath(runFolder),
  };

  const openSinks = (place: TaskPlace): StepSinks => {
    const tail = new LogTail(TAIL_LINES);
    tails.set(taskFolderName(place), tail);
    const sink = (stream: StepLine["stream"]): LineSink => {
      const routine = new ExecutorRoutine();
      return new LineSink((text) => {
        const isRoutine = routine.accepts(text);
        if (!isRoutine) tail.add(text);
        onLine({ place, stream, text, isRoutine });
      });
    };
    return { stdout: sink("stdout"), stderr: sink("stderr") };
  };

  return {
    driverEnvironment: (place) => ({ ...common, KFP_OUTPUTS_DIR: outputsFolder(place), KFP_CACHE_CHECK_ARTIFACTS: "on" }),

    async prepare({ patch, place, pod, retryIndex, signal }: LaunchRequest): Promise<PreparedStep> {
      const [container, ...sidecars] = patch.containers;
      if (sidecars.length > 0) {
        const images = sidecars.map(({ image = "" }) => image).join(", ");
        throw new SpecError(
          "FEATURE_UNSUPPORTED",
          `Cannot show model image ${images} to a step on this machine: run it in a container, with --runner-for TASK=container`,
        );
      }
      const sources = { ...options.pods, host: options.environment };
      const { argv, environment } = podCommand(container, (name, from) => variableFrom(sources, pod, name, from));
      const volumes = join(runFolder, "volumes", taskFolderName(place));
      await rm(volumes, { recursive: true, force: true });
      const mounts = await mountsOf(patch, volumes);
      const step = await prepareCommand(argv.slice(1), environment, signal);
      const outputs = outputsFolder(place);
      const temporary = join(runFolder, "tmp", taskFolderName(place));
      await rm(outputs, { recursive: true, force: true });
      await mkdir(outputs, { recursive: true });
      if (step.isPython) await mkdir(temporary, { recursive: true });
      const { stdout, stderr } = openSinks(place);
      return {
        argv: mounted(step.argv, mounts),
        environment: {
          ...step.environment,
          ...(step.isPython ? { TMPDIR: temporary } : {}),
          KFP_OUTPUTS_DIR: outputs,
          KFP_RETRY_INDEX: String(retryIndex ?? 0),
        },
        mounts: [],
        stdout,
        stderr,
        async end() {
          stdout.end();
          stderr.end();
          await rm(outputs, { recursive: true, force: true });
          if (step.isPython) await rm(temporary, { recursive: true, force: true });
          if (mounts.length > 0) await rm(volumes, { recursive: true, force: true });
        },
      };
    },

    async importer({ place, pod, usesWorkspace }: ImportRequest): Promise<PreparedLauncher> {
      const mounts = usesWorkspace ? await workspaceMounts() : [];
      const { stdout, stderr } = openSinks(place);
      return {
        environment: {
          ...common,
          ...{ KFP_POD_NAME: pod.name, KFP_POD_UID: pod.uid, NAMESPACE: pod.namespace },
          ...(options.showsModelImages === true ? {} : { KFP_MODELCARS: "false" }),
        },
        mounts,
        stdout,
        stderr,
        end: () => {
          stdout.end();
          stderr.end();
          return Promise.resolve();
        },
      };
    },

    openSinks,
    lastLines: (place) => tails.get(taskFolderName(place))?.lines() ?? [],
    forget: (place) => void tails.delete(taskFolderName(place)),
  };

  async function mountsOf(patch: LaunchRequest["patch"], folder: string): Promise<FolderMount[]> {
    // Shared memory is this machine's own, and so are local copies of artifacts: the launcher, which no mount reaches, makes them.
    const { ARTIFACT_LOCAL_PATH: copies = "" } = options.environment;
    const own = new Set([SHARED_MEMORY_PATH, ...FOREIGN_SCHEMES.map(({ folder: name }) => cleanPath(`${copies}/${name}`))]);
    const mounts = podMounts(patch, patch.containers[0].volumeMounts).filter(({ path }) => !own.has(path));
    await assertMountable(mounts.map(({ path }) => path));
    return await makePodFolders(mounts, { ...options.pods, folder });
  }

  async function workspaceMounts(): Promise<FolderMount[]> {
    const [source] = options.pods.ownClaims.values();
    if (source === undefined) return [];
    await assertMountable([WORKSPACE_PATH]);
    await makeFolder(source);
    return [{ source, path: WORKSPACE_PATH, readOnly: false }];
  }

  async function completed(
    command: readonly string[],
    environment: Readonly<Record<string, string>>,
  ): Promise<Readonly<Record<string, string>>> {
    if (!runsSdkExecutor(command)) return environment;
    const folder = join(runFolder, "python");
    sdkPaths ??= writeSdkPaths(folder);
    await sdkPaths;
    return withSdkPaths(environment, folder);
  }

  interface PreparedCommand {
    readonly argv: readonly string[];
    readonly environment: Readonly<Record<string, string>>;
    readonly isPython: boolean;
  }

  /** A lightweight Python component runs in an environment that has its packages already; everything else as it is. */
  async function prepareCommand(
    argv: readonly string[],
    variables: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<PreparedCommand> {
    const separator = argv.indexOf("--");
    const bootstrap = splitPythonBootstrap(argv.slice(separator + 1));
    if (separator < 0 || bootstrap === undefined) {
      const environment = await completed(argv.slice(separator + 1), { ...common, ...variables });
      return { argv, environment, isPython: false };
    }
    const folder = await python.provide(bootstrap.installs, signal);
    return {
      argv: [...argv.slice(0, separator + 1), ...bootstrap.command],
      // What the component itself sets stays; what only this machine has would get in the environment's way.
      environment: await completed(
        bootstrap.command,
        activateEnvironment({ ...withoutPythonVariables(common), ...variables }, folder),
      ),
      isPython: true,
    };
  }
}

/** The launcher stays where it is; the user's command sees the folders. */
function mounted(argv: readonly string[], mounts: readonly FolderMount[]): readonly string[] {
  const command = argv.indexOf("--") + 1;
  return [...argv.slice(0, command), ...withMounts(mounts, argv.slice(command))];
}
