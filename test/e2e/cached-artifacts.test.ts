/** Cache hits of local runs whose artifacts somebody has deleted since. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtPrograms, runCli, type Programs } from "../support/built-programs.ts";
import { root } from "../support/probe.ts";
import { parseResult, statesOf } from "../support/run-results.ts";

const pipeline = join(root, "test/fixtures/cases/cached-artifact-deleted.yaml");

let programs: Programs;
let folder = "";
beforeAll(async () => {
  programs = await builtPrograms();
  folder = mkdtempSync(join(tmpdir(), "kfp-cached-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(["in-process", "process"])("a local run, %s", (isolation) => {
  test("runs a cached step again when its artifacts are gone, and says so in one line", { timeout: 60_000 }, async () => {
    const run = async () => {
      const args = ["run", pipeline, "--home", `home-${isolation}`, "--isolation", isolation, "--output", "json"];
      const ended = await runCli(programs, args, { cwd: folder });
      expect(ended.code, ended.stderr).toBe(0);
      const result = parseResult(ended.stdout);
      const uri = result.tasks.find(({ name }) => name === "mk")?.outputs.artifacts["d"]?.[0]?.uri ?? "";
      const lines = ended.stderr.split("\n").filter((line) => line.includes("cached artifacts"));
      return { states: statesOf(result), uri, lines };
    };
    const first = await run();
    const hit = await run();
    expect(hit).toEqual({ states: { root: "SUCCEEDED", mk: "CACHED", rd: "SUCCEEDED" }, uri: first.uri, lines: [] });
    rmSync(join(first.uri, "../.."), { recursive: true });

    const again = await run();
    expect(again.states).toEqual({ root: "SUCCEEDED", mk: "SUCCEEDED", rd: "SUCCEEDED" });
    expect(again.lines).toEqual(['The cached artifacts of task "mk" are gone; the task runs again']);
    expect(again.uri).not.toBe(first.uri);
    expect(existsSync(again.uri)).toBe(true);
    // What it made is the entry from now on.
    expect(await run()).toMatchObject({ states: { mk: "CACHED" }, uri: again.uri, lines: [] });
  });
});
