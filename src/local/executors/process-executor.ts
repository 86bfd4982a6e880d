/**
 * Runs drivers and launchers as processes of their own: the built programs with the flags, files and environment of a compiled
 * workflow.
 *
 * @module
 */
import type { ApiServerFlags } from "../../core/api-server-flags.ts";
import { spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { constants } from "node:os";
import { dirname } from "node:path";
import { adviceForLargeArguments, findOversizedArgument } from "../../core/executor/argument-size.ts";
import { errorMessage, HostError, ResolveError, SpecError } from "../../core/errors.ts";
import { driverArguments } from "../../driver/driver-arguments.ts";
import type { DriverResult } from "../../driver/result.ts";
import { argumentLimitBytes } from "../../node/argument-limit.ts";
import type { FileSystem } from "../../ports/file-system.ts";
import type { OutputSink } from "../../ports/process-runner.ts";
import { readDriverFiles } from "./driver-files.ts";
import { LineSink } from "../steps/step-output.ts";
import { withMounts } from "../steps/host-mounts.ts";
import type { StepRuntime } from "../steps/step-runtime.ts";
import type { FolderMount } from "../pods/pod-folders.ts";
import type { DriveRequest, ImportRequest, LaunchOutcome, LaunchRequest, TaskExecutor } from "../engine/task-executor.ts";

/** Where the programs lie, and what they are given. */
export interface ProcessExecutorOptions {
  /** Folder with the programs `driver` and `launcher-v2`. */
  readonly programFolder: string;
  readonly server: Pick<ApiServerFlags, "address" | "port">;
  readonly files: FileSystem;
  readonly steps: StepRuntime;
  /** For the lines of drivers: they go through here, so that the last one tells why a driver failed. */
  readonly log: { write(text: string): unknown };
  /** Milliseconds between asking a process to end and ending it. */
  readonly graceMs: number;
  /** Working folder of the programs; absent: that of this process. */
  readonly workingFolder?: string | undefined;
}

interface ProgramRun {
  readonly mounts?: readonly FolderMount[];
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly stdout: OutputSink;
  readonly stderr: OutputSink;
  readonly signal: AbortSignal;
}

/**
 * Drivers and launchers as processes, each in a process group of its own.
 *
 * A driver that fails throws what it said last; a program that cannot be started throws {@link HostError} FILE_WRITE_FAILED or
 * {@link ResolveError} ARGUMENT_TOO_LARGE.
 */
export function createProcessExecutor(options: ProcessExecutorOptions): TaskExecutor {
  return {
    async drive({ options: driverOptions, place, signal }: DriveRequest): Promise<DriverResult> {
      await mkdir(dirname(driverOptions.conditionPath), { recursive: true });
      const lines = new LastLines(options.log);
      const exitCode = await runProgram(options, "driver", {
        argv: driverArguments(driverOptions, options.server),
        environment: {
          ...options.steps.driverEnvironment(place),
          KFP_POD_NAME: driverOptions.pod.name,
          KFP_POD_UID: driverOptions.pod.uid,
          KFP_LOG_FILE: "",
          KFP_LOG_FORMAT: "text",
        },
        stdout: lines,
        stderr: lines,
        signal,
      });
      lines.end();
      if (exitCode !== 0) throw driverFailure(exitCode, lines.text());
      return readDriverFiles(options.files, driverOptions);
    },

    async launch(request: LaunchRequest): Promise<LaunchOutcome> {
      const step = await options.steps.prepare(request);
      try {
        return { exitCode: await runProgram(options, "launcher-v2", { ...step, signal: request.signal }) };
      } finally {
        await step.end();
      }
    },

    async importArtifact(request: ImportRequest): Promise<LaunchOutcome> {
      const importer = await options.steps.importer(request);
      const { argv, signal } = request;
      try {
        return { exitCode: await runProgram(options, "launcher-v2", { ...importer, argv, signal }) };
      } finally {
        await importer.end();
      }
    },
  };
}

/**
 * A driver says why it failed in a line of its log, or on standard error before it has one; that is the message, without level and
 * time. What crashed says it in the first line of its stack.
 */
function driverFailure(exitCode: number, text: string): SpecError {
  const lines = text.trim().split("\n");
  const logged = lines.flatMap((line) => /^ERROR \S+ driver failed: (.*?)(?: code=\S+)?$/.exec(line)?.[1] ?? []).at(-1);
  const said =
    lines.flatMap((line) => /^driver: (.*)$/.exec(line)?.[1] ?? []).at(-1) ?? lines.find((line) => /^\w*Error\b.*: /.test(line));
  const reason = logged?.replaceAll("\\n", "\n").replaceAll("\\t", "\t") ?? said;
  return new SpecError("SPEC_INVALID", reason ?? endedText(exitCode));
}

function endedText(exitCode: number): string {
  const signal = Object.entries(constants.signals).find(([, number]) => number === exitCode - 128)?.[0];
  return signal === undefined ? `driver ended with exit code ${exitCode}` : `driver was ended by ${signal}`;
}

function startError(path: string, cause: unknown): HostError {
  const advice = (cause as NodeJS.ErrnoException).code === "ENOENT" ? '; run "npm run build" first' : "";
  return new HostError("FILE_WRITE_FAILED", `Cannot start ${path}: ${errorMessage(cause)}${advice}`, { cause });
}

async function runProgram(options: ProcessExecutorOptions, program: "driver" | "launcher-v2", run: ProgramRun): Promise<number> {
  const path = `${options.programFolder}/${program}`;
  const argv = [path, ...run.argv];
  const oversized = findOversizedArgument(argv, argumentLimitBytes());
  if (oversized !== undefined) {
    throw new ResolveError("ARGUMENT_TOO_LARGE", `Cannot start ${program}: ${oversized}; ${adviceForLargeArguments()}`);
  }
  let child;
  try {
    const [command = path, ...words] = withMounts(run.mounts ?? [], argv);
    child = spawn(command, words, {
      env: run.environment,
      cwd: options.workingFolder,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
  } catch (error) {
    throw startError(path, error);
  }
  const ended = new Promise<number>((resolve, reject) => {
    child.once("error", (error) => reject(startError(path, error)));
    child.once("exit", (code, name) => resolve(name === null ? (code ?? 1) : 128 + constants.signals[name]));
  });
  const stop = (): void => {
    child.kill("SIGTERM");
    setTimeout(() => child.kill("SIGKILL"), options.graceMs).unref();
  };
  if (run.signal.aborted) stop();
  else run.signal.addEventListener("abort", stop, { once: true });
  const pump = async (stream: AsyncIterable<Uint8Array>, sink: OutputSink): Promise<void> => {
    for await (const chunk of stream) await sink.write(chunk);
  };
  try {
    const [exitCode] = await Promise.all([ended, pump(child.stdout, run.stdout), pump(child.stderr, run.stderr)]);
    return exitCode;
  } finally {
    run.signal.removeEventListener("abort", stop);
  }
}

/** Hands whole lines of a driver's log on, and keeps the end of it for the error message. */
class LastLines implements OutputSink {
  readonly #log: ProcessExecutorOptions["log"];
  readonly #lines: LineSink;
  #text = "";

  constructor(log: ProcessExecutorOptions["log"]) {
    this.#log = log;
    this.#lines = new LineSink((line) => this.#add(`${line}\n`));
  }

  write(chunk: Uint8Array): void {
    this.#lines.write(chunk);
  }

  end(): void {
    this.#lines.end();
  }

  text(): string {
    return this.#text;
  }

  #add(line: string): void {
    this.#log.write(line);
    this.#text = (this.#text + line).slice(-16_384);
  }
}
