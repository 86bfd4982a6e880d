/** Values on their way through lightweight Python components, which report outputs in the executor output file. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RunResult } from "../../src/local/results/run-result.ts";
import { builtPrograms, runCli, type Programs } from "../support/built-programs.ts";
import { root } from "../support/probe.ts";
import { canInstallSdk } from "../support/python-sdk.ts";
import { parseResult, statesOf } from "../support/run-results.ts";
import { skipUnless } from "../support/skip.ts";

const reason = "values through python components: needs python3 3.11 with venv, and a package index";
describe.skipIf(skipUnless(canInstallSdk("kfp==2.17.3"), reason))("Python components", () => {
  let programs: Programs;
  let folder = "";
  beforeAll(async () => {
    programs = await builtPrograms();
    folder = mkdtempSync(join(tmpdir(), "kfp-values-python-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const run = async (name: string, isolation: string): Promise<RunResult> => {
    const file = join(root, `test/fixtures/cases/${name}.yaml`);
    const args = ["run", file, "--output", "json", "--no-cache", "--isolation", isolation];
    return parseResult((await runCli(programs, args, { cwd: folder })).stdout);
  };
  const errorOf = ({ tasks }: RunResult, name: string): string => tasks.find((task) => task.name === name)?.error ?? "";

  describe.each(["in-process", "process"])("with isolation %s", { timeout: 300_000 }, (isolation) => {
    test("an integer that would be rounded fails its step by name", async () => {
      const result = await run("integer-above-2-53", isolation);
      expect(statesOf(result)).toEqual({ root: "FAILED", makebig: "FAILED" });
      expect(errorOf(result, "makebig")).toMatch(/output parameter "Output": it is an integer beyond .*pass it as a string/);
    });

    test("an executor input above 128 KiB is named, with the parameter to blame", async () => {
      const result = await run("argument-above-128k", isolation);
      expect(statesOf(result)).toEqual({ root: "FAILED", mklong: "SUCCEEDED", size: "FAILED" });
      expect(errorOf(result, "size")).toMatch(
        /argument \d+ \(the value of --executor_input\) has 300\d+ bytes, and the system takes at most 131071 in one argument; input parameter "text" alone has 300000 bytes; hand large data over as an artifact/,
      );
    });

    test("a step that ignores failures before it takes its default", async () => {
      const result = await run("ignore-upstream-failure-default-input", isolation);
      expect(statesOf(result)).toMatchObject({ fail: "FAILED", recover: "SUCCEEDED" });
      expect(result.tasks.find(({ name }) => name === "recover")?.inputs).toMatchObject({ parameters: { x: "default" } });
    });

    test("a failure that the next step ignores fails the run all the same, as on a cluster", async () => {
      const result = await run("ignore-upstream-failure-run-state", isolation);
      expect(statesOf(result)).toEqual({ root: "FAILED", boom: "FAILED", say: "SUCCEEDED" });
      expect(result.state).toBe("FAILED");
      expect(result.outputs.parameters).toEqual({ Output: "after" });
    });
  });
});
