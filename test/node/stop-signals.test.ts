import { execFileSync, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, onTestFinished, test } from "vitest";
import { listenToStopSignals, type StoppableProcess } from "../../src/node/stop-signals.ts";

const module = fileURLToPath(new URL("../../src/node/stop-signals.ts", import.meta.url));

/**
 * Its work is done, and from then on somebody tells it to stop ten thousand times, as fast as a shell can, or until it is gone. Without
 * an end to that it might never be gone: a process that handles a signal goes on only when no other has come in the meantime.
 */
const DONE = `
  import { spawn } from "node:child_process";
  import { existsSync } from "node:fs";
  import { listenToStopSignals } from ${JSON.stringify(module)};
  const [signal, begun, exitCode] = process.argv.slice(1);
  const { leave } = listenToStopSignals(process, { limitMs: 10_000 });
  process.on("exit", () => {
    const script = 'kill -s "$1" "$0"; : > "$2"; for many in $3; do for times in $3; do kill -s "$1" "$0" || exit; done; done';
    spawn("sh", ["-c", script, String(process.pid), signal, begun, "x ".repeat(100)], { stdio: "ignore" });
    const deadline = Date.now() + 30_000;
    while (!existsSync(begun)) if (Date.now() > deadline) process.kill(process.pid, "SIGKILL");
  });
  leave(Number(exitCode));
`;

/** Its work is done while a thread waits for somebody who writes to a pipe. */
const BLOCKED = `
  import { open } from "node:fs";
  import { listenToStopSignals } from ${JSON.stringify(module)};
  const [pipe, exitCode] = process.argv.slice(1);
  const { leave } = listenToStopSignals(process, { limitMs: 10_000 });
  open(pipe, () => undefined);
  leave(Number(exitCode));
`;

describe("leave()", () => {
  test.for([0, 3])(
    "a file that nobody writes to does not change the exit code %i of what has ended its work",
    async (exitCode, { expect }) => {
      const folder = mkdtempSync(join(tmpdir(), "kfp-stop-"));
      onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
      const pipe = join(folder, "pipe");
      execFileSync("mkfifo", [pipe]);
      const child = spawn(process.execPath, ["--input-type=module", "-e", BLOCKED, pipe, String(exitCode)], { stdio: "ignore" });
      onTestFinished(() => void child.kill("SIGKILL"));
      expect(await once(child, "exit")).toEqual([exitCode, null]);
    },
  );

  test.for([
    { node: "node", mayReplace: true, expected: ["process.exit(0)"] },
    { node: "node", mayReplace: false, expected: ["process.exit(0)", 0] },
    { node: "ld-linux-x86-64.so.2", mayReplace: true, expected: [0] },
  ])(
    "a name server that is silent does not change the exit code: $expected with $node, replaced $mayReplace",
    async ({ node, mayReplace, expected }, { expect }) => {
      const ends: unknown[] = [];
      const { promise: ended, resolve: end } = Promise.withResolvers<void>();
      const program = Object.assign(new EventEmitter(), {
        pid: 1,
        execPath: `/somewhere/${node}`,
        getActiveResourcesInfo: () => ["GetAddrInfoReqWrap"],
        execve: (_file: string, [, , script]: readonly string[] = []) => {
          ends.push(script);
          if (mayReplace) end();
          // A replaced program does not go on either.
          throw new Error("not allowed");
        },
        kill: () => expect.unreachable("it would seem to have failed"),
        exit: (exitCode: number) => {
          ends.push(exitCode);
          end();
        },
      });
      const { leave } = listenToStopSignals(program as unknown as StoppableProcess, { limitMs: 10_000 });
      const busy = setTimeout(() => undefined, 60_000);
      onTestFinished(() => clearTimeout(busy));
      leave(0);
      await ended;
      expect(ends.slice(0, expected.length)).toEqual(expected);
    },
  );

  test.for(["SIGTERM", "SIGINT"])(
    "what has ended its work keeps its exit code, however late %s comes",
    async (signal, { expect }) => {
      const folder = mkdtempSync(join(tmpdir(), "kfp-stop-"));
      onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
      const exitCodes = [0, 3, 0, 3, 0, 3];
      const ends: unknown[] = [];
      for (const [index, exitCode] of exitCodes.entries()) {
        const args = [signal.slice("SIG".length), join(folder, String(index)), String(exitCode)];
        const child = spawn(process.execPath, ["--input-type=module", "-e", DONE, ...args], {
          stdio: "ignore",
        });
        onTestFinished(() => void child.kill("SIGKILL"));
        ends.push(await once(child, "exit"));
      }
      expect(ends).toEqual(exitCodes.map((exitCode) => [exitCode, null]));
    },
  );
});
