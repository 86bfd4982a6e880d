/** What a failed task says is the same whether its driver ran in this process or as a program. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TaskResult } from "../../src/local/results/run-result.ts";
import { builtPrograms, runCli, type Programs } from "../support/built-programs.ts";
import { root } from "../support/probe.ts";
import { parseResult, statesOf } from "../support/run-results.ts";

let programs: Programs;
let folder = "";
beforeAll(async () => {
  programs = await builtPrograms();
  folder = mkdtempSync(join(tmpdir(), "kfp-messages-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const wideLoop = join(root, "test/fixtures/pipelines/wide_loop.yaml");
const isolations = ["in-process", "process"];

describe("the message of a failed driver", () => {
  test(
    "is the task's own in both isolations, in the progress, in the summary and in the result",
    { timeout: 120_000 },
    async () => {
      const texts = await Promise.all(
        isolations.map(async (isolation) => {
          const items = JSON.stringify([1, "not a number"]);
          const args = [
            "run",
            wideLoop,
            "--param",
            `items=${items}`,
            "--isolation",
            isolation,
            "--home",
            isolation,
            "--output",
            "json",
          ];
          const ended = await runCli(programs, args, { cwd: folder });
          expect(ended.code).toBe(1);
          const isFailed = ({ name, state }: TaskResult): boolean => name === "echo" && state === "FAILED";
          const error = parseResult(ended.stdout).tasks.find(isFailed)?.error ?? "";
          expect(error).toMatch(/^input "item" of task "root\.for-loop-1\.echo" is a string/);
          expect(ended.stderr).not.toContain("driver ended with exit code");
          const lines = ended.stderr.split("\n").filter((line) => line.includes(error));
          return lines.map((line) => line.replace(/\(\d+\.\d+ s\)/, "(TIME)"));
        }),
      );
      const [inProcess = [], process = []] = texts;
      expect(inProcess.length).toBeGreaterThanOrEqual(2);
      expect(process).toEqual(inProcess);
    },
  );
});

test("a zero byte in a command is named, without the text, in both isolations", { timeout: 60_000 }, async () => {
  const executor = { container: { image: "none", command: ["sh", "-c", "echo secret\0text"] } };
  const file = join(folder, "zero-byte.json");
  const pipeline = {
    pipelineInfo: { name: "zero-byte" },
    schemaVersion: "2.1.0",
    sdkVersion: "kfp-2.14.0",
    root: { dag: { tasks: { step: { componentRef: { name: "comp" }, taskInfo: { name: "step" } } } } },
    components: { comp: { executorLabel: "exec" } },
    deploymentSpec: { executors: { exec: executor } },
  };
  writeFileSync(file, JSON.stringify(pipeline));
  for (const isolation of isolations) {
    const args = ["run", file, "--isolation", isolation, "--home", `zero-${isolation}`, "--output", "json"];
    const { code, stdout, stderr } = await runCli(programs, args, { cwd: folder });
    expect(code).toBe(1);
    const error = parseResult(stdout).tasks.find(({ name }) => name === "step")?.error;
    expect(error).toMatch(/^Cannot start the step: in its pod, argument \d+ \(the value of -c\) holds a zero byte/);
    expect(stdout + stderr).not.toContain("secret");
  }
});

describe("a failure that is ignored downstream", () => {
  test.for(isolations)("fails the run as on a cluster, and its consumer runs, %s", { timeout: 60_000 }, async (isolation) => {
    const pipeline = join(root, "test/fixtures/ignore_upstream_failure.yaml");
    const args = ["run", pipeline, "--isolation", isolation, "--home", `ignore-${isolation}`, "--output", "json"];
    const ended = await runCli(programs, args, { cwd: folder });
    expect(ended.code, ended.stderr).toBe(1);
    const result = parseResult(ended.stdout);
    expect(statesOf(result)).toEqual({ root: "FAILED", boom: "FAILED", say: "SUCCEEDED" });
    expect(result.state).toBe("FAILED");
    expect(result.outputs.parameters).toEqual({ Output: "after" });
  });
});
