/**
 * Ends every process that descends from one, process groups included, without a chance to object.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** What is found by the time of the call; a program that has detached itself from its parent is not. */
export function killDescendants(pid: number): void {
  const parents = readParents();
  const found: number[] = [];
  const visit = (parent: number): void => {
    for (const [child, itsParent] of parents) {
      if (itsParent !== parent || found.includes(child)) continue;
      found.push(child);
      visit(child);
    }
  };
  visit(pid);
  for (const child of found) {
    // A step leads a process group of its own; what it has lost to init is still in there.
    for (const target of [-child, child]) {
      try {
        process.kill(target, "SIGKILL");
      } catch {
        // Gone, or leads no group.
      }
    }
  }
}

/** Parent by pid, of all processes of this machine. */
function readParents(): Map<number, number> {
  try {
    return new Map(
      readdirSync("/proc")
        .filter((name) => /^\d+$/.test(name))
        .flatMap((name): [number, number][] => {
          try {
            // The name in field 2 may hold blanks, so count from its closing parenthesis.
            const text = readFileSync(`/proc/${name}/stat`, "utf8");
            return [[Number(name), Number(text.slice(text.lastIndexOf(")") + 2).split(" ")[1])]];
          } catch {
            return [];
          }
        }),
    );
  } catch {
    const { stdout } = spawnSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8", timeout: 5000 });
    const rows = (stdout ?? "").trim().split("\n");
    return new Map(rows.map((row) => row.trim().split(/\s+/).map(Number) as [number, number]));
  }
}
