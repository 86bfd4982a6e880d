/**
 * The processes of this machine: from /proc where it is mounted, else from ps(1), as on macOS.
 *
 * A container may have neither: an empty /proc, and a ps that reads it. Then nothing is known, which is not the same as "no processes".
 *
 * Standard: proc_pid_stat(5), ps(1).
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** Where processes are looked up. */
export interface ProcessSource {
  /** As /proc. */
  readonly folder: string;
  /** As ps. */
  readonly ps: string;
}

const SYSTEM: ProcessSource = { folder: "/proc", ps: "ps" };

/** One process. */
export interface ProcessFacts {
  readonly parent: number;
  /** When it began: clock ticks of /proc, or the words of ps, which no number is. A later process of the same pid has another one. */
  readonly start: string;
  /** It has ended, and its parent has not asked about it: in a container perhaps never. */
  readonly hasEnded: boolean;
}

const PS_COLUMNS = "pid=,ppid=,stat=,lstart=";
const PS_TIMEOUT_MS = 5000;

/** All processes that can be seen, by pid; none where the machine does not tell. */
export function readProcesses(source: ProcessSource = SYSTEM): Map<number, ProcessFacts> {
  const pids = procPids(source);
  if (pids.length === 0) return processesOfPs(["-A"], source);
  return new Map(
    pids.flatMap((pid) => {
      const facts = processOfProc(pid, source);
      return facts === undefined ? [] : [[pid, facts]];
    }),
  );
}

/** One process; `undefined` for one that is not there, or cannot be seen. */
export function readProcess(pid: number, source: ProcessSource = SYSTEM): ProcessFacts | undefined {
  return processOfProc(pid, source) ?? processesOfPs(["-p", String(pid)], source).get(pid);
}

/** Environment as `NAME=value`, by pid, of what this user may look at; from ps only the one variable. Zombies have none. */
export function readEnvironments(variable: string, source: ProcessSource = SYSTEM): Map<number, string[]> {
  const pids = procPids(source);
  if (pids.length === 0) return environmentsOfPs(variable, source);
  const environments = pids.flatMap((pid): [number, string[]][] => {
    try {
      return [[pid, readFileSync(`${source.folder}/${pid}/environ`, "utf8").split("\0")]];
    } catch {
      return [];
    }
  });
  return new Map(environments);
}

/** Whether this machine tells of its processes at all: it knows this one. */
export function tellsOfProcesses(source: ProcessSource = SYSTEM): boolean {
  return readProcess(process.pid, source) !== undefined;
}

function procPids({ folder }: ProcessSource): number[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

const ENDED_STATES = ["Z", "X"];

function processOfProc(pid: number, { folder }: ProcessSource): ProcessFacts | undefined {
  try {
    // The name in field 2 may hold blanks, so count from its closing parenthesis; the start is field 22.
    const text = readFileSync(`${folder}/${pid}/stat`, "utf8");
    const [state = "", parent, ...fields] = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { parent: Number(parent), start: fields[17] ?? "", hasEnded: ENDED_STATES.includes(state) };
  } catch {
    return undefined;
  }
}

function processesOfPs(selection: readonly string[], { ps }: ProcessSource): Map<number, ProcessFacts> {
  const rows = outputOf(ps, [...selection, "-o", PS_COLUMNS]).split("\n");
  return new Map(
    rows.flatMap((row): [number, ProcessFacts][] => {
      const [, pid, parent, state = "", start = ""] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(\S.*)$/.exec(row) ?? [];
      if (pid === undefined) return [];
      const hasEnded = ENDED_STATES.some((ended) => state.startsWith(ended));
      return [[Number(pid), { parent: Number(parent), start: start.trim(), hasEnded }]];
    }),
  );
}

/** The variables follow the command line, apart by blanks, so a value ends where the next variable begins. */
function environmentsOfPs(variable: string, { ps }: ProcessSource): Map<number, string[]> {
  return new Map(
    outputOf(ps, ["axeww", "-o", "pid=,command="])
      .split("\n")
      .flatMap((line): [number, string[]][] => {
        const [, pid] = /^\s*(\d+) /.exec(line) ?? [];
        const start = line.lastIndexOf(` ${variable}=`);
        if (pid === undefined || start < 0) return [];
        const text = line.slice(start + 1);
        return [[Number(pid), [text.slice(0, /\s\w+=/.exec(text)?.index ?? text.length).trimEnd()]]];
      }),
  );
}

/** Times in one language, so that they can be compared. */
function outputOf(ps: string, args: readonly string[]): string {
  const { stdout } = spawnSync("env", ["LC_ALL=C", "TZ=UTC", ps, ...args], {
    encoding: "utf8",
    timeout: PS_TIMEOUT_MS,
    maxBuffer: 64 << 20,
  });
  return stdout ?? "";
}
