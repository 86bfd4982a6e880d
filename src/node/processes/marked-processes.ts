/**
 * Ends processes whose environment says what they belong to: the process that started them is gone, so no parent leads to them.
 *
 * A program that empties its environment is not found by itself, only with the process group it lives in.
 *
 * @module
 */
import { readEnvironments, readProcess, type ProcessSource } from "./process-table.ts";

/** What may start another process while it is looked for is looked for again. */
const ROUNDS = 20;
const PAUSE_MS = 50;

/** What tells the processes that are meant. */
export interface Mark {
  /** Name of the variable. */
  readonly variable: string;
  /** Whether its value means one of them. */
  readonly matches: (value: string) => boolean;
}

/**
 * Ends every process of this machine that carries the mark, with its process group, without a chance to object. Never this process or
 * what it descends from.
 *
 * @returns How many there were; those that still run after a second count as well.
 */
export async function killMarkedProcesses(mark: Mark, source?: ProcessSource): Promise<number> {
  const killed = new Set<number>();
  for (let round = 0; round < ROUNDS; round += 1) {
    const found = findMarkedProcesses(mark, source);
    if (found.length === 0) break;
    for (const pid of found) {
      killed.add(pid);
      killGroupAndProcess(pid);
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  return killed.size;
}

/** The same in one go, for whoever cannot wait. */
export function killMarkedProcessesNow(mark: Mark, source?: ProcessSource): void {
  for (const pid of findMarkedProcesses(mark, source)) killGroupAndProcess(pid);
}

function findMarkedProcesses(mark: Mark, source: ProcessSource | undefined): number[] {
  const own = ownAncestry(source);
  const isMarked = (environment: readonly string[]): boolean =>
    environment.some((text) => text.startsWith(`${mark.variable}=`) && mark.matches(text.slice(mark.variable.length + 1)));
  return [...readEnvironments(mark.variable, source)]
    .filter(([pid, environment]) => !own.has(pid) && isMarked(environment))
    .map(([pid]) => pid);
}

function killGroupAndProcess(pid: number): void {
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, "SIGKILL");
    } catch {
      // Gone, or leads no group.
    }
  }
}

/** This process and those above it: a program that a step started may be ours, too. */
function ownAncestry(source: ProcessSource | undefined): Set<number> {
  const own = new Set([process.pid, process.ppid]);
  for (let pid = process.ppid; pid > 1;) {
    const facts = readProcess(pid, source);
    if (facts === undefined) break;
    pid = facts.parent;
    own.add(pid);
  }
  return own;
}
