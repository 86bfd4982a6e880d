import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { killMarkedProcesses, killMarkedProcessesNow } from "../../../src/node/processes/marked-processes.ts";
import { allEnded, isRunning } from "../../support/processes.ts";

const variable = "KFP_TEST_MARK";

/** Process ids of a shell with the mark, of its child, and of its child that has emptied its environment. */
async function startMarked(mark: string): Promise<number[]> {
  const script = 'sleep 1000 & echo $!; env -i /bin/sh -c "exec sleep 1000" & echo $!; echo $$; wait';
  const child = spawn("sh", ["-c", script], {
    env: { PATH: process.env["PATH"] ?? "", [variable]: mark },
    stdio: ["ignore", "pipe", "ignore"],
    detached: true,
  });
  let text = "";
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    text += chunk.toString();
    if (text.trim().split("\n").length === 3) break;
  }
  return text.trim().split("\n").map(Number);
}

test.for([
  ["/proc", undefined],
  ["ps, where there is no /proc", { folder: "/no-such-folder", ps: "ps" }],
] as const)("ends what carries the mark, with its group, and nothing else, by %s", async ([, source]) => {
  const [one, two] = [randomUUID(), randomUUID()];
  const [marked, others] = [await startMarked(one), await startMarked(two)];
  expect(await killMarkedProcesses({ variable, matches: (value) => value === one }, source)).toBeGreaterThanOrEqual(2);
  expect(await allEnded(marked)).toBe(true);
  expect(others.every(isRunning)).toBe(true);
  killMarkedProcessesNow({ variable, matches: (value) => value === two }, source);
  expect(await allEnded(others)).toBe(true);
  expect(await killMarkedProcesses({ variable, matches: () => true }, source)).toBe(0);
});
