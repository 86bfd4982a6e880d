/**
 * The user's command as a child process in a process group of its own.
 *
 * Its streams are read through two pipes and handed on byte for byte. A grandchild that keeps a pipe open does not hang the step:
 * after the command has ended the rest is drained until one second of silence, ten seconds at most.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import type { CommandOptions, CommandOutcome, OutputSink, ProcessRunner } from "../ports/process-runner.ts";
import {
  adviceForLargeArguments,
  describeCommandLine,
  findOversizedArgument,
  findZeroByte,
} from "../core/executor/argument-size.ts";
import { argumentLimitBytes } from "./argument-limit.ts";
import { type CommandLog, openCommandLog } from "./command-log.ts";
import { checkStart, withSuspicion } from "./executable.ts";
import { freeChunk } from "./free-chunk.ts";
import { countOutOfMemoryKills, wasOutOfMemory } from "./out-of-memory.ts";
import { monotonicMs } from "./system-clock.ts";
import { noteGroup } from "./processes/started-groups.ts";

/** How long the streams of a command that has ended are read: a child that it left behind may hold them open for ever. */
export interface DrainLimits {
  /** Streams count as finished after this long without a byte, once the command has ended. */
  readonly silenceMs: number;
  readonly totalMs: number;
}

const DRAIN: DrainLimits = { silenceMs: 1000, totalMs: 10_000 };

/** Texts the reference's users know; they end up in the task's status message (docs/spec/launcher-flow.md#failure-table). */
function startFailure(options: CommandOptions, error: NodeJS.ErrnoException): string {
  const { command } = options;
  switch (error.code) {
    case "ENOENT":
      return command.includes("/")
        ? `fork/exec ${command}: no such file or directory`
        : `exec: "${command}": executable file not found in $PATH`;
    case "EACCES":
      return `fork/exec ${command}: permission denied`;
    case "E2BIG":
      return `fork/exec ${command}: argument list too long: ${tooLarge(options)}; ${adviceForLargeArguments()}`;
    case "ERR_INVALID_ARG_VALUE":
      // Node's own message shows the value.
      return `fork/exec ${command}: ${findZeroByte([command, ...options.args], options.environment) ?? "invalid argument"}`;
    default:
      return `fork/exec ${command}: ${error.message}`;
  }
}

function tooLarge({ command, args, environment }: CommandOptions): string {
  const argv = [command, ...args];
  return findOversizedArgument(argv, argumentLimitBytes()) ?? describeCommandLine(argv, environment);
}

/** Runs commands as children of this process, each in a process group of its own. */
export function createProcessRunner(drain: DrainLimits = DRAIN): ProcessRunner {
  return {
    get argumentLimitBytes() {
      return argumentLimitBytes();
    },
    run: (options) => runCommand(options, drain),
  };
}

async function runCommand(options: CommandOptions, drain: DrainLimits): Promise<CommandOutcome> {
  const check = await checkStart(options);
  if (check.problem !== undefined) return { kind: "not-started", reason: check.problem };
  const killsBefore = countOutOfMemoryKills();
  let child: ChildProcess;
  try {
    child = spawn(options.command, options.args, {
      env: options.environment,
      cwd: options.workingDirectory,
      stdio: [options.stdin, "pipe", "pipe"],
      // A group of its own: signals reach everything the command started, and nothing else.
      detached: true,
    });
  } catch (error) {
    return { kind: "not-started", reason: startFailure(options, error as NodeJS.ErrnoException) };
  }
  noteGroup(child);
  child.once("spawn", () => options.onStart?.());
  const ended = new Promise<CommandOutcome>((resolve) => {
    child.once("error", (error) => resolve({ kind: "not-started", reason: startFailure(options, error) }));
    child.once("exit", (exitCode, signal) => {
      const outOfMemory = wasOutOfMemory(killsBefore, countOutOfMemoryKills());
      resolve(
        signal === null ? { kind: "exited", exitCode: exitCode ?? 0, outOfMemory } : { kind: "killed", signal, outOfMemory },
      );
    });
  });
  const log = openCommandLog(options);
  const stopWatching = forwardAbort(child, options);
  const stopPassing = options.passedSignals?.((name) => killGroup(child, name));
  const activity = { lastMs: monotonicMs() };
  const pumps = Promise.all([
    pump(child.stdout, options.stdout, log, activity),
    pump(child.stderr, options.stderr, log, activity),
  ]);
  // A sink that fails is reported by the await below; until then it must not count as unhandled.
  pumps.catch(() => undefined);
  try {
    const outcome = await ended;
    if (outcome.kind !== "not-started" && !(await drained(pumps, activity, drain))) {
      options.onWarning("a process that the command left behind kept its output open; it was closed");
    }
    killGroup(child, "SIGKILL");
    child.stdout?.destroy();
    child.stderr?.destroy();
    await pumps;
    return withSuspicion(outcome, check);
  } finally {
    stopWatching();
    stopPassing?.();
    log.close();
  }
}

/** Ends when the stream has ended or was destroyed, and the sink has taken what came before. Fails when the sink does. */
function pump(stream: Readable | null, sink: OutputSink, log: CommandLog, activity: { lastMs: number }): Promise<void> {
  if (stream === null) return Promise.resolve();
  return new Promise((resolve, reject) => {
    let taking: Promise<void> = Promise.resolve();
    const take = async (chunk: Buffer): Promise<void> => {
      activity.lastMs = monotonicMs();
      log.append(chunk);
      await sink.write(chunk);
      freeChunk(chunk);
    };
    stream.on("data", (chunk: Buffer) => {
      stream.pause();
      taking = take(chunk);
      taking.then(
        () => stream.resume(),
        (error: unknown) => {
          reject(error instanceof Error ? error : new Error(String(error)));
          stream.destroy();
        },
      );
    });
    stream.once("error", reject);
    stream.once("close", () => void taking.then(resolve, reject));
  });
}

/** True when both streams ended by themselves. */
async function drained(pumps: Promise<unknown>, activity: { lastMs: number }, limits: DrainLimits): Promise<boolean> {
  const finished = pumps.then(
    () => true as const,
    () => true as const,
  );
  const deadlineMs = monotonicMs() + limits.totalMs;
  activity.lastMs = monotonicMs();
  for (;;) {
    const nowMs = monotonicMs();
    const waitMs = Math.min(activity.lastMs + limits.silenceMs, deadlineMs) - nowMs;
    if (waitMs <= 0) return false;
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<false>((resolve) => {
      timer = setTimeout(resolve, waitMs, false);
    });
    const done = await Promise.race([finished, timeout]);
    clearTimeout(timer);
    if (done) return true;
  }
}

/** @returns A function that stops watching and cancels a pending SIGKILL. */
function forwardAbort(child: ChildProcess, { signal, graceMs }: CommandOptions): () => void {
  if (signal === undefined) return () => undefined;
  let killTimer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    const reason: unknown = signal.reason;
    const name = typeof reason === "string" && reason.startsWith("SIG") ? (reason as NodeJS.Signals) : "SIGTERM";
    killGroup(child, name);
    killTimer = setTimeout(() => killGroup(child, "SIGKILL"), graceMs);
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  return () => {
    clearTimeout(killTimer);
    signal.removeEventListener("abort", onAbort);
  };
}

function killGroup(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, name);
  } catch {
    // ESRCH: the whole group is gone already. EPERM: what is left changed its user; it is not ours to end.
  }
}
