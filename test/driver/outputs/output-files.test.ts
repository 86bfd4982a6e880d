import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, test } from "vitest";
import type { DriverOptions } from "../../../src/driver/options.ts";
import { planOutputFiles, writeOutputFiles } from "../../../src/driver/outputs/output-files.ts";
import type { DriverResult } from "../../../src/driver/result.ts";
import { nodeFileSystem } from "../../../src/node/node-file-system.ts";

const dag = { type: "DAG", parentTaskIdPath: "/o/task-id", iterationCountPath: "/o/count", conditionPath: "/o/condition" };
const container = {
  type: "CONTAINER",
  cachedDecisionPath: "/o/cached",
  podSpecPatchPath: "/o/patch",
  conditionPath: "/o/condition",
};
const patch = { containers: [{ name: "main", command: [], env: [], resources: {} }] };

describe("planOutputFiles()", () => {
  test.for([
    {
      name: "ROOT_DAG",
      options: { ...dag, type: "ROOT_DAG" },
      result: {},
      files: { "task-id": "t", count: "0", condition: "nil" },
    },
    { name: "plain DAG", options: dag, result: {}, files: { "task-id": "t", count: "0", condition: "nil" } },
    {
      name: "condition not met",
      options: dag,
      result: { condition: false },
      files: { "task-id": "t", count: "0", condition: "false" },
    },
    {
      name: "loop over three",
      options: dag,
      result: { iterationCount: 3 },
      files: { "task-id": "t", count: "3", condition: "nil" },
    },
    {
      name: "loop over nothing",
      options: dag,
      result: { iterationCount: 0 },
      files: { "task-id": "t", count: "0", condition: "nil" },
    },
    {
      name: "DAG without a task id file",
      options: { ...dag, parentTaskIdPath: "" },
      result: {},
      files: { count: "0", condition: "nil" },
    },
    {
      name: "CONTAINER that must run",
      options: container,
      result: { cached: false, podSpecPatch: patch },
      files: { cached: "false", condition: "nil", patch: JSON.stringify(patch) },
    },
    { name: "CONTAINER cache hit", options: container, result: { cached: true }, files: { cached: "true", condition: "nil" } },
    {
      name: "CONTAINER skipped",
      options: container,
      result: { cached: false, condition: false },
      files: { cached: "false", condition: "false" },
    },
  ])("$name", ({ options, result, files }, { expect }) => {
    const planned = planOutputFiles(options as unknown as DriverOptions, { taskId: "t", ...result } as DriverResult);
    expect(planned).toEqual(Object.entries(files).map(([name, text]) => ({ path: `/o/${name}`, text })));
  });
});

describe("writeOutputFiles()", () => {
  const folder = mkdtempSync(join(tmpdir(), "driver-outputs-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("makes the folders and adds no newline", async ({ expect }) => {
    const path = join(folder, "deep", "er", "condition");
    await writeOutputFiles(nodeFileSystem, [{ path, text: "nil" }]);
    expect(readFileSync(path, "utf8")).toBe("nil");
  });

  test("names the file that cannot be written", async ({ expect }) => {
    const path = join("/dev/null", "x");
    await expect(writeOutputFiles(nodeFileSystem, [{ path, text: "nil" }])).rejects.toThrow(
      `Cannot write driver output file ${path}`,
    );
  });

  test("leaves none of them when one cannot be written, and what is no file alone", async ({ expect }) => {
    const [first, second] = ["cached", "more/condition"].map((name) => join(folder, name)) as [string, string];
    const planned = [first, "/dev/null", second, join(first, "patch")].map((path) => ({ path, text: "x" }));
    await expect(writeOutputFiles(nodeFileSystem, planned)).rejects.toThrow(`Cannot write driver output file ${first}/patch`);
    expect([first, second, "/dev/null"].map((path) => existsSync(path))).toEqual([false, false, true]);
  });
});
