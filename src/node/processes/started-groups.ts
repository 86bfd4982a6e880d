/**
 * Process groups that this process has started and that still have their leader: known even where the machine tells of no processes.
 *
 * @module
 */
import type { ChildProcess } from "node:child_process";

const leaders = new Set<number>();

/** Notes a child that was started as the leader of a group of its own. */
export function noteGroup(child: ChildProcess): void {
  const { pid } = child;
  if (pid === undefined) return;
  leaders.add(pid);
  child.once("exit", () => leaders.delete(pid));
}

/** The pids of their leaders, which are the numbers of the groups. */
export function startedGroups(): readonly number[] {
  return [...leaders];
}
