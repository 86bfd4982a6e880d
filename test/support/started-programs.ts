/**
 * The programs that a process of the tests has started, and their end. A test that is out of time cannot end what it waits for; left
 * alone, such a program takes the processor from everybody, and keeps the streams open that it was given.
 *
 * @module
 */
import type { ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { killDescendants } from "../../src/node/processes/kill-descendants.ts";
import { killMarkedProcesses } from "../../src/node/processes/marked-processes.ts";
import { isRunning } from "./processes.ts";

/** Of Node: it is told of every child process before that starts. */
const CHANNEL = "child_process";
const ENDS_WITHIN_MS = 10_000;

/** Programs that are watched. */
export interface StartedPrograms {
  /** Ends those that still run, with all they have started, and watches no longer. @returns Their command lines, shortened. */
  end(): Promise<string[]>;
}

/**
 * Watches every program that this process starts from now on.
 *
 * @param variable Set in this process. What is started with its environment carries the mark, and is found when its parent is gone.
 */
export function watchStartedPrograms(variable: string): StartedPrograms {
  const value = randomUUID();
  process.env[variable] = value;
  const running = new Set<ChildProcess>();
  let hasStarted = false;
  const note = (message: unknown): void => {
    const { process: child } = message as { readonly process: ChildProcess };
    hasStarted = true;
    running.add(child);
    child.once("exit", () => running.delete(child));
  };
  subscribe(CHANNEL, note);
  return {
    async end() {
      unsubscribe(CHANNEL, note);
      // Without a number: it could not be started.
      const left = [...running].filter(({ pid }) => pid !== undefined);
      // A test that has killed one need not wait for its end, nor for Node to hear of that.
      const forgotten = left.filter(({ killed, pid }) => !killed && isRunning(pid ?? 0));
      for (const child of left) {
        killDescendants(child.pid ?? 0);
        child.kill("SIGKILL");
      }
      const limit = AbortSignal.timeout(ENDS_WITHIN_MS);
      // One that does not end within the time is waited for by nobody.
      await Promise.all(left.map(async (child) => await once(child, "exit", { signal: limit }).catch(() => undefined)));
      const orphans = hasStarted ? await killMarkedProcesses({ variable, matches: (text) => text === value }) : 0;
      const names = forgotten.map(({ spawnargs }) => spawnargs.join(" ").slice(0, 200));
      return orphans === 0 ? names : [...names, `${String(orphans)} whose parent has ended`];
    },
  };
}
