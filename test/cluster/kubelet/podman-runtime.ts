/**
 * Containers by podman's command line, on the host's network, which is that of the test cluster.
 *
 * @module
 */
import { execFile, spawn } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { exists } from "../../../src/node/files/path-kind.ts";
import type { ContainerRequest, ContainerRuntime, ImageFacts } from "./container-runtime.ts";

export interface PodmanOptions {
  /** Command line without what to do, such as `podman --runtime runc`. */
  readonly words: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  /** Image that is taken for the one a pod names; the name itself where there is none. */
  readonly images: ReadonlyMap<string, string>;
  /** Names that lead to this machine's loopback, as names of services do on a cluster. */
  readonly hosts: readonly string[];
  /** On every container: to find what a killed test has left. */
  readonly label: string;
  /** Control group that a container's own is made in, by the container's name; default: podman's. */
  readonly cgroupParent?: (name: string) => string | undefined;
}

/** Exit codes with which podman itself may have ended, or a process may have been killed. */
const AMBIGUOUS_CODES = new Set([125, 126, 127, 137]);
const CONTROL_TIMEOUT_MS = 120_000;
/** podman writes the file of a container's process when it has started. */
const START_POLL_MS = 50;

export function podmanRuntime(options: PodmanOptions): ContainerRuntime {
  const [podman, ...start] = options.words;
  const environment = { ...process.env, ...options.env };
  const facts = new Map<string, ImageFacts>();
  const imageOf = (image: string): string => options.images.get(image) ?? image;

  const control = async (args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> => {
    const command = promisify(execFile)(podman, [...start, ...args], { env: environment, timeout: CONTROL_TIMEOUT_MS });
    return await command.then(
      (output) => ({ code: 0, ...output }),
      (error: Error & { code?: unknown; stdout?: string; stderr?: string }) => ({
        code: typeof error.code === "number" ? error.code : 125,
        stdout: error.stdout ?? "",
        stderr: error.stderr ?? error.message,
      }),
    );
  };

  /** Why a container has never run; undefined when it has. */
  const startProblemOf = async (name: string): Promise<string | undefined> => {
    const { code, stdout, stderr } = await control(["inspect", "--type", "container", "--format", "{{json .State}}", name]);
    if (code !== 0) return stderr.trim();
    const state = JSON.parse(stdout) as { Status: string; Error: string };
    if (state.Status === "exited" || state.Status === "stopped") return undefined;
    return state.Error === "" ? `the container is ${state.Status}` : state.Error;
  };

  return {
    async findImage(image) {
      const known = facts.get(image);
      if (known !== undefined) return known;
      const { code, stdout } = await control(["image", "inspect", "--format", "{{.User}}", imageOf(image)]);
      if (code !== 0) return undefined;
      const found = { user: stdout.trim() };
      facts.set(image, found);
      return found;
    },

    async run(request, onStarted) {
      const log = openSync(request.logFile, "a");
      const folder = await mkdtemp(path.join(tmpdir(), "kfp-runtime-container-"));
      const pidFile = path.join(folder, "pid");
      const child = spawn(podman, [...start, ...runArguments(request, options, imageOf(request.image), pidFile)], {
        env: { ...environment, ...request.env, ...keptVariables(environment) },
        stdio: ["ignore", log, log],
        cwd: folder,
      });
      closeSync(log);
      const looking = setInterval(() => {
        if (!existsSync(pidFile)) return;
        clearInterval(looking);
        onStarted();
      }, START_POLL_MS);
      const exitCode = await new Promise<number>((resolve) => {
        child.once("error", () => resolve(125));
        child.once("close", (code) => resolve(code ?? 125));
      });
      clearInterval(looking);
      // The monitor of a container leaves this file where it was started; podman 4 looks for it elsewhere.
      const isOutOfMemory = await exists(path.join(folder, "oom"));
      await rm(folder, { recursive: true, force: true });
      const startProblem = AMBIGUOUS_CODES.has(exitCode) ? await startProblemOf(request.name) : undefined;
      return { exitCode, isOutOfMemory, ...(startProblem === undefined ? {} : { startProblem }) };
    },

    async signal(name, signal) {
      // It may not have started yet, or have ended already.
      for (let attempt = 0; attempt < 5; attempt += 1) {
        const { code, stderr } = await control(["kill", "--signal", signal, name]);
        if (code === 0 || !/no such container|created|initialized|configured/i.test(stderr)) return;
        await new Promise((resolve) => setTimeout(resolve, 1000));
      }
    },

    exec: async (name, command) => await control(["exec", name, ...command]),

    async remove(names) {
      // By tens: a command line has its limits, and so has the time of one command.
      for (let at = 0; at < names.length; at += 10)
        await control(["rm", "--force", "--ignore", "--time", "0", ...names.slice(at, at + 10)]);
    },
  };
}

/** Names that podman's own program reads: their values stand on the command line. */
const PODMAN_VARIABLES =
  /^(PATH|HOME|USER|TMPDIR|PWD|SHELL|SSL_CERT_(FILE|DIR)|(https?|no|all)_proxy|(CONTAINER|CONTAINERS|PODMAN|STORAGE|REGISTRY|XDG|LD|DBUS)_?.*)$/i;

/** Variables of podman itself are not those of the container. */
function keptVariables(environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && PODMAN_VARIABLES.test(entry[0]),
    ),
  );
}

function runArguments(
  request: ContainerRequest,
  { hosts, label, cgroupParent }: PodmanOptions,
  image: string,
  pidFile: string,
): string[] {
  const { name, command, args = [], env, mounts, user, group, workingDir, memoryBytes, cpus, processesOf } = request;
  const [entry, ...rest] = command ?? [];
  const parent = cgroupParent?.(name);
  return [
    ...[
      "run",
      "--name",
      name,
      "--pidfile",
      pidFile,
      "--label",
      label,
      "--pull",
      "never",
      "--log-driver",
      "none",
      "--http-proxy=false",
    ],
    ...["--network", "host", "--ulimit", "nofile=1000:1000", "--ulimit", "nproc=1000:1000"],
    ...hosts.flatMap((host) => ["--add-host", `${host}:127.0.0.1`]),
    ...(request.dropsAllCapabilities ? ["--cap-drop", "ALL"] : []),
    ...(request.noNewPrivileges ? ["--security-opt", "no-new-privileges"] : []),
    ...(request.readOnlyRoot ? ["--read-only", "--read-only-tmpfs=false"] : []),
    ...(parent === undefined ? [] : ["--cgroup-parent", parent]),
    ...(user === undefined ? [] : ["--user", group === undefined ? String(user) : `${String(user)}:${String(group)}`]),
    ...(workingDir === undefined ? [] : ["--workdir", workingDir]),
    ...(memoryBytes === undefined ? [] : ["--memory", String(memoryBytes), "--memory-swap", String(memoryBytes)]),
    ...(cpus === undefined ? [] : ["--cpus", String(cpus)]),
    ...(processesOf === undefined ? [] : ["--pid", `container:${processesOf}`]),
    // Paths may hold colons, as those of model images do, which --volume takes for the end of a path.
    ...mounts.flatMap(({ inside, outside, readOnly }) => [
      "--mount",
      `type=bind,source=${outside},target=${inside}${readOnly ? ",ro=true" : ""}`,
    ]),
    ...Object.entries(env).flatMap(([variable, value]) => [
      "--env",
      PODMAN_VARIABLES.test(variable) ? `${variable}=${value}` : variable,
    ]),
    ...(entry === undefined ? [] : ["--entrypoint", JSON.stringify([entry])]),
    image,
    ...rest,
    ...args,
  ];
}
