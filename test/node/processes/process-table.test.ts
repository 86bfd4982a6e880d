/** What is known of processes from /proc, from ps where that is hidden, and where neither answers. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { readEnvironments, readProcess, readProcesses, tellsOfProcesses } from "../../../src/node/processes/process-table.ts";

let empty = "";
beforeAll(() => {
  empty = mkdtempSync(join(tmpdir(), "kfp-no-proc-"));
});
afterAll(() => rmSync(empty, { recursive: true, force: true }));

const MARK = "KFP_TEST_TABLE";

describe.for([
  { name: "/proc", folder: () => "/proc", isThere: process.platform === "linux" },
  { name: "ps, without /proc", folder: () => "/no-such-folder", isThere: true },
  { name: "ps, with an empty /proc", folder: () => empty, isThere: true },
])("from $name", ({ folder, isThere }) => {
  const source = () => ({ folder: folder(), ps: "ps" });

  test.skipIf(!isThere)("a child has this process as its parent, a start that stays, and its environment", async () => {
    const child = spawn("sh", ["-c", "echo; exec sleep 1000"], {
      env: { PATH: process.env["PATH"] ?? "", [MARK]: "a value" },
      stdio: ["ignore", "pipe", "ignore"],
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    const { pid = 0 } = child;
    await new Promise((resolve) => child.stdout.once("data", resolve));
    const facts = readProcess(pid, source());
    expect(facts).toMatchObject({ parent: process.pid, hasEnded: false });
    expect(facts?.start).not.toBe("");
    expect(readProcesses(source()).get(pid)).toMatchObject({ parent: process.pid, start: facts?.start });
    expect(readEnvironments(MARK, source()).get(pid)).toContain(`${MARK}=a value`);
    expect(readProcess(2 ** 30, source())).toBeUndefined();
    expect(tellsOfProcesses(source())).toBe(true);
  });
});

test("nothing is known where neither answers", () => {
  const source = { folder: empty, ps: "/no-such-ps" };
  expect(readProcesses(source).size).toBe(0);
  expect(readProcess(process.pid, source)).toBeUndefined();
  expect(readEnvironments(MARK, source).size).toBe(0);
  expect(tellsOfProcesses(source)).toBe(false);
});
