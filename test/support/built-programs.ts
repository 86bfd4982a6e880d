/**
 * The built programs for end-to-end tests: dist where it is up to date, else a build of the present sources in the cache.
 *
 * @module
 */
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { existsSync, readFileSync, renameSync, rmSync } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import path from "node:path";
import type { Readable, Writable } from "node:stream";
import { root, runScript } from "./probe.ts";

export interface Programs {
  /** Folder with `driver`, `launcher-v2` and `kfp-runtime`. */
  readonly bin: string;
}

/** Builds if need be. Several test files may ask at the same time. */
export async function builtPrograms(): Promise<Programs> {
  const { hashBuildInputs } = (await import(path.join(root, "scripts/lib/project.mjs"))) as { hashBuildInputs: () => string };
  const inputs = hashBuildInputs();
  for (const dist of [path.join(root, "dist"), path.join(cacheFolder(), inputs.slice(0, 16))]) {
    if (isBuildOf(dist, inputs)) return { bin: path.join(dist, "bin") };
  }
  await mkdir(cacheFolder(), { recursive: true });
  const kept = path.join(cacheFolder(), inputs.slice(0, 16));
  const making = `${kept}.${String(process.pid)}`;
  const built = await runScript("build.mjs", ["--out", making, "--no-code-cache"]);
  if (built.code !== 0) throw new Error(`the build failed: ${built.stderr}`);
  for (const old of await readdir(cacheFolder())) {
    // Whoever else is building right now has a name with its process in it.
    if (!old.includes(".") && old !== path.basename(kept))
      rmSync(path.join(cacheFolder(), old), { recursive: true, force: true });
  }
  try {
    renameSync(making, kept);
  } catch {
    rmSync(making, { recursive: true, force: true });
  }
  return { bin: path.join(kept, "bin") };
}

function cacheFolder(): string {
  return path.join(root, "node_modules/.cache/kfp-runtime-tests/dist");
}

function isBuildOf(dist: string, inputs: string): boolean {
  const meta = path.join(dist, "meta.json");
  if (!existsSync(meta) || !existsSync(path.join(dist, "bin/kfp-runtime"))) return false;
  return (JSON.parse(readFileSync(meta, "utf8")) as { inputs?: string }).inputs === inputs;
}

export interface CliRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd: string;
  /** What standard input holds; empty where it is absent. */
  readonly stdin?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  /** Called with every addition to stderr and a function that sends a signal. */
  readonly onStderr?: (stderr: string, signal: (name: NodeJS.Signals) => void) => void;
  /** The same for standard output. */
  readonly onStdout?: (stdout: string, signal: (name: NodeJS.Signals) => void) => void;
  /** Presses Ctrl-C. */
  readonly signal?: AbortSignal;
  /** A program, with its arguments, that becomes this one. */
  readonly through?: readonly string[];
}

/** Runs `kfp-runtime` to its end, with the Node of the tests first on the PATH. */
export async function runCli({ bin }: Programs, args: readonly string[], options: CliOptions): Promise<CliRun> {
  const { PATH: searchPath = "" } = process.env;
  const [command = "", ...words] = [...(options.through ?? []), path.join(bin, "kfp-runtime"), ...args];
  const child = spawn(command, words, {
    cwd: options.cwd,
    env: { ...process.env, PATH: `${path.dirname(process.execPath)}:${searchPath}`, NO_COLOR: "1", ...options.env },
    stdio: [options.stdin === undefined ? "ignore" : "pipe", "pipe", "pipe"],
  }) as ChildProcessByStdio<Writable | null, Readable, Readable>;
  // A program that ends early closes its end.
  child.stdin?.on("error", () => undefined).end(options.stdin);
  let stdout = "";
  let stderr = "";
  options.signal?.addEventListener("abort", () => child.kill("SIGINT"));
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
    options.onStdout?.(stdout, (name) => child.kill(name));
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
    options.onStderr?.(stderr, (name) => child.kill(name));
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return { code, stdout, stderr };
}
