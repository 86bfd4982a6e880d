import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, test } from "vitest";
import { killDescendants } from "../../../src/node/processes/kill-descendants.ts";
import { noteGroup, startedGroups } from "../../../src/node/processes/started-groups.ts";
import { allEnded } from "../../support/processes.ts";

describe("killDescendants()", () => {
  test.for([
    ["/proc", undefined],
    ["ps, where there is no /proc", { folder: "/no-such-folder", ps: "ps" }],
  ] as const)("ends children in groups of their own and what they have started, by %s", async ([, source], { expect }) => {
    // A stand-in for this process: its child leads a group, whose grandchild ignores every request to end.
    const script = `
      const { spawn } = require("node:child_process");
      const child = spawn("sh", ["-c", "trap '' TERM INT; sh -c 'echo $$; sleep 1000' & echo $$; wait"], { detached: true });
      child.stdout.pipe(process.stdout);
      child.on("exit", (code, signal) => { console.log(signal); process.exit(0); });
    `;
    const parent = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "pipe"] });
    parent.stderr.pipe(process.stderr, { end: false });
    let output = "";
    for await (const chunk of parent.stdout) {
      output += String(chunk);
      if (output.split("\n").length === 3) killDescendants(parent.pid ?? 0, source);
    }
    if (parent.exitCode === null) await once(parent, "exit");
    const [first, second, signal] = output.trim().split("\n");
    expect(signal).toBe("SIGKILL");
    expect(await allEnded([Number(first), Number(second)])).toBe(true);
  });

  test("ends the groups that this process has started where the machine tells of no processes", async ({ expect }) => {
    const child = spawn("sh", ["-c", "trap '' TERM; sleep 1000 & echo $!; wait"], { detached: true });
    noteGroup(child);
    const [line] = (await once(child.stdout, "data")) as [Buffer];
    killDescendants(process.pid, { folder: "/no-such-folder", ps: "/no-such-ps" });
    expect(await once(child, "exit")).toEqual([null, "SIGKILL"]);
    expect(await allEnded([Number(line.toString())])).toBe(true);
    expect(startedGroups()).not.toContain(child.pid);
  });
});
