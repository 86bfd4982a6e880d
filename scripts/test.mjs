// Runs the tests and ends with one plain line, "N passed, N failed". With --long: the long matrices as well, and the test cluster where
// an earlier `npm run test:cluster` has built Argo.
// Further arguments go to vitest (npm test -- test/core).
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { programNode } from "./lib/project.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const long = process.argv.includes("--long");
const passedOn = process.argv.slice(2).filter((argument) => argument !== "--long");
/** A multiple of what the tests take on a slow machine: one that blocks its process is not ended by its own limit. */
const LIMIT_MS = (long ? 48 : 1) * 3_600_000;
/** For what has been written before the end to be read; a program that tests have left may hold the other end for ever. */
const LAST_WORDS_MS = 5_000;
const scratch = mkdtempSync(join(tmpdir(), "kfp-runtime-test-"));
const report = join(scratch, "report.json");
const skipped = join(scratch, "skipped.txt");

try {
  const vitest = await run(
    [
      join(root, "node_modules/vitest/vitest.mjs"),
      "run",
      ...["--reporter=default", "--reporter=json", `--outputFile.json=${report}`],
      ...passedOn,
    ],
    { KFP_RUNTIME_TEST_LONG: long ? "1" : "", KFP_RUNTIME_TEST_SKIPPED: skipped },
    process.stdout,
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
    for (const [kind, count] of Object.entries(await testCluster())) counts[kind] += count;
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

/**
 * Runs a program of the tests. It gets pipes of this script's own: what is left of it never keeps our output open for whoever reads that.
 *
 * @param {string[]} args
 * @param {Record<string, string>} variables
 * @param {NodeJS.WritableStream} [output] Otherwise what it prints is returned.
 */
async function run(args, variables, output) {
  // Not the Node that runs this script: the shell of a machine's first `npm test` still remembers the one it had before.
  const child = spawn(programNode(), args, {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...(process.stdout.isTTY ? { FORCE_COLOR: "1" } : {}), ...process.env, ...variables },
    timeout: LIMIT_MS,
    killSignal: "SIGKILL",
  });
  let stdout = "";
  child.stderr.pipe(process.stderr, { end: false });
  if (output === undefined) child.stdout.on("data", (chunk) => (stdout += String(chunk)));
  else child.stdout.pipe(output, { end: false });
  const closed = once(child, "close");
  const [status, signal] = await once(child, "exit");
  const limit = new AbortController();
  await Promise.race([closed, setTimeout(LAST_WORDS_MS, undefined, { signal: limit.signal })]);
  limit.abort();
  child.stdout.destroy();
  child.stderr.destroy();
  if (signal !== null) console.error(`test: ${args[0]} was ended by ${signal}; its limit is ${LIMIT_MS / 3_600_000} hours`);
  return { status, stdout };
}

/** Prints its table; its last line is counted. */
async function testCluster() {
  const args = [join(root, "test/cluster/main.ts"), "--no-build"];
  const { status, stdout } = await run(args, { KFP_RUNTIME_TEST_SKIPPED: skipped });
  const lines = stdout.trimEnd().split("\n");
  const [, passed, failed, , skips = "0"] = /^(\d+) passed, (\d+) failed(, (\d+) skipped)?$/.exec(lines.pop() ?? "") ?? [];
  if (passed === undefined) {
    console.error(`test: the test cluster left no counts (exit code ${String(status)})`);
    return { failed: 1 };
  }
  if (lines.length > 0) console.log(`${lines.join("\n")}\n`);
  return { passed: Number(passed), failed: Number(failed), skipped: Number(skips) };
}
