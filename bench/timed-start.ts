/**
 * One start of a program at its work against the sample server: wall-clock and CPU time, for the benchmarks of start-up.
 *
 * @module
 */
import { spawn } from "node:child_process";
import type { ProgramStart, SampleServer } from "../scripts/lib/sample-run.ts";
import type { LimitedGroup } from "../test/support/cgroup.ts";

export interface Sample {
  /** From the start of the process to its first call at the server; undefined when there was none. */
  readonly firstCallMs: number | undefined;
  readonly totalMs: number;
  /** Of all threads and children, outside the kernel. */
  readonly userMs: number;
  /** With the kernel's part. */
  readonly cpuMs: number;
}

export interface TimedCommand {
  /** Without the arguments of `start`. */
  readonly command: readonly string[];
  readonly start?: ProgramStart;
}

/** Runs a program to its end. @param group The CPU limit the program runs under. */
export async function timeStart(
  server: SampleServer,
  group: LimitedGroup | undefined,
  { command, start }: TimedCommand,
): Promise<Sample> {
  // A CPU quota counts in periods of 100 ms: begin with a fresh one.
  if (group !== undefined) await new Promise((resolve) => setTimeout(resolve, 150));
  const timed = ["bash", "-c", 'TIMEFORMAT="cpu %3U %3S"; time "$0" "$@"', ...command, ...(start?.argv ?? [])];
  const [program = "", ...args] = group === undefined ? timed : group.wrap(timed);
  return new Promise<Sample>((resolve, reject) => {
    let firstCallAt: number | undefined;
    server.onCall = () => (firstCallAt ??= performance.now());
    const startedAt = performance.now();
    const environment = { PATH: process.env["PATH"], ...start?.environment };
    const child = spawn(program, args, { env: environment, stdio: ["ignore", "ignore", "pipe"] });
    let text = "";
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    child.on("error", reject);
    child.on("close", (code) => {
      const totalMs = performance.now() - startedAt;
      const [, user, system] = /cpu (\S+) (\S+)\s*$/.exec(text) ?? [];
      if (code !== 0) return reject(new Error(`${command.join(" ")} ended with ${String(code)}: ${text}`));
      resolve({
        firstCallMs: firstCallAt === undefined ? undefined : firstCallAt - startedAt,
        totalMs,
        userMs: 1000 * Number(user),
        cpuMs: 1000 * (Number(user) + Number(system)),
      });
    });
  });
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
