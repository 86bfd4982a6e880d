/**
 * Runs drivers and launchers of a run as a cluster would: every one in a container of its image, with the argument vectors, mounts,
 * limits and security contexts of the compiled workflow.
 *
 * Source: docs/spec/argo-workflows.md#how-argo-invokes-the-driver, #container-task-pod, #importer-pod,
 * docs/spec/launcher-command-line.md#copy-mode, docs/spec/pod-spec-patch.md#command-line-in-short,
 * docs/spec/executor-input.md#output-locations-the-launcher-is-told.
 *
 * @module
 */
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { driverArguments } from "../../src/driver/driver-arguments.ts";
import type { DriverOptions } from "../../src/driver/options.ts";
import { readDriverFiles } from "../../src/local/executors/driver-files.ts";
import { podCommand, podIdentityFields } from "../../src/local/engine/pod-command.ts";
import type { TaskExecutor } from "../../src/local/engine/task-executor.ts";
import { nodeFileSystem } from "../../src/node/node-file-system.ts";
import { runContainer, type ContainerEnd, type ContainerOptions, type Containers, type RuntimeImages } from "./containers.ts";

/** The empty folders of a pod, writable for everyone. */
const emptyFolders = ["/gcs", "/s3", "/minio", "/.local", "/.cache", "/.config"];
const outputsFolder = "/tmp/outputs";

