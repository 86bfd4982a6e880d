import { spawnSync } from "node:child_process";
import path from "node:path";
import { afterAll, describe, test } from "vitest";
import { countOutOfMemoryKills, wasOutOfMemory } from "../../src/node/out-of-memory.ts";
import { makeLimitedGroup } from "../support/cgroup.ts";
import { root } from "../support/probe.ts";
import { skipUnless } from "../support/skip.ts";

const hybrid = [
  "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu",
  "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory",
  "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw",
].join("\n");
const unified = "30 23 0:26 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw,nsdelegate";
const v2 = "low 0\nhigh 0\nmax 4\noom 2\noom_kill 3\noom_group_kill 0\n";
const v1 = "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n";

function readFrom(files: Readonly<Record<string, string>>): (path: string) => string {
  return (file) => {
    const text = files[file];
    if (text === undefined) throw new Error("ENOENT");
    return text;
  };
}

describe("countOutOfMemoryKills()", () => {
  test.for<{ name: string; files: Record<string, string>; count: ReturnType<typeof countOutOfMemoryKills> }>([
    {
      name: "a container with a cgroup namespace, v2",
      files: { "/proc/self/cgroup": "0::/\n", "/proc/self/mountinfo": unified, "/sys/fs/cgroup/memory.events": v2 },
      count: { path: "/sys/fs/cgroup/memory.events", kills: 3 },
    },
    {
      name: "a group below the container's, v2",
      files: {
        "/proc/self/cgroup": "0::/init.scope\n",
        "/proc/self/mountinfo": unified,
        "/sys/fs/cgroup/init.scope/memory.events": v2,
        "/sys/fs/cgroup/memory.events": "oom_kill 9\n",
      },
      count: { path: "/sys/fs/cgroup/init.scope/memory.events", kills: 3 },
    },
    {
      name: "a group of a host with both versions, memory in v1",
      files: {
        "/proc/self/cgroup": "4:memory:/user/one\n1:cpu:/\n0::/user/two\n",
        "/proc/self/mountinfo": hybrid,
        "/sys/fs/cgroup/memory/user/one/memory.oom_control": v1,
        "/sys/fs/cgroup/memory/memory.oom_control": "oom_kill 9\n",
      },
      count: { path: "/sys/fs/cgroup/memory/user/one/memory.oom_control", kills: 1 },
    },
    {
      name: "a container without a cgroup namespace, v1: its path is the host's",
      files: {
        "/proc/self/cgroup": "9:cpu,memory:/kubepods/pod1/c1\n",
        "/proc/self/mountinfo": "35 31 0:32 /kubepods/pod1/c1 /sys/fs/cgroup/with\\040blank ro - cgroup cgroup rw,cpu,memory",
        "/sys/fs/cgroup/with blank/memory.oom_control": v1,
      },
      count: { path: "/sys/fs/cgroup/with blank/memory.oom_control", kills: 1 },
    },
    {
      name: "a path that leads out of the namespace",
      files: { "/proc/self/cgroup": "0::/../x\n", "/proc/self/mountinfo": unified, "/sys/fs/cgroup/memory.events": v2 },
      count: { path: "/sys/fs/cgroup/memory.events", kills: 3 },
    },
    {
      name: "no /proc, v2",
      files: { "/sys/fs/cgroup/memory.events": v2 },
      count: { path: "/sys/fs/cgroup/memory.events", kills: 3 },
    },
    {
      name: "no /proc, v1",
      files: { "/sys/fs/cgroup/memory/memory.oom_control": v1 },
      count: { path: "/sys/fs/cgroup/memory/memory.oom_control", kills: 1 },
    },
    {
      name: "a kernel that does not count kills",
      files: { "/sys/fs/cgroup/memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\n" },
      count: undefined,
    },
    { name: "no cgroup to see", files: {}, count: undefined },
  ])("reads $name", ({ files, count }, { expect }) => {
    expect(countOutOfMemoryKills(readFrom(files))).toEqual(count);
  });
});

describe("wasOutOfMemory()", () => {
  const at = (kills: number, file = "a"): { path: string; kills: number } => ({ path: file, kills });
  test.for([
    { name: "a kill since", before: at(1), after: at(2), expected: true },
    { name: "only an older kill", before: at(2), after: at(2), expected: false },
    { name: "nothing to compare with", before: undefined, after: at(2), expected: false },
    { name: "no count any more", before: at(1), after: undefined, expected: false },
    { name: "counts of two groups", before: at(0, "a"), after: at(5, "b"), expected: false },
  ])("$name", ({ before, after, expected }, { expect }) => {
    expect(wasOutOfMemory(before, after)).toBe(expected);
  });
});

/** Runs a command with the product's runner and prints how it ended; the group's limit applies to both. */
const runner = `
  import { createProcessRunner } from ${JSON.stringify(path.join(root, "src/node/process-runner.ts"))};
  const drop = { write() {} };
  for (const text of process.argv.slice(1)) {
    const outcome = await createProcessRunner().run({
      command: "/bin/sh", args: ["-c", text, process.execPath], environment: { PATH: process.env.PATH },
      stdin: "ignore", stdout: drop, stderr: drop, graceMs: 1000, onWarning() {},
    });
    console.log(JSON.stringify(outcome));
  }`;
const hog = `exec "$0" --max-old-space-size=4000 -e 'const kept = []; for (;;) kept.push(Buffer.alloc(8 << 20, 1));'`;
const group = makeLimitedGroup({ memoryBytes: 300 * 1024 * 1024 });
afterAll(() => group?.remove());

describe("a command under a memory limit", () => {
  test.skipIf(skipUnless(group !== undefined, "no memory cgroup can be made here: real out-of-memory kills"))(
    "is named as out of memory when the kernel kills it or its child, and no later one is",
    { timeout: 120_000 },
    ({ expect }) => {
      const [command, ...args] = group?.wrap([
        process.execPath,
        "--input-type=module",
        "-e",
        runner,
        hog,
        `(${hog}); exit 3`,
        "kill -9 $$",
        "exit 3",
      ]) ?? ["false"];
      const { stdout, stderr } = spawnSync(command, args, { encoding: "utf8", timeout: 100_000 });
      expect(stdout.trim().split("\n"), stderr).toEqual([
        JSON.stringify({ kind: "killed", signal: "SIGKILL", outOfMemory: true }),
        JSON.stringify({ kind: "exited", exitCode: 3, outOfMemory: true }),
        JSON.stringify({ kind: "killed", signal: "SIGKILL", outOfMemory: false }),
        JSON.stringify({ kind: "exited", exitCode: 3, outOfMemory: false }),
      ]);
    },
  );
});
