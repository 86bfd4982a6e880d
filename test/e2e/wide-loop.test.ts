/** A loop with more tasks than are read at once, and failures in the middle of it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtPrograms, runCli, type Programs } from "../support/built-programs.ts";
import { root } from "../support/probe.ts";
import { parseResult } from "../support/run-results.ts";
import { expectedIterations, runWideLoop } from "../support/wide-loop.ts";

let programs: Programs;
let folder = "";
beforeAll(async () => {
  programs = await builtPrograms();
  folder = mkdtempSync(join(tmpdir(), "kfp-wide-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("a wide loop", () => {
  test("of 230 iterations ends correctly", { timeout: 300_000 }, async () => {
    const { items, collected, iterations } = await runWideLoop(programs, folder, 230);
    expect(collected).toEqual(items);
    expect(iterations).toEqual(expectedIterations(items));
  });

  test("says which iterations failed, and runs the others", { timeout: 120_000 }, async () => {
    const items = JSON.stringify([0, 1, "not a number", 3]);
    const args = ["run", join(root, "test/fixtures/pipelines/wide_loop.yaml"), "--param", `items=${items}`, "--output", "json"];
    const ended = await runCli(programs, args, { cwd: folder });
    expect(ended.code).toBe(1);
    const echoes = parseResult(ended.stdout).tasks.filter(({ name }) => name === "echo");
    expect(echoes.map(({ iterationIndex, state }) => `${iterationIndex} ${state}`)).toEqual([
      ...["0 SUCCEEDED", "1 SUCCEEDED", "2 FAILED", "3 SUCCEEDED"],
    ]);
    expect(ended.stderr).toMatch(/^ {2}for-loop-1\.echo\[2\]: input "item" of task "root\.for-loop-1\.echo" is a string/m);
  });
});
