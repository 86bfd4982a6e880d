/** The quickstart: its result, its cache, what a changed parameter runs again. The table stands in its README. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RunResult } from "../../src/local/results/run-result.ts";
import { builtPrograms, runCli, type CliRun, type Programs } from "../support/built-programs.ts";
import { root } from "../support/probe.ts";
import { normalised, parseResult } from "../support/run-results.ts";

let programs: Programs;
let folder = "";
beforeAll(async () => {
  programs = await builtPrograms();
  folder = mkdtempSync(join(tmpdir(), "kfp-quickstart-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (args: readonly string[] = []): Promise<CliRun> =>
  runCli(programs, ["run", join(root, "examples/quickstart/pipeline.yaml"), ...args], { cwd: folder });
const ranAgain = ({ tasks }: RunResult): string[] =>
  tasks
    .filter(({ type, state }) => type === "RUNTIME" && state === "SUCCEEDED")
    .map(({ scopePath }) => scopePath.slice(5))
    .toSorted();

describe("the quickstart", () => {
  test("runs, runs again from the cache, and only what depends on a change runs again", { timeout: 300_000 }, async () => {
    const first = await run();
    expect(first.code, first.stderr).toBe(0);
    expect(first.stdout).toContain("best_k = 9");
    expect(first.stdout).toContain("accuracy = 0.9667");
    expect(first.stdout).not.toContain("cache");
    expect(first.stderr).toMatch(/^announce \| k = 9 has accuracy 0\.9667/m);
    expect(first.stderr.match(/images of steps are not used/g)).toHaveLength(1);

    const second = await run();
    expect(second.code).toBe(0);
    expect(second.stdout).toContain("Served from the cache: 10 of 11 steps; run again: announce\n");

    const candidates = await run(["--param", "candidates=[1,5,9,25,50,75]", "--output", "json"]);
    const withCandidate = parseResult(candidates.stdout);
    expect(withCandidate.outputs.parameters).toMatchObject({ best_k: 9 });
    // Of the loop only the new candidate; the ranking has changed, so the report is written again.
    const tried = withCandidate.tasks.filter(({ name, state }) => name === "classify" && state === "SUCCEEDED");
    expect(tried.map(({ iterationIndex }) => iterationIndex)).toEqual([5]);
    expect(ranAgain(withCandidate)).not.toContain("load");

    const accuracy = await run(["--param", "min_accuracy=0.98", "--output", "json"]);
    const rejected = parseResult(accuracy.stdout);
    expect(ranAgain(rejected)).toEqual(["announce", "condition-branches-2.condition-4.explain"]);
    expect(rejected.outputs.artifacts["report"]?.[0]).toMatchObject({ type: "HTML" });
    expect(readFileSync(rejected.outputs.artifacts["report"]?.[0]?.uri ?? "", "utf8")).toContain("<html");

    const seed = parseResult((await run(["--param", "seed=3", "--output", "json"])).stdout);
    expect(seed.outputs.parameters).toMatchObject({ best_k: 1, accuracy: 0.9 });
    expect(ranAgain(seed)).toContain("split");
    expect(ranAgain(seed)).not.toContain("load");
  });

  test("gives the same result as programs of their own", { timeout: 300_000 }, async () => {
    const results: RunResult[] = [];
    for (const isolation of ["in-process", "process"]) {
      const ended = await run([
        "--isolation",
        isolation,
        "--home",
        `home-${isolation}`,
        "--output",
        "json",
        "--param",
        "holdout=0.1",
      ]);
      expect(ended.code, ended.stderr).toBe(0);
      results.push(parseResult(ended.stdout));
    }
    expect(results[0]?.outputs.parameters).toMatchObject({ best_k: 5, accuracy: 1 });
    expect(normalised(results[1] as RunResult)).toEqual(normalised(results[0] as RunResult));
  });

  test("is described, not run, by --dry-run", async () => {
    const ended = await run(["--dry-run", "--home", "untouched"]);
    expect(ended.code).toBe(0);
    expect(ended.stdout).toContain("for-loop-1 (loop; after split; for each of parameter pipelinechannel--candidates)");
    expect(ended.stdout).toContain("announce (step; after choose, classify-2, condition-branches-2; caching off)");
    const json = await run(["--dry-run", "--output", "json", "--param", "seed=7"]);
    expect(JSON.parse(json.stdout)).toMatchObject({ pipeline: "iris-quickstart", parameters: { seed: 7, holdout: 0.2 } });
    const home = await runCli(programs, ["home", "--home", "untouched"], { cwd: folder });
    expect(home.stdout).toContain("no home yet");
  });
});

describe("--output json", () => {
  test("has exactly the promised members", { timeout: 120_000 }, async () => {
    const result = parseResult((await run(["--output", "json"])).stdout);
    expect(Object.keys(result)).toEqual(["runId", "state", "durationMs", "tasks", "outputs", "notRun"]);
    expect(result.state).toBe("SUCCEEDED");
    const types = new Set(["ROOT", "RUNTIME", "CONDITION_BRANCH", "CONDITION", "LOOP", "EXIT_HANDLER", "IMPORTER", "DAG"]);
    const states = new Set(["SUCCEEDED", "CACHED", "SKIPPED"]);
    for (const task of result.tasks) {
      const known = [
        "taskId",
        "name",
        "displayName",
        "scopePath",
        "type",
        "state",
        "iterationIndex",
        "parentTaskId",
        "inputs",
        "outputs",
      ];
      expect(known).toEqual(expect.arrayContaining(Object.keys(task)));
      expect(types.has(task.type), task.type).toBe(true);
      expect(states.has(task.state), task.state).toBe(true);
      expect(Object.keys(task.inputs)).toEqual(["parameters", "artifacts"]);
      for (const artifact of Object.values(task.outputs.artifacts).flat()) {
        expect(Object.keys(artifact).slice(0, 4)).toEqual(["name", "type", "uri", "metadata"]);
      }
    }
    const load = result.tasks.find(({ name }) => name === "load");
    expect(load?.outputs.artifacts["table"]).toMatchObject([{ name: "table", type: "Dataset" }]);
    expect(
      result.tasks.filter(({ scopePath }) => scopePath === "root.for-loop-1.classify").map((task) => task.iterationIndex),
    ).toEqual([0, 1, 2, 3, 4]);
  });
});

describe("kfp-runtime home", () => {
  test("shows what is used, and clears it", async () => {
    const shown = await runCli(programs, ["home"], { cwd: folder });
    expect(shown.stdout).toMatch(/artifacts +\d+\.\d KiB\n/);
    const cleared = await runCli(programs, ["home", "clear"], { cwd: folder });
    expect(cleared).toMatchObject({ code: 0, stdout: expect.stringMatching(/^cleared .*\.kfp-runtime: .* freed\n$/) as string });
    expect((await runCli(programs, ["home"], { cwd: folder })).stdout).toMatch(/total +0 B\n/);
    const foreign = await runCli(programs, ["home", "clear", "--home", root], { cwd: folder });
    expect(foreign).toMatchObject({ code: 1, stderr: expect.stringContaining("kfp-runtime did not make it") as string });
  });
});
