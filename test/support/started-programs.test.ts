import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { allEnded, isRunning } from "./processes.ts";
import { watchStartedPrograms } from "./started-programs.ts";

const VARIABLE = "KFP_RUNTIME_TEST_PROGRAMS";
const SLEEP = "trap '' TERM INT; while :; do sleep 1; done";

/** Starts a shell, and reads numbers of processes from its lines. */
async function numbersOf(script: string, count: number): Promise<number[]> {
  const child = spawn("sh", ["-c", script, "sh", SLEEP], { stdio: ["ignore", "pipe", "ignore"] });
  const numbers: number[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    numbers.push(Number(line));
    if (numbers.length === count) break;
  }
  return numbers;
}

test("ends what runs with its children, and orphans in sessions of their own, but nothing that was there before", async () => {
  const before = spawn("sleep", ["1000"], { stdio: "ignore" });
  onTestFinished(() => {
    Reflect.deleteProperty(process.env, VARIABLE);
    before.kill("SIGKILL");
  });
  const programs = watchStartedPrograms(VARIABLE);
  const family = await numbersOf('sh -c "echo \\$\\$; $1" & echo $$; eval "$1"', 2);
  const [orphan = 0] = await numbersOf('setsid sh -c "echo \\$\\$; $1" &', 1);
  await once(spawn("sh", ["-c", "exit 3"]), "exit");
  const missing = spawn("/no-such-program");
  await once(missing, "error");
  expect([before.pid ?? 0, orphan, ...family].every(isRunning)).toBe(true);

  const ended = await programs.end();
  expect(ended).toEqual([expect.stringContaining("eval"), expect.stringMatching(/^\d+ whose parent has ended$/)]);
  expect(await allEnded([...family, orphan])).toBe(true);
  expect(isRunning(before.pid ?? 0)).toBe(true);
});
