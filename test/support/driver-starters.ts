/**
 * Two ways to start the built driver: as a process of its own, and many times in one process, which costs an eighth.
 *
 * @module
 */
import { fork, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { root } from "./probe.ts";

/** Above the limit of a driver: one that takes too long is told apart from one that hangs. */
const KILLED_AFTER_MS = 60_000;
/** Memory that one driver leaves to the next in one process must not add up. */
const DRIVERS_PER_PROCESS = 100;

export interface StartPlace {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface Started {
  /** Null: it was killed. */
  readonly exitCode: number | null;
  readonly stderr: string;
  readonly elapsedMs: number;
  /** 0 for a driver that was killed. */
  readonly peakKib: number;
  readonly cpuMs: number;
}

/** Starts one driver after the other. */
export interface DriverStarter {
  start(argv: readonly string[], place: StartPlace): Promise<Started>;
  close(): Promise<void>;
}

/** @param program `dist/bin/driver`. */
export function driverProcesses(program: string): DriverStarter {
  return { start: (argv, place) => startProcess(program, argv, place), close: () => Promise.resolve() };
}

async function startProcess(program: string, argv: readonly string[], { cwd, env }: StartPlace): Promise<Started> {
  const startedAt = performance.now();
  const usage = path.join(root, "test/support/report-usage.cjs");
  const child = spawn(program, argv, {
    cwd,
    env: { ...env, NODE_OPTIONS: `--require=${JSON.stringify(usage)}` },
    stdio: ["ignore", "ignore", "pipe", "pipe"],
  });
  const [, , errors, words] = child.stdio;
  let stderr = "";
  let last = "";
  errors?.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  (words as NodeJS.ReadableStream).on("data", (chunk: Buffer) => (last += chunk.toString()));
  const limit = setTimeout(() => child.kill("SIGKILL"), KILLED_AFTER_MS);
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  clearTimeout(limit);
  const used = JSON.parse(last === "" ? '{"peakKib":0,"cpuMs":0}' : last) as { peakKib: number; cpuMs: number };
  return { exitCode, stderr, elapsedMs: performance.now() - startedAt, ...used };
}

/** @param boot `dist/lib/boot.cjs`. A peak of memory is that of all drivers of the process so far. */
export function residentDrivers(boot: string): DriverStarter {
  let child: ChildProcess | undefined;
  let started = 0;
  const end = async (): Promise<void> => {
    const ending = child;
    child = undefined;
    started = 0;
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
    const exited = once(ending, "exit");
    ending.kill("SIGKILL");
    await exited;
  };
  const ready = async (): Promise<ChildProcess> => {
    if (started >= DRIVERS_PER_PROCESS) await end();
    if (child === undefined) {
      const program = path.join(root, "test/support/resident-driver.cjs");
      child = fork(program, [boot], { execArgv: ["--max-old-space-size=300"], stdio: ["ignore", "ignore", "pipe", "ipc"] });
      child.stderr?.pipe(process.stderr, { end: false });
      const [word] = (await Promise.race([once(child, "message"), once(child, "exit")])) as unknown[];
      if (word !== "ready") throw new Error(`the process for many drivers ended: ${String(word)}`);
    }
    started += 1;
    return child;
  };
  return {
    async start(argv, { cwd, env }) {
      const resident = await ready();
      const startedAt = performance.now();
      const answer = await new Promise<Omit<Started, "elapsedMs"> | undefined>((resolve) => {
        const limit = setTimeout(() => resolve(undefined), KILLED_AFTER_MS);
        const settle = (message?: Omit<Started, "elapsedMs">): void => {
          clearTimeout(limit);
          resident.removeAllListeners("message");
          resident.removeAllListeners("exit");
          resolve(message);
        };
        resident.once("message", (message) => settle(message as Omit<Started, "elapsedMs">));
        resident.once("exit", () => settle());
        resident.send({ argv, cwd, env });
      });
      const elapsedMs = performance.now() - startedAt;
      if (answer !== undefined) return { ...answer, elapsedMs };
      await end();
      return { exitCode: null, stderr: "the process ended or hung", elapsedMs, peakKib: 0, cpuMs: 0 };
    },
    close: end,
  };
}
