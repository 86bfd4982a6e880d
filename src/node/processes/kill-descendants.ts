/**
 * Ends every process that descends from one, process groups included, without a chance to object.
 *
 * @module
 */
import { readProcesses, type ProcessSource } from "./process-table.ts";
import { startedGroups } from "./started-groups.ts";

/**
 * What is found by the time of the call; a program that has detached itself from its parent is not. Where the machine tells of no processes
 * these are the groups that this process has started.
 */
export function killDescendants(pid: number, source?: ProcessSource): void {
  const processes = readProcesses(source);
  const found = new Set(pid === process.pid ? startedGroups() : []);
  const visit = (parent: number): void => {
    for (const [child, facts] of processes) {
      if (facts.parent !== parent || found.has(child)) continue;
      found.add(child);
      visit(child);
    }
  };
  // What has begun before is looked at as well: its own children are descendants.
  for (const parent of [pid, ...found]) visit(parent);
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
