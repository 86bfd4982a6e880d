/** The script that runs the tests, with stand-ins for vitest and for the test cluster. */
import { appendFileSync, cpSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeEach, describe, test } from "vitest";
import { makeFolder, removeFolder, root, runToEnd } from "../support/probe.ts";
import { isRunning } from "../support/processes.ts";

const folders: string[] = [];
let checkout = "";

beforeEach(async () => {
  checkout = await makeFolder();
  folders.push(checkout);
  cpSync(path.join(root, "scripts/lib"), path.join(checkout, "scripts/lib"), { recursive: true });
  cpSync(path.join(root, "scripts/test.mjs"), path.join(checkout, "scripts/test.mjs"));
  const report = { numPassedTests: 7, numFailedTests: 0, numPendingTests: 1, numTodoTests: 0, testResults: [] };
  program(
    "node_modules/vitest/vitest.mjs",
    `import { writeFileSync } from "node:fs";
     const file = process.argv.find((argument) => argument.startsWith("--outputFile.json=")).split("=")[1];
     writeFileSync(file, ${JSON.stringify(JSON.stringify(report))});`,
  );
});
afterAll(() => Promise.all(folders.map(removeFolder)));

function program(file: string, text: string): void {
  mkdirSync(path.dirname(path.join(checkout, file)), { recursive: true });
  writeFileSync(path.join(checkout, file), text);
}

function cluster(text: string): void {
  program("test/cluster/main.ts", text);
}

async function run(...args: readonly string[]): Promise<{ code: number; lines: string[] }> {
  const script = path.join(checkout, "scripts/test.mjs");
  const { code, stdout } = await runToEnd(process.execPath, [script, ...args], { PATH: process.env["PATH"] ?? "" });
  return { code, lines: stdout.trimEnd().split("\n") };
}

describe("scripts/test.mjs", () => {
  test("ends with the counts", async ({ expect }) => {
    cluster("process.exit(1);");
    const { code, lines } = await run();
    expect(lines.at(-1)).toBe("7 passed, 0 failed, 1 skipped");
    expect(code).toBe(0);
  });

  test("adds the test cluster's to the long ones", async ({ expect }) => {
    cluster(`console.log("the table\\n\\n36 passed, 1 failed"); process.exitCode = 1;`);
    const { code, lines } = await run("--long");
    expect(lines).toContain("the table");
    expect(lines.at(-1)).toBe("43 passed, 1 failed, 1 skipped");
    expect(code).toBe(1);
  });

  test("says why the test cluster is skipped, which may not build Argo", async ({ expect }) => {
    cluster(
      `import { appendFileSync } from "node:fs";
       appendFileSync(process.env.KFP_RUNTIME_TEST_SKIPPED, "the test cluster: " + process.argv.slice(2) + "\\n");
       console.log("0 passed, 0 failed, 1 skipped");`,
    );
    const { code, lines } = await run("--long");
    expect(lines).toContain("  - the test cluster: --no-build");
    expect(lines.at(-1)).toBe("7 passed, 0 failed, 2 skipped");
    expect(code).toBe(0);
  });

  test("leaves the test cluster out where some tests are picked", async ({ expect }) => {
    cluster(`console.log("9 passed, 0 failed");`);
    const { lines } = await run("--long", "test/core");
    expect(lines.at(-1)).toBe("7 passed, 0 failed, 1 skipped");
  });

  test("ends with the tests, whatever of theirs still holds the streams that they had", async ({ expect, onTestFinished }) => {
    appendFileSync(
      path.join(checkout, "node_modules/vitest/vitest.mjs"),
      `import { spawn } from "node:child_process";
       const left = spawn("sh", ["-c", "while :; do sleep 1; done"], { detached: true, stdio: "inherit" });
       console.log("left", left.pid);
       left.unref();`,
    );
    const { code, lines } = await run();
    const left = Number(lines.find((line) => line.startsWith("left "))?.slice("left ".length));
    onTestFinished(() => void process.kill(-left, "SIGKILL"));
    expect(isRunning(left)).toBe(true);
    expect(lines.at(-1)).toBe("7 passed, 0 failed, 1 skipped");
    expect(code).toBe(0);
  });

  test("fails where the test cluster ends without counts", async ({ expect }) => {
    cluster(`console.log("cannot go on"); process.exitCode = 3;`);
    const { code, lines } = await run("--long");
    expect(lines.at(-1)).toBe("7 passed, 1 failed, 1 skipped");
    expect(code).toBe(1);
  });
});
