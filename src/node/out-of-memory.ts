/**
 * Counts the kernel's out-of-memory kills in our memory cgroup, so that a killed command can be told from a crashed one.
 *
 * Only what the container shows is read: `memory.events` of cgroup v2, `memory.oom_control` of v1. Neither there: no statement.
 *
 * @module
 */
import { readFileSync } from "node:fs";

const COUNTERS = [
  { path: "/sys/fs/cgroup/memory.events", pattern: /^oom_kill (\d+)$/m },
  { path: "/sys/fs/cgroup/memory/memory.oom_control", pattern: /^oom_kill (\d+)$/m },
];

/** @param read Reads a file, throws when it cannot; a parameter for tests. @returns `undefined` when nothing is counted here. */
export function outOfMemoryKills(read: (path: string) => string = (path) => readFileSync(path, "utf8")): number | undefined {
  for (const { path, pattern } of COUNTERS) {
    try {
      const match = pattern.exec(read(path));
      if (match !== null) return Number(match[1]);
    } catch {
      // Not this kind of cgroup, or /sys is not mounted.
    }
  }
  return undefined;
}
