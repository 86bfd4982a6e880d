/**
 * The limits of a pod's container, for one process at a time, by control groups of version 1 or 2.
 *
 * @module
 */
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import path from "node:path";

export interface Limits {
  /** Share of one CPU, such as 0.5: that part of every 100 ms. */
  readonly cpus?: number;
  readonly memoryBytes?: number;
}

export interface LimitedGroup {
  /** Command line that puts itself into the group and becomes the given command. */
  wrap(command: readonly string[]): [string, ...string[]];
  remove(): void;
}

/** Makes a group, or returns undefined where this process may not. */
export function makeLimitedGroup(limits: Limits): LimitedGroup | undefined {
  const name = `kfp-runtime-${String(process.pid)}-${String(Math.floor(performance.now()))}`;
  const settings = existsSync("/sys/fs/cgroup/cgroup.controllers") ? unifiedSettings(limits) : legacySettings(limits);
  const folders = [...new Set(settings.map(({ hierarchy }) => path.join(hierarchy, name)))];
  try {
    for (const folder of folders) mkdirSync(folder);
    for (const { hierarchy, file, value } of settings) writeFileSync(path.join(hierarchy, name, file), value);
  } catch {
    removeFolders(folders);
    return undefined;
  }
  const enter = folders.map((folder) => `echo $$ > ${folder}/cgroup.procs`).join(" && ");
  return {
    wrap: (command) => ["/bin/sh", "-c", `${enter} && exec "$@"`, "sh", ...command],
    remove: () => removeFolders(folders),
  };
}

interface Setting {
  readonly hierarchy: string;
  readonly file: string;
  readonly value: string;
}

function unifiedSettings({ cpus, memoryBytes }: Limits): Setting[] {
  const hierarchy = "/sys/fs/cgroup";
  return [
    ...(cpus === undefined ? [] : [{ hierarchy, file: "cpu.max", value: `${String(cpus * 100_000)} 100000` }]),
    ...(memoryBytes === undefined ? [] : [{ hierarchy, file: "memory.max", value: String(memoryBytes) }]),
  ];
}

function legacySettings({ cpus, memoryBytes }: Limits): Setting[] {
  const [cpu, memory] = ["/sys/fs/cgroup/cpu", "/sys/fs/cgroup/memory"];
  return [
    ...(cpus === undefined
      ? []
      : [
          { hierarchy: cpu, file: "cpu.cfs_period_us", value: "100000" },
          { hierarchy: cpu, file: "cpu.cfs_quota_us", value: String(cpus * 100_000) },
        ]),
    ...(memoryBytes === undefined ? [] : [{ hierarchy: memory, file: "memory.limit_in_bytes", value: String(memoryBytes) }]),
  ];
}

function removeFolders(folders: readonly string[]): void {
  for (const folder of folders) {
    try {
      rmdirSync(folder);
    } catch {
      // Never made, or a process is still ending in it; an empty group costs nothing.
    }
  }
}
