/** The example with lightweight Python components, on a machine that has Python and reaches a package index. */
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtPrograms, runCli, type Programs } from "../support/built-programs.ts";
import { root } from "../support/probe.ts";
import { canInstallSdk } from "../support/python-sdk.ts";
import { parseResult } from "../support/run-results.ts";
import { skipUnless } from "../support/skip.ts";

const pipeline = join(root, "examples/python-components/pipeline.yaml");

const sdkVersion = /kfp==([\d.]+)/.exec(readFileSync(pipeline, "utf8"))?.[0] ?? "kfp";
const reason = "python components: needs python3 3.11 with venv, and a package index";
describe.skipIf(skipUnless(canInstallSdk(sdkVersion), reason))("the example with Python components", () => {
  let programs: Programs;
  let folder = "";
  beforeAll(async () => {
    programs = await builtPrograms();
    folder = mkdtempSync(join(tmpdir(), "kfp-python-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("makes its environments once, in both isolations", { timeout: 900_000 }, async () => {
    const first = await runCli(programs, ["run", pipeline, "--output", "json"], { cwd: folder });
    expect(first.code, first.stderr).toBe(0);
    const result = parseResult(first.stdout);
    expect(result.outputs.parameters).toMatchObject({ depth: 3, accuracy: 0.9778 });
    expect(first.stderr).toContain("making a Python environment with scikit-learn==1.8.0, kfp==");
    expect(first.stderr).not.toContain("executor_input");
    expect(first.stderr).toMatch(/^ {4}versicolor +0 +15 +0$/m);
    const environments = readdirSync(join(folder, ".kfp-runtime/environments"));
    expect(environments).toHaveLength(2);
    // Every step has its temporary folder to itself, and it is gone.
    const runFolder = join(folder, ".kfp-runtime/runs", result.runId);
    expect(existsSync(join(runFolder, "tmp")) ? readdirSync(join(runFolder, "tmp")) : []).toEqual([]);

    const args = ["run", pipeline, "--output", "json", "--no-cache", "--isolation", "process", "--param", "min_accuracy=0.99"];
    const second = await runCli(programs, args, { cwd: folder });
    expect(second.code, second.stderr).toBe(0);
    expect(second.stderr).not.toContain("making a Python environment");
    const rejected = parseResult(second.stdout).tasks.find(({ name }) => name === "reject");
    expect(rejected?.state).toBe("SUCCEEDED");
  });
});
