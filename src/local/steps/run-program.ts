/**
 * Runs one program to its end, in a process group of its own, and asks it to end when it is to stop.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { basename } from "node:path";
import { adviceForLargeArguments, findOversizedArgument } from "../../core/executor/argument-size.ts";
import { errorMessage, HostError, ResolveError } from "../../core/errors.ts";
import { argumentLimitBytes } from "../../node/argument-limit.ts";
import { noteGroup } from "../../node/processes/started-groups.ts";
import type { OutputSink } from "../../ports/process-runner.ts";
import type { FolderMount } from "../pods/pod-folders.ts";
import { withMounts } from "./host-mounts.ts";

/** A program and what it gets. */
export interface ProgramRun {
  /** Path, or a name to be found on the PATH. */
  readonly program: string;
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** What the program sees elsewhere than where it lies. */
  readonly mounts?: readonly FolderMount[];
  readonly stdout: OutputSink;
  readonly stderr: OutputSink;
  readonly signal: AbortSignal;
  /** Default the one of this process. */
  readonly workingFolder?: string | undefined;
  /** Milliseconds between asking it to end and ending it. */
  readonly graceMs: number;
}

/**
 * @returns Its exit code, or 128 + signal.
 * @throws {ResolveError} ARGUMENT_TOO_LARGE; {HostError} FILE_WRITE_FAILED when it cannot be started.
 */
export async function runProgram(run: ProgramRun): Promise<number> {
  const { program, environment, signal, graceMs } = run;
  const argv = [program, ...run.argv];
  const oversized = findOversizedArgument(argv, argumentLimitBytes());
  if (oversized !== undefined) {
    throw new ResolveError("ARGUMENT_TOO_LARGE", `Cannot start ${basename(program)}: ${oversized}; ${adviceForLargeArguments()}`);
  }
  let child;
  try {
    const [command = program, ...words] = withMounts(run.mounts ?? [], argv);
    child = spawn(command, words, {
      env: environment,
      cwd: run.workingFolder,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
  } catch (error) {
    throw startError(program, error);
  }
  noteGroup(child);
  const ended = new Promise<number>((resolve, reject) => {
    child.once("error", (error) => reject(startError(program, error)));
    child.once("exit", (code, name) => resolve(name === null ? (code ?? 1) : 128 + constants.signals[name]));
  });
  const stop = (): void => {
    child.kill("SIGTERM");
    setTimeout(() => child.kill("SIGKILL"), graceMs).unref();
  };
  if (signal.aborted) stop();
  else signal.addEventListener("abort", stop, { once: true });
  const pump = async (stream: AsyncIterable<Uint8Array>, sink: OutputSink): Promise<void> => {
    for await (const chunk of stream) await sink.write(chunk);
  };
  try {
    const [exitCode] = await Promise.all([ended, pump(child.stdout, run.stdout), pump(child.stderr, run.stderr)]);
    return exitCode;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

function startError(path: string, cause: unknown): HostError {
  const advice = (cause as NodeJS.ErrnoException).code === "ENOENT" ? '; run "npm run build" first' : "";
  return new HostError("FILE_WRITE_FAILED", `Cannot start ${path}: ${errorMessage(cause)}${advice}`, { cause });
}
