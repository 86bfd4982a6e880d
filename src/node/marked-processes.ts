/**
 * Ends processes whose environment says what they belong to: the process that started them is gone, so no parent leads to them.
 *
 * A program that empties its environment is not found by itself, only with the process group it lives in.
 *
 * Standard: proc_pid_environ(5), ps(1).
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

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
export async function killMarkedProcesses(mark: Mark): Promise<number> {
  const killed = new Set<number>();
  for (let round = 0; round < ROUNDS; round += 1) {
    const found = findMarkedProcesses(mark);
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
export function killMarkedProcessesNow(mark: Mark): void {
  for (const pid of findMarkedProcesses(mark)) killGroupAndProcess(pid);
}

function findMarkedProcesses(mark: Mark): number[] {
  const own = ownAncestry();
  const isMarked = (environment: readonly string[]): boolean =>
    environment.some((text) => text.startsWith(`${mark.variable}=`) && mark.matches(text.slice(mark.variable.length + 1)));
  return [...readEnvironments(mark.variable)]
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

/** Environment as `NAME=value`, by pid, of what this user may look at. Zombies have none. */
function readEnvironments(variable: string): Map<number, string[]> {
  try {
    const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
    const environments = pids.flatMap((pid): [number, string[]][] => {
      try {
        return [[Number(pid), readFileSync(`/proc/${pid}/environ`, "utf8").split("\0")]];
      } catch {
        return [];
      }
    });
    return new Map(environments);
  } catch {
    return environmentsOfPs(variable);
  }
}

/** Where there is no /proc: the variables follow the command line, apart by blanks, so a value ends where the next variable begins. */
function environmentsOfPs(variable: string): Map<number, string[]> {
  const { stdout } = spawnSync("ps", ["axeww", "-o", "pid=,command="], { encoding: "utf8", timeout: 5000, maxBuffer: 64 << 20 });
  return new Map(
    (stdout ?? "").split("\n").flatMap((line): [number, string[]][] => {
      const [, pid] = /^\s*(\d+) /.exec(line) ?? [];
      const start = line.lastIndexOf(` ${variable}=`);
      if (pid === undefined || start < 0) return [];
      const text = line.slice(start + 1);
      return [[Number(pid), [text.slice(0, /\s\w+=/.exec(text)?.index ?? text.length).trimEnd()]]];
    }),
  );
}

/** This process and those above it: a program that a step started may be ours, too. */
function ownAncestry(): Set<number> {
  const own = new Set([process.pid, process.ppid]);
  for (let pid = process.ppid; pid > 1;) {
    try {
      const text = readFileSync(`/proc/${pid}/stat`, "utf8");
      pid = Number(text.slice(text.lastIndexOf(")") + 2).split(" ")[1]);
      own.add(pid);
    } catch {
      break;
    }
  }
  return own;
}
