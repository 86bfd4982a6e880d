/**
 * Steps as containers of their own images: our portable launcher in front of the image's program, volumes, variables and limits as in a
 * pod, on this machine's network, where the API server is.
 *
 * ```
 * HOME/runs/RUN_ID/pods/POD/      of one attempt: volumes, the launcher's log, folders for stores; removed afterwards
 * ```
 *
 * @module
 */
import { chmod, readFile, stat, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { IContainer } from "kubernetes-models/v1";
import { HostError, SpecError } from "../../core/errors.ts";
import type { PodSpecPatch } from "../../driver/pod-spec-patch/pod-spec.ts";
import { makeFolder } from "../../node/files/make-folder.ts";
import { exists } from "../../node/files/path-kind.ts";
import { removePath } from "../../node/files/remove-path.ts";
import { podCommand } from "../engine/pod-command.ts";
import type { LaunchRequest } from "../engine/task-executor.ts";
import { taskFolderName, taskLabel } from "../engine/task-label.ts";
import { makePodFolders, type FolderMount } from "../pods/pod-folders.ts";
import { variableFrom } from "../pods/pod-variables.ts";
import { podMounts, type PodMount } from "../pods/pod-volumes.ts";
import { launcherConfigFolder, type LocalStepRuntime, type StepObjects } from "../steps/local-step-runtime.ts";
import { runProgram } from "../steps/run-program.ts";
import { runsSdkExecutor, withSdkPaths, writeSdkPaths } from "../steps/sdk-paths.ts";
import type { PreparedStep, StepRuntime } from "../steps/step-runtime.ts";
import { artifactPaths } from "./artifact-mounts.ts";
import { askEngine, findContainerEngine, type ContainerEngine } from "./container-engine.ts";
import { Images, type PullPolicy } from "./images.ts";
import { copyModels } from "./model-images.ts";
import { resourceLimits } from "./resource-limits.ts";
import { containerCommand, type ContainerRequest } from "./run-arguments.ts";

/** Whose steps, and where they find what they need. */
export interface ContainerStepsOptions {
  readonly runId: string;
  /** HOME/runs/RUN_ID, absolute. */
  readonly runFolder: string;
  /** Of the host. */
  readonly environment: Readonly<Record<string, string>>;
  /** The launcher that runs in any image (docs/spec/portable-launcher.md); absolute. */
  readonly launcherFolder: string;
  readonly pods: StepObjects;
  /** File of the token for the API server, where it wants one. */
  readonly tokenPath?: string;
  /** For the lines of launchers. */
  readonly log: { write(text: string): unknown };
  readonly onNotice: (text: string) => void;
  /** Aborted when the run is cancelled. */
  readonly signal: AbortSignal;
}

const LAUNCHER_MOUNT = "/kfp-launcher";
/** Folders that every pod of a compiled workflow has empty and writable (docs/spec/argo-workflows.md#container-task-pod). */
const EMPTY_FOLDERS = ["/gcs", "/s3", "/minio", "/.local", "/.cache", "/.config"];
const INIT_GRACE_MS = 2000;
const OPEN_MODE = 0o777;
const RUN_LABEL = "kfp-runtime.run";
/** Settings of stores that a launcher takes from its environment. */
const STORE_VARIABLES = /^(AWS|AZURE|GOOGLE)_/;

/** The same runtime, with steps in containers. Drivers and importers stay what they are. */
export function createContainerSteps(
  base: LocalStepRuntime,
  options: ContainerStepsOptions,
): StepRuntime & { readonly removeLeftovers: () => Promise<void> } {
  let opened: Promise<Opened> | undefined;
  const open = (): Promise<Opened> => (opened ??= openEngine(options));
  return {
    driverEnvironment: (place) => base.driverEnvironment(place),
    importer: (request) => base.importer(request),
    prepare: async (request) => await new Attempt(await open(), options, base, request).prepare(),
    /** Containers whose client was killed go on without it. */
    async removeLeftovers() {
      if (opened === undefined) return;
      const engine = await opened.then(
        (found) => found.engine,
        () => undefined,
      );
      if (engine !== undefined) await removeContainers(engine, options.runId);
    },
  };
}

interface Opened {
  readonly engine: ContainerEngine;
  readonly images: Images;
}

async function openEngine({ runId, environment, launcherFolder, onNotice }: ContainerStepsOptions): Promise<Opened> {
  const engine = await assertContainers(environment, launcherFolder);
  // A process that was killed leaves its containers to the engine: of a run that goes on, they would work beside the new attempts.
  await removeContainers(engine, runId);
  return { engine, images: new Images(engine, onNotice) };
}

async function removeContainers(engine: ContainerEngine, runId: string): Promise<void> {
  const { stdout } = await askEngine(engine, ["ps", "--all", "--quiet", "--filter", `label=${RUN_LABEL}=${runId}`]);
  const ids = stdout.split(/\s+/).filter((id) => id !== "");
  if (ids.length === 0) return;
  // Without it podman gives each of them ten seconds to end, one after the other.
  await askEngine(engine, ["kill", ...ids]);
  await askEngine(engine, ["rm", "--force", ...ids]);
}

/** Where a build puts the launcher for images, beside its programs. */
export function launcherFolderOf(programFolder: string): string {
  return join(programFolder, "../portable");
}

/** @throws {HostError} CONTAINERS_UNAVAILABLE when no step can be run in a container here, saying why. */
export async function assertContainers(
  environment: Readonly<Record<string, string>>,
  launcherFolder: string,
): Promise<ContainerEngine> {
  if (!(await exists(join(launcherFolder, "launch")))) {
    const message =
      `Cannot run steps in containers: there is no launcher in ${launcherFolder}; run "npm run build:portable" in a checkout of ` +
      "kfp-runtime, and in an installation by npm or pip copy the dist/portable of a checkout of the same version there";
    throw new HostError("CONTAINERS_UNAVAILABLE", message);
  }
  return await findContainerEngine(environment);
}

class Attempt {
  readonly #engine: ContainerEngine;
  readonly #images: Images;
  readonly #options: ContainerStepsOptions;
  readonly #base: LocalStepRuntime;
  readonly #request: LaunchRequest;
  readonly #folder: string;
  readonly #name: string;

  constructor({ engine, images }: Opened, options: ContainerStepsOptions, base: LocalStepRuntime, request: LaunchRequest) {
    this.#engine = engine;
    this.#images = images;
    this.#options = options;
    this.#base = base;
    this.#request = request;
    this.#folder = join(options.runFolder, "pods", taskFolderName(request.place));
    this.#name = `kfp-${request.pod.uid}`;
  }

  async prepare(): Promise<PreparedStep> {
    const { patch, place, pod } = this.#request;
    const [main] = patch.containers;
    const { image = "" } = main;
    await removePath(this.#folder);
    await makeOpenFolder(this.#folder);
    const facts = await this.#images.provide(image, pullPolicyOf(main), this.#options.signal);
    const mounts = await this.#volumeMounts(patch, main);
    await this.#runInitContainers(patch);
    const { argv, environment } = podCommand(main, (name, from) => variableFrom(this.#sources(), pod, name, from));
    const sdk = await this.#sdkPaths(argv, { ...facts.environment, ...environment });
    const outputs = this.#base.driverEnvironment(place)["KFP_OUTPUTS_DIR"] ?? "";
    await removePath(outputs);
    await makeOpenFolder(outputs);
    const log = join(this.#folder, "log");
    await writeFile(log, "", { mode: 0o666 });
    await chmod(log, 0o666);
    const podFolders = await makePodFolders(mounts.onDisk, this.#podFolders());
    await this.#copyModels(patch, podFolders);
    const command = containerCommand(this.#engine, {
      ...this.#common(main, image),
      command: argv,
      environment: {
        ...this.#storeVariables(),
        ...environment,
        ...sdk.environment,
        KFP_TOKEN_PATH: this.#options.tokenPath ?? "",
        KFP_LAUNCHER_CONFIG_DIR: launcherConfigFolder(this.#options.runFolder),
        KFP_OUTPUTS_DIR: outputs,
        KFP_LOG_FILE: log,
        KFP_RETRY_INDEX: String(this.#request.retryIndex ?? 0),
      },
      mounts: [
        { source: this.#options.launcherFolder, path: LAUNCHER_MOUNT, readOnly: true },
        {
          source: launcherConfigFolder(this.#options.runFolder),
          path: launcherConfigFolder(this.#options.runFolder),
          readOnly: true,
        },
        ...(this.#options.tokenPath === undefined
          ? []
          : [{ source: this.#options.tokenPath, path: this.#options.tokenPath, readOnly: true }]),
        ...[outputs, log].map((path) => ({ source: path, path, readOnly: false })),
        ...(await this.#emptyFolders(mounts)),
        ...(await this.#artifactMounts(argv)),
        ...(await this.#credentialMounts()),
        ...sdk.mounts,
        ...podFolders,
      ],
      memoryMounts: mounts.inMemory.map(({ path }) => ({ path })),
    });
    const { stdout, stderr } = this.#base.openSinks(place);
    const [program = "", ...words] = command.argv;
    return {
      program,
      argv: words,
      environment: { ...this.#options.environment, ...command.environment },
      mounts: [],
      stdout,
      stderr,
      assertBegun: async (exitCode) => {
        // The launcher's first line is in its log before it does anything.
        if (exitCode === 0 || this.#request.signal.aborted || (await sizeOf(log)) > 0) return;
        const said = this.#base.lastLines(place).slice(-2).join("; ");
        throw new HostError("CONTAINERS_UNAVAILABLE", `Cannot run image ${image}: the container was not started (${said})`);
      },
      end: async () => {
        stdout.end();
        stderr.end();
        await askEngine(this.#engine, ["rm", "--force", this.#name]);
        await this.#keepLog(log);
        await this.#remove(outputs);
        await this.#remove(this.#folder);
      },
    };
  }

  #common(container: IContainer, image: string): Omit<ContainerRequest, "command" | "environment" | "mounts" | "memoryMounts"> {
    const { runAsUser, runAsGroup } = container.securityContext ?? {};
    const group = runAsGroup === undefined ? "" : `:${String(runAsGroup)}`;
    return {
      name: this.#name,
      labels: { [RUN_LABEL]: this.#options.runId },
      image,
      sharesNetwork: true,
      ...(runAsUser === undefined ? {} : { user: `${String(runAsUser)}${group}` }),
      ...(container.workingDir === undefined ? {} : { workingDirectory: container.workingDir }),
      ...resourceLimits(container.resources ?? {}, availableParallelism()),
    };
  }

  /** In their order, each to its end, with the volumes they mount and nothing of the launcher. */
  async #runInitContainers({ initContainers = [], volumes }: PodSpecPatch): Promise<void> {
    for (const container of initContainers) {
      const { name, image = "", command = [], args = [], env = [], volumeMounts } = container;
      await this.#images.provide(image, pullPolicyOf(container), this.#options.signal);
      const { argv, environment } = podCommand({ name: "main", command, args, env, resources: {} }, (variable, from) =>
        variableFrom(this.#sources(), this.#request.pod, variable, from),
      );
      const mounts = podMounts(volumes === undefined ? {} : { volumes }, volumeMounts);
      const run = containerCommand(this.#engine, {
        ...this.#common(container, image),
        name: `${this.#name}-init`,
        command: argv,
        environment,
        mounts: await makePodFolders(mounts, this.#podFolders()),
        memoryMounts: [],
      });
      const { stdout, stderr } = this.#base.openSinks(this.#request.place);
      const [program = "", ...words] = run.argv;
      const code = await runProgram({
        ...{ program, argv: words, stdout, stderr, signal: this.#request.signal, graceMs: INIT_GRACE_MS },
        environment: { ...this.#options.environment, ...run.environment },
      });
      stdout.end();
      stderr.end();
      if (code !== 0) throw new SpecError("FEATURE_UNSUPPORTED", `Init container "${name}" ended with exit code ${String(code)}`);
    }
  }

  async #copyModels({ containers: [, ...sidecars] }: PodSpecPatch, folders: readonly FolderMount[]): Promise<void> {
    const { signal } = this.#request;
    for (const sidecar of sidecars) await this.#images.provide(sidecar.image ?? "", pullPolicyOf(sidecar), this.#options.signal);
    const made = { name: `${this.#name}-model`, label: `${RUN_LABEL}=${this.#options.runId}`, signal };
    await copyModels(this.#engine, { sidecars, folders }, made);
  }

  #sources() {
    return { ...this.#options.pods, host: this.#options.environment };
  }

  #podFolders() {
    return { ...this.#options.pods, folder: join(this.#folder, "volumes") };
  }

  /** What lies in memory is a mount of the container alone, unless an init container fills it. */
  async #volumeMounts(patch: PodSpecPatch, main: IContainer): Promise<{ onDisk: PodMount[]; inMemory: PodMount[] }> {
    const mounts = podMounts(patch, main.volumeMounts);
    const isShared = (patch.initContainers ?? []).length > 0;
    const isInMemory = ({ source, subPath }: PodMount): boolean =>
      source.kind === "temporary" && source.inMemory && subPath === "" && !isShared;
    return { onDisk: mounts.filter((mount) => !isInMemory(mount)), inMemory: mounts.filter(isInMemory) };
  }

  async #emptyFolders({ onDisk, inMemory }: { onDisk: PodMount[]; inMemory: PodMount[] }): Promise<FolderMount[]> {
    const taken = new Set([...onDisk, ...inMemory].map(({ path }) => path));
    const folders: FolderMount[] = [];
    for (const path of EMPTY_FOLDERS.filter((folder) => !taken.has(folder))) {
      const source = join(this.#folder, "empty", path.slice(1));
      await makeOpenFolder(source);
      folders.push({ source, path, readOnly: false });
    }
    return folders;
  }

  async #artifactMounts(argv: readonly string[]): Promise<FolderMount[]> {
    const { inputs, outputFolders } = artifactPaths(argv[argv.indexOf("--executor_input") + 1] ?? "{}");
    for (const folder of outputFolders) await makeOpenFolder(folder);
    const mounts: FolderMount[] = outputFolders.map((path) => ({ source: path, path, readOnly: false }));
    for (const path of inputs) {
      // One that is gone is the launcher's to name.
      if (await exists(path)) mounts.push({ source: path, path, readOnly: true });
    }
    return mounts;
  }

  async #sdkPaths(
    argv: readonly string[],
    environment: Readonly<Record<string, string>>,
  ): Promise<{ environment: Readonly<Record<string, string>>; mounts: readonly FolderMount[] }> {
    if (!runsSdkExecutor(argv)) return { environment: {}, mounts: [] };
    const folder = join(this.#options.runFolder, "python");
    await writeSdkPaths(folder);
    const { PYTHONPATH = "" } = withSdkPaths(environment, folder);
    return { environment: { PYTHONPATH }, mounts: [{ source: folder, path: folder, readOnly: true }] };
  }

  #storeVariables(): Record<string, string> {
    return Object.fromEntries(Object.entries(this.#options.environment).filter(([name]) => STORE_VARIABLES.test(name)));
  }

  /** The file that a variable names, where it is named. */
  async #credentialMounts(): Promise<FolderMount[]> {
    const { GOOGLE_APPLICATION_CREDENTIALS: path = "" } = this.#options.environment;
    return path.startsWith("/") && (await exists(path)) ? [{ source: path, path, readOnly: true }] : [];
  }

  /** Whatever the launcher said goes where the others say it. */
  async #keepLog(path: string): Promise<void> {
    const size = await sizeOf(path);
    if (size === 0 || size > LOG_LIMIT_BYTES) return;
    this.#options.log.write(await readFile(path, "utf8"));
  }

  /** Files of another user in the image may stay; they cost room, not the run. */
  async #remove(path: string): Promise<void> {
    try {
      await removePath(path);
    } catch {
      this.#options.onNotice(
        `${taskLabel(this.#request.place)}: ${path} cannot be removed: its files belong to a user of the image`,
      );
    }
  }
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0;
}

const LOG_LIMIT_BYTES = 16 * 1024 * 1024;

function pullPolicyOf({ image = "", imagePullPolicy }: IContainer): PullPolicy {
  if (imagePullPolicy !== undefined) return imagePullPolicy;
  // Kubernetes' default; an image that was built here has no registry to ask.
  return image.startsWith("localhost/") ? "Never" : "IfNotPresent";
}

async function makeOpenFolder(path: string): Promise<void> {
  await makeFolder(path);
  await chmod(path, OPEN_MODE);
}
