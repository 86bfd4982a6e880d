/** Python components where their packages cannot be had: one clear message, recorded with the task, independent tasks go on. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtPrograms, runCli, type Programs } from "../support/built-programs.ts";
import { root } from "../support/probe.ts";
import { parseResult, statesOf } from "../support/run-results.ts";

let programs: Programs;
let folder = "";
beforeAll(async () => {
  programs = await builtPrograms();
  folder = mkdtempSync(join(tmpdir(), "kfp-no-python-"));
  mkdirSync(join(folder, "bin"));
  for (const tool of ["sh", "env", "dirname", "readlink"]) symlinkSync(join("/usr/bin", tool), join(folder, "bin", tool));
  symlinkSync(process.execPath, join(folder, "bin/node"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = () =>
  runCli(programs, ["run", join(root, "examples/python-components/pipeline.yaml"), "--output", "json"], {
    cwd: folder,
    env: { PATH: join(folder, "bin") },
  });

describe("Python components", () => {
  test("without python3", async () => {
    const ended = await run();
    expect(ended.code, ended.stderr).toBe(1);
    const result = parseResult(ended.stdout);
    expect(statesOf(result)).toEqual({ root: "FAILED", split: "FAILED" });
    const message = "Cannot run Python components: python3 does not work (it is not on the PATH); install Python 3.9 or newer";
    expect(result.tasks.find(({ name }) => name === "split")?.error).toBe(message);
    expect(ended.stderr).toContain(`  split: ${message}\n`);
  });

  test("without a package index", async () => {
    const python = join(folder, "bin/python3");
    const fail = "echo 'ERROR: Could not find a version that satisfies the requirement scikit-learn==1.8.0' >&2; exit 1";
    const script = `case "$1" in -c) echo '["${python}", "3.12.1"]';; *) [ "$2" = venv ] && exit 0; ${fail};; esac`;
    writeFileSync(python, `#!/bin/sh\n${script}\n`);
    chmodSync(python, 0o755);
    const ended = await run();
    expect(ended.code).toBe(1);
    expect(parseResult(ended.stdout).tasks.find(({ name }) => name === "split")?.error).toMatch(
      /^Cannot install the Python packages scikit-learn==1\.8\.0, kfp==[\d.]+: Could not find a version .*; check that a package index/,
    );
  });
});
