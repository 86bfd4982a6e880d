/**
 * Runs drivers and launchers as processes of their own: the built programs with the flags, files and environment of a compiled
 * workflow.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { constants } from "node:os";
import { dirname } from "node:path";
import { adviceForLargeArguments, findOversizedArgument } from "../core/argument-size.ts";
import { HostError, ResolveError, SpecError } from "../core/errors.ts";
import { driverArguments } from "../driver/driver-arguments.ts";
import type { DriverResult } from "../driver/result.ts";
import { argumentLimitBytes } from "../node/argument-limit.ts";
import type { FileSystem } from "../ports/file-system.ts";
import type { OutputSink } from "../ports/process-runner.ts";
import { readDriverFiles } from "./driver-files.ts";
import type { StepRuntime } from "./step-runtime.ts";
import type { DriveRequest, ImportRequest, LaunchOutcome, LaunchRequest, TaskExecutor } from "./task-executor.ts";

export interface ProcessExecutorOptions {
  /** Folder with the programs `driver` and `launcher-v2`. */
  readonly programFolder: string;
  readonly server: { readonly address: string; readonly port: string };
  readonly files: FileSystem;
  readonly steps: StepRuntime;
  /** Milliseconds between asking a process to end and ending it. */
  readonly graceMs: number;
}

interface ProgramRun {
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly stdout: OutputSink;
  readonly stderr: OutputSink;
  readonly signal: AbortSignal;
}

export function createProcessExecutor(options: ProcessExecutorOptions): TaskExecutor {
  return {
    async drive({ options: driverOptions, place, signal }: DriveRequest): Promise<DriverResult> {
      await mkdir(dirname(driverOptions.conditionPath), { recursive: true });
      const lines = new LastLines();
      const exitCode = await runProgram(options, "driver", {
        argv: driverArguments(driverOptions, options.server),
        environment: {
          ...options.steps.driverEnvironment(place),
          KFP_POD_NAME: driverOptions.pod.name,
          KFP_POD_UID: driverOptions.pod.uid,
        },
        stdout: lines,
        stderr: lines,
        signal,
      });
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

    async importArtifact({ argv, place, signal, pod }: ImportRequest): Promise<LaunchOutcome> {
      const importer = options.steps.importer(place, pod);
      try {
        return { exitCode: await runProgram(options, "launcher-v2", { ...importer, argv, signal }) };
      } finally {
        await importer.end();
      }
    },
  };
}

/** The driver says in its last line why it failed; that line is the message, without level and time. */
function driverFailure(exitCode: number, text: string): SpecError {
  const last = text.trim().split("\n").at(-1) ?? "";
  const reason = /driver failed: (.*?)(?: code=\S+)?$/.exec(last)?.[1] ?? last;
  return new SpecError("SPEC_INVALID", reason === "" ? `driver ended with exit code ${exitCode}` : reason);
}

async function runProgram(options: ProcessExecutorOptions, program: "driver" | "launcher-v2", run: ProgramRun): Promise<number> {
  const path = `${options.programFolder}/${program}`;
  const argv = [path, ...run.argv];
  const oversized = findOversizedArgument(argv, argumentLimitBytes());
  if (oversized !== undefined) {
    throw new ResolveError("ARGUMENT_TOO_LARGE", `Cannot start ${program}: ${oversized}; ${adviceForLargeArguments()}`);
  }
  const child = spawn(path, run.argv, { env: run.environment, stdio: ["ignore", "pipe", "pipe"], detached: true });
  const ended = new Promise<number>((resolve, reject) => {
    child.once("error", (cause) => {
      reject(new HostError("FILE_WRITE_FAILED", `Cannot start ${path}: ${cause.message}; run "npm run build" first`, { cause }));
    });
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

/** Keeps the end of a driver's log for its error message; the log itself is a file where the environment says so. */
class LastLines implements OutputSink {
  #text = "";

  write(chunk: Uint8Array): void {
    this.#text = (this.#text + Buffer.from(chunk).toString("utf8")).slice(-16_384);
  }

  text(): string {
    return this.#text;
  }
}
