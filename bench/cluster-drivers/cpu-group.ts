/**
 * A control group whose members' CPU time is added up, those that have ended included.
 *
 * Standard: Linux, Documentation/admin-guide/cgroup-v2.rst (cpu.stat), cgroup-v1/cpuacct.rst (cpuacct.usage).
 *
 * @module
 */
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rmdir } from "node:fs/promises";
import path from "node:path";

const ROOT = "/sys/fs/cgroup";

/** See above. */
export class CpuGroup {
  /** From the root of each hierarchy. */
  readonly path: string;
  readonly #folder: string;
  readonly #isFirstVersion: boolean;

  private constructor(name: string, isFirstVersion: boolean) {
    this.path = name;
    this.#isFirstVersion = isFirstVersion;
    this.#folder = path.join(ROOT, isFirstVersion ? "cpuacct" : "", name);
  }

  /** Makes it. @param name Absolute, of no group that exists. */
  static async create(name: string): Promise<CpuGroup> {
    const group = new CpuGroup(name, existsSync(path.join(ROOT, "cpuacct")));
    await mkdir(group.#folder);
    return group;
  }

  async usedSeconds(): Promise<number> {
    if (this.#isFirstVersion) return Number(await readFile(path.join(this.#folder, "cpuacct.usage"), "utf8")) / 1e9;
    const stat = await readFile(path.join(this.#folder, "cpu.stat"), "utf8");
    return Number(/^usage_usec (\d+)$/m.exec(stat)?.[1]) / 1e6;
  }

  /** As far as nothing runs in it: also what podman has made in other hierarchies, of the same name. */
  async remove(): Promise<void> {
    const hierarchies = this.#isFirstVersion ? await readdir(ROOT) : [""];
    for (const hierarchy of hierarchies) {
      const folder = path.join(ROOT, hierarchy, this.path);
      const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
      for (const { name } of entries.filter((entry) => entry.isDirectory()))
        await rmdir(path.join(folder, name)).catch(() => undefined);
      await rmdir(folder).catch(() => undefined);
    }
  }
}
