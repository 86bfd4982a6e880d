/**
 * Real containers for tests: the engine that works here, the images of this tree, and one container run to its end under limits.
 *
 * @module
 */
import { execFile, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { findEngine, hasImage, probeImage, runEngine, type ContainerEngine } from "../../scripts/lib/container-engine.mjs";
import { provideBaseImages } from "./base-images.ts";
import { root } from "./probe.ts";
import { skipUnless } from "./skip.ts";
import { takeTurns } from "./turns.ts";

export interface Containers {
  readonly engine: ContainerEngine;
  /** Command line up to and with `run`. */
  readonly run: readonly [string, ...string[]];
}

export interface ContainerOptions {
  readonly image: string;
  /** First word replaces the image's entry point; absent, the image's own entry point and command run. */
  readonly command?: readonly string[];
  readonly name?: string;
  /** Numeric; absent: the image's. */
  readonly user?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Path in the container to path here. */
  readonly volumes?: Readonly<Record<string, string>>;
  /** Paths that are mounted read-only. */
  readonly readOnlyVolumes?: Readonly<Record<string, string>>;
  readonly cpus?: number;
  /** As the engine spells it, such as `256m`. */
  readonly memory?: string;
  readonly readOnly?: boolean;
  readonly signal?: AbortSignal;
  readonly onOutput?: (chunk: Buffer, stream: "stdout" | "stderr") => void;
}

export interface ContainerEnd {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What Kubernetes' restricted pods have, and limits the runtime needs where this process cannot raise its own. */
const security = [
  ...["--network", "host", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"],
  ...["--ulimit", "nofile=1000:1000", "--ulimit", "nproc=1000:1000"],
];

const runners: Record<ContainerEngine["name"], [string, ...string[]][]> = {
  docker: [["docker"]],
  podman: [["podman"], ["podman", "--runtime", "runc", "--cgroup-manager", "cgroupfs"]],
  buildah: [["podman"], ["podman", "--runtime", "runc", "--cgroup-manager", "cgroupfs"]],
};

let found: Containers | undefined;
let searched = false;

/** @returns Undefined, and the reason said once, where no limited container can be built and run. */
export function findContainers(): Containers | undefined {
  if (searched) return found;
  searched = true;
  const { engine, reasons } = findEngine();
  if (engine === undefined) {
    skipUnless(false, `containers: no engine builds an image here (${reasons.at(-1) ?? "none was found"})`);
    return undefined;
  }
  const limits = ["--rm", "--memory", "64m", "--cpus", "0.5", "--read-only", "--user", "65532", ...security];
  for (const start of runners[engine.name]) {
    const [command, ...args] = start;
    const probe = spawnSync(command, [...args, "run", ...limits, probeImage], {
      env: { ...process.env, ...engine.env },
      timeout: 60_000,
      encoding: "utf8",
    });
    if (probe.status === 0) return (found = { engine, run: [...start, "run"] });
  }
  skipUnless(
    false,
    `containers: ${engine.name} builds images here, but no container runs under limits (podman and runc are needed)`,
  );
  return undefined;
}

/** Runs a container to its end; never throws for an exit code. */
export function runContainer({ engine, run }: Containers, options: ContainerOptions): Promise<ContainerEnd> {
  const [command, ...start] = run;
  const [entry, ...args] = options.command ?? [];
  const mounts = (volumes: Readonly<Record<string, string>> = {}, mode = "") =>
    Object.entries(volumes).flatMap(([inside, outside]) => ["-v", `${outside}:${inside}${mode}`]);
  const line = [
    ...start,
    ...["--rm", ...security],
    ...(engine.name === "docker" ? [] : ["--http-proxy=false", "--log-driver", "none"]),
    ...(options.name === undefined ? [] : ["--name", options.name]),
    ...(options.cpus === undefined ? [] : ["--cpus", String(options.cpus)]),
    ...(options.memory === undefined ? [] : ["--memory", options.memory]),
    ...(options.readOnly === true ? ["--read-only"] : []),
    ...(options.user === undefined ? [] : ["--user", String(options.user)]),
    ...Object.entries(options.env ?? {}).flatMap(([name, value]) => ["-e", `${name}=${value}`]),
    ...mounts(options.volumes),
    ...mounts(options.readOnlyVolumes, ":ro"),
    ...(entry === undefined ? [] : ["--entrypoint", JSON.stringify([entry])]),
    options.image,
    ...args,
  ];
  return new Promise((resolve, reject) => {
    const child = spawn(command, engine.name === "docker" && entry !== undefined ? dockerEntry(line, entry) : line, {
      env: { ...process.env, ...engine.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const texts = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"] as const) {
      child[stream].on("data", (chunk: Buffer) => {
        texts[stream] += chunk.toString();
        options.onOutput?.(chunk, stream);
      });
    }
    const stop = () => child.kill("SIGTERM");
    options.signal?.addEventListener("abort", stop, { once: true });
    child.once("error", reject);
    child.once("close", (code) => {
      options.signal?.removeEventListener("abort", stop);
      resolve({ code: code ?? 255, ...texts });
    });
  });
}

/** docker takes one word, podman a list in JSON. */
function dockerEntry(line: readonly string[], entry: string): string[] {
  return line.map((word, index) => (line[index - 1] === "--entrypoint" ? entry : word));
}

/** Sends a signal to the first process of a running container. */
export function signalContainer({ engine, run }: Containers, name: string, signal: string): void {
  const control = run.slice(0, -1);
  const [command = "podman", ...args] = control;
  spawnSync(command, [...args, "kill", "--signal", signal, name], { env: { ...process.env, ...engine.env } });
}

export interface RuntimeImages {
  readonly driver: string;
  readonly launcher: string;
}

const repository = "localhost/kfp-runtime-test";

/**
 * The images of this very tree; built when its content has changed, and kept for the next run.
 *
 * @returns A line that says why there are none where the network does not reach what a build needs.
 * @throws When the build itself fails.
 */
export async function provideImages({ engine }: Containers): Promise<RuntimeImages | { readonly missing: string }> {
  const tag = hashContext();
  const images = { driver: `${repository}/driver:${tag}`, launcher: `${repository}/launcher:${tag}` };
  const release = await takeTurns(path.join(tmpdir(), "kfp-runtime-images.lock"));
  try {
    if (Object.values(images).every((image) => hasImage(engine, image))) return images;
    const problem = provideBaseImages(engine);
    if (problem !== undefined) return { missing: problem };
    removeOldImages(engine);
    const args = [path.join(root, "scripts/images.mjs"), "--engine", engine.name, "--repository", repository, "--tag", tag];
    await promisify(execFile)(process.execPath, args, { timeout: 900_000, maxBuffer: 1 << 26 });
    return images;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const unreachable =
      /^.*(EAI_AGAIN|ENOTFOUND|ECONNREFUSED|ETIMEDOUT|Temporary failure|Could not resolve|Failed to fetch).*$/m.exec(text);
    if (unreachable === null) throw error;
    return { missing: `the build reaches no package registry: ${unreachable[0].trim()}` };
  } finally {
    release();
  }
}

/** Of every file that an image is made of. */
function hashContext(): string {
  const hash = createHash("sha256");
  const inputs = readFileSync(path.join(root, ".dockerignore"), "utf8").match(/(?<=^!).+$/gm) ?? [];
  const files = inputs.flatMap((name) =>
    statSync(path.join(root, name)).isDirectory()
      ? readdirSync(path.join(root, name), { recursive: true, encoding: "utf8" }).map((file) => path.join(name, file))
      : [name],
  );
  for (const file of ["Dockerfile.driver", "Dockerfile.launcher", ...files.toSorted()]) {
    const place = path.join(root, file);
    if (statSync(place).isFile()) hash.update(`${file}\0`).update(readFileSync(place)).update("\0");
  }
  return hash.digest("hex").slice(0, 16);
}

function removeOldImages(engine: ContainerEngine): void {
  if (engine.name === "buildah") return;
  const listed = runEngine(engine, ["images", "--format", "{{.Repository}}:{{.Tag}}"]).split("\n");
  const old = listed.filter((image) => image.startsWith(`${repository}/`));
  if (old.length > 0) spawnSync(engine.name, ["rmi", ...old], { env: { ...process.env, ...engine.env }, stdio: "ignore" });
}
