/** Local runs with KFP_UPLOAD_ON_FAILURE: what a failed step wrote is published, and nothing else changes. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TaskResult } from "../../src/local/results/run-result.ts";
import { builtPrograms, runCli, type Programs } from "../support/built-programs.ts";
import { root } from "../support/probe.ts";
import { parseResult } from "../support/run-results.ts";

let programs: Programs;
let folder = "";
beforeAll(async () => {
  programs = await builtPrograms();
  folder = mkdtempSync(join(tmpdir(), "kfp-failed-outputs-"));
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(["in-process", "process"])("a local run whose step fails, %s", (isolation) => {
  const run = async (env: Record<string, string>): Promise<Record<string, TaskResult>> => {
    const args = ["run", join(root, "test/fixtures/fails_with_outputs.yaml"), "--home", join(folder, isolation)];
    const ended = await runCli(programs, [...args, "--isolation", isolation, "--output", "json"], { cwd: folder, env });
    expect(ended.code, ended.stderr).toBe(1);
    return Object.fromEntries(parseResult(ended.stdout).tasks.map((task) => [task.name, task]));
  };

  test("publishes its outputs only when asked to, and never becomes a cache entry", { timeout: 60_000 }, async () => {
    const asBefore = await run({});
    expect(asBefore["fit"]).toMatchObject({ state: "FAILED", outputs: { parameters: {} } });
    expect(Object.keys(asBefore["fit"]?.outputs.artifacts ?? {})).not.toContain("model");
    expect(asBefore["look"]?.outputs.parameters).toEqual({ seen: "0" });

    for (const _ of ["first", "again"]) {
      const { fit, look } = await run({ KFP_UPLOAD_ON_FAILURE: "true" });
      // The second time, too, it runs and fails.
      expect(fit).toMatchObject({ state: "FAILED", outputs: { parameters: { score: 0.5 } } });
      expect(fit?.error).toContain("exit status 3");
      const { model, late } = fit?.outputs.artifacts ?? {};
      expect(readFileSync(model?.[0]?.uri ?? "", "utf8")).toBe("weights\n");
      expect(late).toBeUndefined();
      // Whoever runs after a failure sees what is there.
      expect(look?.outputs.parameters).toEqual({ seen: "0.5" });
    }
  });
});
