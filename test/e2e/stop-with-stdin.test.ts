/** `--stop-with-stdin`: what a program has started ends with it, also when it was killed. */
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { builtPrograms, type Programs } from "../support/built-programs.ts";
import { root } from "../support/probe.ts";
import { allEnded } from "../support/processes.ts";
import { parseResult, statesOf } from "../support/run-results.ts";

let programs: Programs;
let folder = "";
beforeAll(async () => {
  programs = await builtPrograms();
  folder = mkdtempSync(path.join(tmpdir(), "kfp-stdin-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const slow = path.join(root, "test/fixtures/slow.yaml");
const pidsIn = (stderr: string): number[] => [...stderr.matchAll(/\| pid (\d+)/g)].map(([, pid]) => Number(pid));

interface Started {
  readonly child: ChildProcessWithoutNullStreams;
  /** Waits until standard error or standard output has something. */
  readonly said: (holds: (text: string) => boolean) => Promise<string>;
  readonly ended: Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>;
}

function start(args: readonly string[]): Started {
  const child = spawn(path.join(programs.bin, "kfp-runtime"), args, { cwd: folder });
  onTestFinished(() => void child.kill("SIGKILL"));
  let stdout = "";
  let stderr = "";
  const waiting = new Set<() => void>();
  const look = (): void => {
    for (const check of waiting) check();
  };
  child.stdout.on("data", (chunk: Buffer) => ((stdout += chunk.toString()), look()));
  child.stderr.on("data", (chunk: Buffer) => ((stderr += chunk.toString()), look()));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve)).then((code) => ({ code, stdout, stderr }));
  const said: Started["said"] = (holds) =>
    new Promise((resolve, reject) => {
      const check = (): void => {
        if (holds(stdout + stderr)) resolve(stderr);
      };
      waiting.add(check);
      check();
      void ended.then(({ code }) => reject(new Error(`it ended with ${code}: ${stderr}`)));
    });
  return { child, said, ended };
}

describe("--stop-with-stdin", () => {
  test("cancels a run when standard input ends, its steps included", { timeout: 120_000 }, async () => {
    const args = ["run", slow, "--home", path.join(folder, "home"), "--output", "json", "--stop-with-stdin"];
    const { child, said, ended } = start(args);
    await said((text) => pidsIn(text).length >= 3);
    child.stdin.write("what is written means nothing\n");
    child.stdin.end();
    const { code, stdout, stderr } = await ended;
    expect(code, stderr).toBe(130);
    expect(await allEnded(pidsIn(stderr))).toBe(true);
    const result = parseResult(stdout);
    expect(statesOf(result)).toEqual({ root: "FAILED", obedient: "FAILED", stubborn: "FAILED" });
    expect(stderr).toContain(`kfp-runtime run ${slow}`);
    expect(stderr).not.toMatch(/kfp-runtime run .*--stop-with-stdin/);
  });

  test("stops a server when the program that started it is killed", { timeout: 120_000 }, async () => {
    const serve = [path.join(programs.bin, "kfp-runtime"), "serve", "--home", path.join(folder, "served"), "--port", "0"];
    const args = [...serve, "--grpc-port", "0", "--output", "json", "--stop-with-stdin"];
    // Starts the server with a pipe of its own as standard input, tells its number, and waits for ever.
    const parent = `
      const { spawn } = require("node:child_process");
      const child = spawn(process.argv[1], process.argv.slice(2), { stdio: ["pipe", "pipe", "inherit"] });
      child.stdout.once("data", () => console.log(child.pid));
      setInterval(() => {}, 1 << 30);`;
    const child = spawn(process.execPath, ["--eval", parent, ...args], { stdio: ["ignore", "pipe", "ignore"] });
    onTestFinished(() => void child.kill("SIGKILL"));
    const pid = await new Promise<number>((resolve) => child.stdout.once("data", (chunk: Buffer) => resolve(Number(chunk))));
    expect(process.kill(pid, 0)).toBe(true);
    child.kill("SIGKILL");
    expect(await allEnded([pid])).toBe(true);
  });
});
