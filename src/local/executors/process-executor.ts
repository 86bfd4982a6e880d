/**
 * Runs drivers and launchers as processes of their own: the built programs with the flags, files and environment of a compiled
 * workflow.
 *
 * @module
 */
import type { ApiServerFlags } from "../../core/api-server-flags.ts";
import { mkdir } from "node:fs/promises";
import { constants } from "node:os";
import { dirname } from "node:path";
import { HostError, SpecError } from "../../core/errors.ts";
import { driverArguments } from "../../driver/driver-arguments.ts";
import type { DriverResult } from "../../driver/result.ts";
import type { FileSystem } from "../../ports/file-system.ts";
import type { OutputSink } from "../../ports/process-runner.ts";
import { readDriverFiles } from "./driver-files.ts";
import { runProgram } from "../steps/run-program.ts";
import { LineSink } from "../steps/step-output.ts";
import type { StepRuntime } from "../steps/step-runtime.ts";
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

/**
 * Drivers and launchers as processes, each in a process group of its own.
 *
 * A driver that fails throws what it said last; a program that cannot be started throws {@link HostError} FILE_WRITE_FAILED or
 * {@link ResolveError} ARGUMENT_TOO_LARGE.
 */
export function createProcessExecutor(options: ProcessExecutorOptions): TaskExecutor {
  const { programFolder, graceMs, workingFolder } = options;
  const launcher = { program: `${programFolder}/launcher-v2`, graceMs, workingFolder };
  return {
    async drive({ options: driverOptions, place, signal }: DriveRequest): Promise<DriverResult> {
      await mkdir(dirname(driverOptions.conditionPath), { recursive: true });
      const lines = new LastLines(options.log);
      const exitCode = await runProgram({
        ...{ program: `${programFolder}/driver`, graceMs, workingFolder },
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
        const exitCode = await runProgram({ ...launcher, ...step, signal: request.signal });
        await step.assertBegun?.(exitCode);
        return { exitCode };
      } finally {
        await step.end();
      }
    },

    async importArtifact(request: ImportRequest): Promise<LaunchOutcome> {
      const importer = await options.steps.importer(request);
      const { argv, signal } = request;
      try {
        return { exitCode: await runProgram({ ...launcher, ...importer, argv, signal }) };
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
function driverFailure(exitCode: number, text: string): SpecError | HostError {
  const lines = text.trim().split("\n");
  const logged = lines.flatMap((line) => /^ERROR \S+ driver failed: (.*?)(?: code=\S+)?$/.exec(line)?.[1] ?? []).at(-1);
  const said =
    lines.flatMap((line) => /^driver: (.*)$/.exec(line)?.[1] ?? []).at(-1) ?? lines.find((line) => /^\w*Error\b.*: /.test(line));
  const reason = logged?.replaceAll("\\n", "\n").replaceAll("\\t", "\t") ?? said;
  if (reason !== undefined) return new SpecError("SPEC_INVALID", reason);
  const signal = Object.entries(constants.signals).find(([, number]) => number === exitCode - 128)?.[0];
  return signal === undefined
    ? new SpecError("SPEC_INVALID", `driver ended with exit code ${exitCode}`)
    : new HostError("INTERRUPTED", `driver was ended by ${signal}`, { details: { signal } });
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
