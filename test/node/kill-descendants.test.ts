import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, test } from "vitest";
import { killDescendants } from "../../src/node/kill-descendants.ts";
import { allEnded } from "../support/processes.ts";

describe("killDescendants()", () => {
  test("ends children in groups of their own and what they have started", async ({ expect }) => {
    // A stand-in for this process: its child leads a group, whose grandchild ignores every request to end.
    const script = `
      const { spawn } = require("node:child_process");
      const child = spawn("sh", ["-c", "trap '' TERM INT; sh -c 'echo $$; sleep 1000' & echo $$; wait"], { detached: true });
      child.stdout.pipe(process.stdout);
      child.on("exit", (code, signal) => { console.log(signal); process.exit(0); });
    `;
    const parent = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    for await (const chunk of parent.stdout) {
      output += String(chunk);
      if (output.split("\n").length === 3) killDescendants(parent.pid ?? 0);
    }
    if (parent.exitCode === null) await once(parent, "exit");
    const [first, second, signal] = output.trim().split("\n");
    expect(signal).toBe("SIGKILL");
    expect(await allEnded([Number(first), Number(second)])).toBe(true);
  });
});
