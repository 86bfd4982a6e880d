/** How a run was executed, kept for those who resume it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readRunOptions, writeRunOptions, type RunOptions } from "../../../src/local/run/run-options.ts";
import { nodeFileSystem } from "../../../src/node/node-file-system.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kfp-run-options-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const usual: RunOptions = { isolation: "in-process", cacheDisabled: false, parallelism: 4 };

describe("options of a run", () => {
  test.for<RunOptions>([
    usual,
    { isolation: "process", cacheDisabled: true, parallelism: 1, secrets: "/secrets" },
    { ...usual, runners: { runner: "container", exceptions: ["train=host"] } },
    { ...usual, capacity: "cpu=8,memory=1Gi" },
    { ...usual, workingFolder: "/somewhere", expandsMacros: true },
  ])("%j come back", async (options) => {
    await writeRunOptions(folder, options);
    expect(await readRunOptions(nodeFileSystem, folder)).toEqual(options);
  });

  test("are all that is written: a terminal's environment is not", async () => {
    const settings = { ...usual, environment: { PASSWORD: "planted" } };
    await writeRunOptions(folder, settings);
    expect(readFileSync(join(folder, "options.json"), "utf8")).not.toContain("planted");
  });

  test("that cannot be read are left out", async () => {
    const written = { isolation: "elsewhere", parallelism: 0, secrets: 1, runners: { runner: "moon", exceptions: [] } };
    writeFileSync(join(folder, "options.json"), JSON.stringify({ ...written, cacheDisabled: true }));
    expect(await readRunOptions(nodeFileSystem, folder)).toEqual({ cacheDisabled: true });
  });
});