export interface MainContainer {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Path in the container to path here, the launcher's folder among them. */
  readonly volumes: Readonly<Record<string, string>>;
  readonly readOnlyVolumes: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

export interface PodExecutorOptions {
  readonly containers: Containers;
  readonly images: RuntimeImages;
  /** A folder for pods, removed by the caller. */
  readonly folder: string;
  /** Where drivers find the API server; container drivers and launchers use what their options say. */
  readonly server: { readonly address: string; readonly port: string };
  /** Launcher configuration, file name to content. */
  readonly launcherConfig: Readonly<Record<string, string>>;
  /** PEM text at /kfp/certs/ca.crt. */
  readonly ca?: string;
  /** Variables of main containers besides those of the pod spec patch: credentials, or what a hostile image sets. */
  readonly env?: Readonly<Record<string, string>>;
  /** Image to run for the one a component names. */
  readonly image: (named: string) => string;
  readonly main?: Partial<ContainerOptions>;
  /** Runs the main container some other way than as a container. */
  readonly runMain?: (main: MainContainer) => Promise<ContainerEnd>;
  /** A launcher folder that was copied before; absent, every pod has its init container. */
  readonly launcherFolder?: string;
  readonly onMainEnd?: (task: string, ended: ContainerEnd) => void;
}

/** Limits of driver, importer and init containers (as in compiled workflows). */
const driverLimits = { cpus: 0.5, memory: "512m", readOnly: true };
export const initLimits = { cpus: 0.5, memory: "256m", readOnly: true };

export function createPodExecutor(options: PodExecutorOptions): TaskExecutor {
  const { containers, images } = options;

  const mounts = async (pod: string): Promise<Record<string, string>> => {
    const secrets = await openFolder(pod, "token");
    await writeFile(path.join(secrets, "token"), "token-of-a-test");
    const config = await openFolder(pod, "config");
    for (const [name, text] of Object.entries(options.launcherConfig)) await writeFile(path.join(config, name), text);
    const certificates = await openFolder(pod, "certs");
    if (options.ca !== undefined) await writeFile(path.join(certificates, "ca.crt"), options.ca);
    return { "/var/run/secrets/kfp": secrets, "/etc/kfp/launcher-config": config, "/kfp/certs": certificates };
  };

  return {
    async drive({ options: driver, signal }) {
      const pod = await mkdtemp(path.join(options.folder, "driver-"));
      const outputs = await openFolder(pod, "outputs");
      const ended = await runContainer(containers, {
        image: images.driver,
        command: ["driver", ...driverArguments(inFolder(driver, outputsFolder), serverOf(driver, options.server))],
        env: { KFP_POD_NAME: driver.pod.name, KFP_POD_UID: driver.pod.uid, NAMESPACE: driver.namespace },
        volumes: { [outputsFolder]: outputs },
        readOnlyVolumes: await mounts(pod),
        ...driverLimits,
        signal,
      });
      if (ended.code !== 0) throw new Error(`the driver ended with ${String(ended.code)}: ${ended.stderr.trim()}`);
      const result = await readDriverFiles(nodeFileSystem, inFolder(driver, outputs));
      await rm(pod, { recursive: true, force: true });
      return result;
    },

    async launch({ patch, pod: identity, place, retryIndex, signal }) {
      const pod = await mkdtemp(path.join(options.folder, "pod-"));
      const launcher = options.launcherFolder ?? (await openFolder(pod, "kfp-launcher"));
      if (options.launcherFolder === undefined) await copyLauncher(containers, images, launcher);
      const [container] = patch.containers;
      const { argv, environment } = podCommand(container, podIdentityFields(identity));
      const volumes: Record<string, string> = { "/kfp-launcher": launcher };
      for (const inside of emptyFolders) volumes[inside] = await openFolder(pod, inside.slice(1));
      const main: MainContainer = {
        argv,
        env: {
          ...options.env,
          ...environment,
          ...(retryIndex === undefined ? {} : { KFP_RETRY_INDEX: String(retryIndex) }),
        },
        volumes,
        readOnlyVolumes: await mounts(pod),
        signal,
      };
      const run =
        options.runMain ??
        (({ argv: command, ...rest }: MainContainer) =>
          runContainer(containers, { image: options.image(container.image ?? ""), command, ...rest, ...options.main }));
      const ended = await run(main);
      options.onMainEnd?.(place.scopePath, ended);
      await rm(pod, { recursive: true, force: true });
      return { exitCode: ended.code };
    },

    async importArtifact({ argv, pod: identity, place, signal }) {
      const pod = await mkdtemp(path.join(options.folder, "importer-"));
      const ended = await runContainer(containers, {
        image: images.launcher,
        command: ["launcher-v2", ...argv],
        env: { ...options.env, KFP_POD_NAME: identity.name, KFP_POD_UID: identity.uid, NAMESPACE: identity.namespace },
        readOnlyVolumes: await mounts(pod),
        ...driverLimits,
        signal,
      });
      options.onMainEnd?.(place.scopePath, ended);
      await rm(pod, { recursive: true, force: true });
      return { exitCode: ended.code };
    },
  };
}

/** The init container of a step's pod. @throws When it does not end well. */
export async function copyLauncher(
  containers: Containers,
  images: RuntimeImages,
  volume: string,
  limits: Partial<ContainerOptions> = initLimits,
): Promise<void> {
  const command = ["launcher-v2", "--copy", "/kfp-launcher/launch"];
  const ended = await runContainer(containers, {
    image: images.launcher,
    command,
    volumes: { "/kfp-launcher": volume },
    ...limits,
  });
  if (ended.code !== 0 || ended.stderr !== "")
    throw new Error(`the copy ended with ${String(ended.code)}: ${ended.stderr.trim()}`);
}

/** An emptyDir: anybody may write. */
export async function openFolder(parent: string, name: string): Promise<string> {
  const folder = path.join(parent, name);
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o777);
  return folder;
}

function serverOf(driver: DriverOptions, server: PodExecutorOptions["server"]): PodExecutorOptions["server"] {
  return driver.type === "CONTAINER" ? driver.apiServer : server;
}

/** The same output files in another folder. */
function inFolder<T extends DriverOptions>(driver: T, folder: string): T {
  const moved = Object.entries(driver).map(([name, value]: [string, unknown]) => [
    name,
    name.endsWith("Path") && typeof value === "string" ? path.join(folder, path.basename(value)) : value,
  ]);
  return Object.fromEntries(moved) as T;
}
