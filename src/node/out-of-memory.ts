/**
 * Counts the kernel's out-of-memory kills in our memory cgroup, so that a killed command can be told from a crashed one.
 *
 * | version | file                 | counts                                                             |
 * | ------- | -------------------- | ------------------------------------------------------------------ |
 * | v2      | `memory.events`      | processes of the group and of those below it, whichever limit it was |
 * | v1      | `memory.oom_control` | processes of the group, whichever limit it was; since Linux 4.13    |
 *
 * `memory.failcnt` of v1 says nothing: every touch of the limit counts there, also those that only drop cached pages. Where the kernel
 * kills a container as a whole (`memory.oom.group`), the launcher goes with it, and only the pod's status tells.
 *
 * @module
 */
import { readFileSync } from "node:fs";

const MIB = 1024 * 1024;
const COUNTER = /^oom_kill (\d+)$/m;

/** Where containers show their own group, in case /proc does not say. */
const USUAL_FILES = ["/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"];

type Read = (path: string) => string;

const readSmallFile: Read = (path) => {
  const bytes = readFileSync(path);
  if (bytes.length > MIB) throw new Error(`${path} is larger than ${MIB} bytes`);
  return bytes.toString("utf8");
};

/** Kills since the last reset of our group. */
export interface OutOfMemoryCount {
  /** The file that was read: counts of different files are not to be compared. */
  readonly path: string;
  readonly kills: number;
}

/** @param read Reads a file, throws when it cannot; a parameter for tests. @returns `undefined` when nothing is counted here. */
export function countOutOfMemoryKills(read: Read = readSmallFile): OutOfMemoryCount | undefined {
  for (const path of [...ownFiles(read), ...USUAL_FILES]) {
    const match = COUNTER.exec(readOrEmpty(read, path));
    if (match !== null) return { path, kills: Number(match[1]) };
  }
  return undefined;
}

/** Whether there was a kill between two counts. No statement is no: an older kill must not be blamed for what happened since. */
export function wasOutOfMemory(before: OutOfMemoryCount | undefined, after: OutOfMemoryCount | undefined): boolean {
  return before !== undefined && after !== undefined && before.path === after.path && after.kills > before.kills;
}

/** The files of the group this process is in, which need not be the one that is mounted: on a host, or below a container's. */
function ownFiles(read: Read): string[] {
  const groups = readOrEmpty(read, "/proc/self/cgroup").split("\n").map(parseGroup);
  return readOrEmpty(read, "/proc/self/mountinfo")
    .split("\n")
    .flatMap((line) => {
      const mount = parseMount(line);
      if (mount === undefined) return [];
      const group = groups.find(({ controllers }) =>
        mount.version === 2 ? controllers === "" : controllers.split(",").includes("memory"),
      );
      if (group === undefined) return [];
      const file = mount.version === 2 ? "memory.events" : "memory.oom_control";
      return [`${folderOfGroup(mount, group.path)}/${file}`, `${mount.point}/${file}`];
    });
}

/** A line `ID:CONTROLLERS:PATH`; version 2 has no controllers. */
function parseGroup(line: string): { readonly controllers: string; readonly path: string } {
  const [, controllers = "-", ...path] = line.split(":");
  return { controllers, path: path.join(":") };
}

interface Mount {
  readonly version: 1 | 2;
  /** What of the hierarchy is mounted. */
  readonly root: string;
  readonly point: string;
}

/** A line `ID PARENT DEVICE ROOT POINT OPTIONS [TAGS] - TYPE SOURCE OPTIONS`, when a memory hierarchy is mounted there. */
function parseMount(line: string): Mount | undefined {
  const [mounted = "", kind = ""] = line.split(" - ");
  const [, , , root = "", point = ""] = mounted.split(" ").map(unescape);
  const [type, , options = ""] = kind.split(" ");
  if (type === "cgroup2") return { version: 2, root, point };
  if (type === "cgroup" && options.split(",").includes("memory")) return { version: 1, root, point };
  return undefined;
}

/** Blanks and the like stand as octal numbers in mountinfo. */
function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

function folderOfGroup({ root, point }: Mount, path: string): string {
  if (path === root || path === "/" || path.split("/").includes("..")) return point;
  if (root === "/") return point + path;
  return path.startsWith(`${root}/`) ? point + path.slice(root.length) : point;
}

function readOrEmpty(read: Read, path: string): string {
  try {
    return read(path);
  } catch {
    // Not this kind of cgroup, or /proc or /sys is not mounted.
    return "";
  }
}
