/**
 * Runs drivers, launchers and importers of a run as processes: the built programs with the flags and environment of a compiled
 * workflow. A test watches every program and disturbs it.
 *
 * @module
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { driverArguments } from "../../src/driver/driver-arguments.ts";
import type { DriverOptions } from "../../src/driver/options.ts";
import { readDriverFiles } from "../../src/local/executors/driver-files.ts";
import { podCommand, podIdentityFields } from "../../src/local/engine/pod-command.ts";
import type { TaskExecutor } from "../../src/local/engine/task-executor.ts";
import { nodeFileSystem } from "../../src/node/node-file-system.ts";
import type { Programs } from "./built-programs.ts";

export interface ProgramEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that was started. */
export class RunningProgram {
  readonly child: ChildProcess;
  /** Resolves once it has ended and its output is read. */
  readonly ended: Promise<ProgramEnd>;
  #stdout = "";
  #stderr = "";
  #over = false;

  constructor(command: string, args: readonly string[], env: Readonly<Record<string, string>>) {
    this.child = spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe"] });
    this.child.stdout?.on("data", (chunk: Buffer) => (this.#stdout += chunk.toString()));
    this.child.stderr?.on("data", (chunk: Buffer) => (this.#stderr += chunk.toString()));
    this.ended = once(this.child, "close").then(([code, signal]: unknown[]) => {
      this.#over = true;
      return {
        code: code as number | null,
        signal: signal as NodeJS.Signals | null,
        stdout: this.#stdout,
        stderr: this.#stderr,
      };
    });
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** Waits until it has written a text for the `times`-th time, on either stream. @throws When it ends before. */
  async says(text: string, times = 1): Promise<void> {
    const count = () => `${this.#stdout}\n${this.#stderr}`.split(text).length - 1;
    while (count() < times) {
      if (this.#over) throw new Error(`it ended without saying "${text}" ${String(times)} times: ${this.#stderr}`);
      const { stdout, stderr } = this.child;
      if (stdout === null || stderr === null) throw new Error("its output is not read");
      const next = new AbortController();
      await Promise.race([once(stdout, "data", next), once(stderr, "data", next), this.ended]);
      next.abort();
    }
  }
}

export interface StartedProgram {
  readonly kind: "driver" | "launcher" | "importer";
  readonly scopePath: string;
  readonly start: () => RunningProgram;
}

export interface ProgramExecutorOptions {
  readonly programs: Programs;
  readonly server: { readonly address: string; readonly port: string };
  /** Variables of every program besides its own. */
  readonly env?: Readonly<Record<string, string>>;
  /** Starts the program and sees it through. */
  readonly run: (program: StartedProgram) => Promise<ProgramEnd>;
}

export function createProgramExecutor(options: ProgramExecutorOptions): TaskExecutor {
  const { programs, server, run } = options;
  const file = (name: string): string => path.join(programs.bin, name);
  const env = (more: Readonly<Record<string, string>>) => ({ ...programEnvironment(), ...options.env, ...more });
  return {
    async drive({ place: { scopePath }, options: driver }) {
      mkdirSync(path.dirname(driver.conditionPath), { recursive: true });
      const start = () => startDriver(programs, driver, server, options.env);
      const ended = await run({ kind: "driver", scopePath, start });
      if (ended.code !== 0) throw new Error(`the driver of ${scopePath} ended with ${String(ended.code)}: ${ended.stderr}`);
      return await readDriverFiles(nodeFileSystem, driver);
    },
    async launch({ place: { scopePath }, patch, pod, retryIndex }) {
      const { argv, environment } = podCommand(patch.containers[0], podIdentityFields(pod));
      const variables = { ...environment, ...(retryIndex === undefined ? {} : { KFP_RETRY_INDEX: String(retryIndex) }) };
      const start = () => new RunningProgram(file("launcher-v2"), argv.slice(1), env(variables));
      const { code } = await run({ kind: "launcher", scopePath, start });
      return { exitCode: code ?? 1 };
    },
    async importArtifact({ place: { scopePath }, argv, pod }) {
      const variables = { KFP_POD_NAME: pod.name, KFP_POD_UID: pod.uid, NAMESPACE: pod.namespace };
      const start = () => new RunningProgram(file("launcher-v2"), argv, env(variables));
      const { code } = await run({ kind: "importer", scopePath, start });
      return { exitCode: code ?? 1 };
    },
  };
}

/** Starts one driver as a process. */
export function startDriver(
  { bin }: Programs,
  driver: DriverOptions,
  server: { readonly address: string; readonly port: string },
  env: Readonly<Record<string, string>> = {},
): RunningProgram {
  const pod = { KFP_POD_NAME: driver.pod.name, KFP_POD_UID: driver.pod.uid, NAMESPACE: driver.namespace };
  return new RunningProgram(path.join(bin, "driver"), driverArguments(driver, server), {
    ...programEnvironment(),
    ...env,
    ...pod,
  });
}

/** Of this machine: the Node of the tests is first on the PATH, nobody authenticates. */
export function programEnvironment(): Record<string, string> {
  const { PATH: searchPath = "", HOME: home = "/tmp" } = process.env;
  return { PATH: `${path.dirname(process.execPath)}:${searchPath}`, HOME: home, KFP_TOKEN_PATH: "" };
}
