import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, onTestFinished, test } from "vitest";

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

describe("leave()", () => {
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
