// Runs the tests and ends with one plain line, "N passed, N failed". With --long: the long matrices as well, and the test cluster where
// an earlier `npm run test:cluster` has built Argo.
// Further arguments go to vitest (npm test -- test/core).
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { programNode } from "./lib/project.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const long = process.argv.includes("--long");
const passedOn = process.argv.slice(2).filter((argument) => argument !== "--long");
const scratch = mkdtempSync(join(tmpdir(), "kfp-runtime-test-"));
const report = join(scratch, "report.json");
const skipped = join(scratch, "skipped.txt");

try {
  const vitest = spawnSync(
    // Not the Node that runs this script: the shell of a machine's first `npm test` still remembers the one it had before.
    programNode(),
    [
      join(root, "node_modules/vitest/vitest.mjs"),
      "run",
      ...["--reporter=default", "--reporter=json", `--outputFile.json=${report}`],
      ...passedOn,
    ],
    {
      cwd: root,
      stdio: "inherit",
      env: { ...process.env, KFP_RUNTIME_TEST_LONG: long ? "1" : "", KFP_RUNTIME_TEST_SKIPPED: skipped },
    },
  );
  const counts = { passed: 0, failed: 0, skipped: 0 };
  try {
    const result = JSON.parse(readFileSync(report, "utf8"));
    counts.passed = result.numPassedTests;
    counts.skipped = result.numPendingTests + result.numTodoTests;
    // A file that cannot even be loaded has no failed tests of its own, but it is a failure.
    const brokenFiles = result.testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0);
    counts.failed = result.numFailedTests + brokenFiles.length;
  } catch (error) {
    console.error(`test: vitest left no report (${error.message})`);
    counts.failed += 1;
  }
  if (long && passedOn.length === 0) {
    for (const [kind, count] of Object.entries(testCluster())) counts[kind] += count;
  }
  try {
    const reasons = new Set(readFileSync(skipped, "utf8").trim().split("\n"));
    console.log("Skipped here:");
    for (const reason of reasons) console.log(`  - ${reason}`);
  } catch {
    // Nothing was skipped.
  }
  if (vitest.status !== 0 && counts.failed === 0) counts.failed = 1;
  console.log(`${counts.passed} passed, ${counts.failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ""}`);
  process.exitCode = counts.failed > 0 ? 1 : 0;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

/** Prints its table; its last line is counted. */
function testCluster() {
  const cluster = spawnSync(programNode(), [join(root, "test/cluster/main.ts"), "--no-build"], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
    encoding: "utf8",
    env: { ...process.env, KFP_RUNTIME_TEST_SKIPPED: skipped },
  });
  const lines = (cluster.stdout ?? "").trimEnd().split("\n");
  const [, passed, failed, , skips = "0"] = /^(\d+) passed, (\d+) failed(, (\d+) skipped)?$/.exec(lines.pop() ?? "") ?? [];
  if (passed === undefined) {
    console.error(`test: the test cluster left no counts (${cluster.error?.message ?? `exit code ${String(cluster.status)}`})`);
    return { failed: 1 };
  }
  if (lines.length > 0) console.log(`${lines.join("\n")}\n`);
  return { passed: Number(passed), failed: Number(failed), skipped: Number(skips) };
}
