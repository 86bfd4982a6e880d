/**
 * The command line that runs one container.
 *
 * Values of variables do not stand in it, where everybody on the machine could read them: the engine takes them from its own
 * environment. Only those that would change the engine itself do.
 *
 * @module
 */
import type { ContainerEngine } from "./container-engine.ts";
import type { FolderMount } from "../pods/pod-folders.ts";

/** One container of a step. */
export interface ContainerRequest {
  readonly name: string;
  /** To find what was left running. */
  readonly labels: Readonly<Record<string, string>>;
  readonly image: string;
  /** The first word replaces the entry point of the image. Empty: the image's own command. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly mounts: readonly FolderMount[];
  /** Paths that lie in memory, with their limit in bytes where there is one. */
  readonly memoryMounts: readonly { readonly path: string; readonly sizeBytes?: number }[];
  /** Network of this machine: where the API server is. */
  readonly sharesNetwork: boolean;
  readonly user?: string;
  readonly workingDirectory?: string;
  readonly cpus?: number;
  readonly memoryBytes?: number;
}

/** What to start, and the variables the engine takes for the container out of its own environment. */
export interface ContainerCommand {
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** Names that the engine's own program reads. */
const ENGINE_VARIABLES =
  /^(PATH|HOME|USER|TMPDIR|PWD|SHELL|SSL_CERT_(FILE|DIR)|(https?|no|all)_proxy|(DOCKER|CONTAINER|CONTAINERS|PODMAN|BUILDAH|STORAGE|REGISTRY|XDG|LD|DBUS)_?.*)$/i;

/** The command of the engine that runs the container in the foreground and removes it. */
export function containerCommand({ words, kind, runOptions }: ContainerEngine, request: ContainerRequest): ContainerCommand {
  const { name, labels, image, environment, mounts, memoryMounts, user, workingDirectory, cpus, memoryBytes } = request;
  const [entry, ...args] = request.command;
  const passed = Object.entries(environment).filter(([variable]) => !ENGINE_VARIABLES.test(variable));
  const spelled = Object.entries(environment).filter(([variable]) => ENGINE_VARIABLES.test(variable));
  const argv = [
    ...words,
    ...["run", "--rm", "--pull=never", "--name", name, "--log-driver", "none"],
    ...(kind === "podman" ? ["--http-proxy=false", "--security-opt", "label=disable"] : []),
    ...(request.sharesNetwork ? ["--network", "host"] : []),
    ...Object.entries(labels).flatMap(([key, value]) => ["--label", `${key}=${value}`]),
    ...(user === undefined ? [] : ["--user", user]),
    ...(workingDirectory === undefined ? [] : ["--workdir", workingDirectory]),
    ...(cpus === undefined ? [] : ["--cpus", String(cpus)]),
    ...(memoryBytes === undefined ? [] : ["--memory", String(memoryBytes)]),
    ...mounts.flatMap(({ source, path, readOnly }) => [
      "--mount",
      ["type=bind", `source=${source}`, `target=${path}`, ...(readOnly ? ["readonly"] : [])].map(csvField).join(","),
    ]),
    ...memoryMounts.flatMap(({ path, sizeBytes }) => [
      "--mount",
      ["type=tmpfs", `target=${path}`, ...(sizeBytes === undefined ? [] : [`tmpfs-size=${String(sizeBytes)}`])]
        .map(csvField)
        .join(","),
    ]),
    ...passed.flatMap(([variable]) => ["--env", variable]),
    ...spelled.flatMap(([variable, value]) => ["--env", `${variable}=${value}`]),
    ...(entry === undefined ? [] : ["--entrypoint", entry]),
    ...runOptions,
    image,
    ...args,
  ];
  return { argv, environment: Object.fromEntries(passed) };
}

/** Both engines read a mount as a line of CSV. */
function csvField(text: string): string {
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
