/** The table of real runs is whole, its document is what it says, and its comparison can fail. */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, test } from "vitest";
import type { RunResult, TaskResult } from "../../src/local/results/run-result.ts";
import { root } from "../support/probe.ts";
import { compareRow } from "./real-runs/compare.ts";
import { pipelineNames } from "./real-runs/pipeline-files.ts";
import { gives, prints, REFUSAL_REASONS, STUB_REASONS, type RealRun } from "./real-runs/real-run.ts";
import { realRuns } from "./real-runs/table.ts";

describe("the table of real runs", () => {
  test("has every compiled pipeline, and no other", ({ expect }) => {
    const names = [...pipelineNames().values()].flat();
    expect(new Set(realRuns.map(({ pipeline }) => pipeline))).toEqual(new Set(names));
    expect(names.length).toBe(new Set(names).size);
    expect(names.length).toBeGreaterThan(200);
  });

  test("has each run once", ({ expect }) => {
    const names = realRuns.map(({ pipeline, variant = "" }) => `${pipeline} ${variant}`);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  test("says for each why it is not run as it stands, in words of a closed list, each of which is used", ({ expect }) => {
    const stubs = realRuns.flatMap((row) => (row.stubs === undefined ? [] : [row.stubs.reason]));
    expect(new Set(stubs)).toEqual(new Set(Object.keys(STUB_REASONS)));
    const refusals = realRuns.flatMap((row) => (row.refusal === undefined ? [] : [row.refusal.reason]));
    expect(new Set(refusals)).toEqual(new Set(Object.keys(REFUSAL_REASONS)));
  });

  test("expects tasks of whatever is run, and nothing of what is refused", ({ expect }) => {
    for (const { pipeline, refusal, tasks } of realRuns) expect(tasks === undefined, pipeline).toBe(refusal !== undefined);
  });
});

describe("docs/real-runs.md", () => {
  test("is what the table says: npm run real-runs writes it", ({ expect }) => {
    const { status, stderr } = spawnSync(process.execPath, [path.join(root, "scripts/real-runs.mjs"), "--check"], {
      encoding: "utf8",
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });
});

describe("compareRow()", () => {
  const log = path.join(tmpdir(), `kfp-real-runs-log-${process.pid}`);
  writeFileSync(log, "spoken\n");
  const none = { parameters: {}, artifacts: {} };
  const artifact = { name: "data", type: "Dataset", uri: log, metadata: { rows: 2, _kfp_schema_version: "0.0.1" } };
  const step: TaskResult = {
    taskId: "1",
    parentTaskId: "0",
    name: "say",
    scopePath: "root.say",
    type: "RUNTIME",
    state: "SUCCEEDED",
    inputs: none,
    outputs: {
      parameters: { number: 1 },
      artifacts: { data: [artifact], "executor-logs": [{ ...artifact, name: "executor-logs" }] },
    },
  };
  const { parentTaskId: _, ...parentless } = step;
  const root_: TaskResult = { ...parentless, taskId: "0", name: "ROOT", scopePath: "root", type: "ROOT", outputs: none };
  const result: RunResult = {
    runId: "r",
    state: "SUCCEEDED",
    durationMs: 1,
    tasks: [root_, step],
    outputs: { parameters: { number: 1 }, artifacts: {} },
    notRun: [{ name: "later", scopePath: "root.later", iterations: [1, 0], reason: "x", because: [] }],
  };
  const ended = { code: 0, stdout: `${JSON.stringify(result)}\n`, stderr: "" };
  const data = { content: "spoken\n", metadata: { rows: 2 } };
  const row: RealRun = {
    pipeline: "p",
    tasks: { say: { prints: "spoken", parameters: { number: 1 }, artifacts: { data } } },
    notRun: ["later[1,0]"],
    outputs: { parameters: { number: 1 } },
  };
  const saying = (task: object): RealRun => ({
    ...row,
    tasks: { say: { prints: "spoken", parameters: { number: 1 }, artifacts: { data }, ...task } },
  });

  test.for<[string, RealRun]>([
    ["all of it", row],
    ["patterns", saying({ prints: /^spok/, artifacts: { data: { content: /en\n$/, metadata: /rows/ } } })],
    ["what follows from an output", { ...row, outputs: (outputOf) => ({ parameters: { number: outputOf("say", "number") } }) }],
    ["the state of a task alone", { ...row, tasks: { say: "SUCCEEDED" } }],
  ])("agrees with %s", ([, agreeing], { expect }) => {
    const { actual, expected } = compareRow(agreeing, ended);
    expect(actual).toEqual(expected);
  });

  test.for<[string, RealRun]>([
    ["another text", saying({ prints: "spoken " })],
    ["a pattern that is not met", saying({ prints: /^poken/ })],
    ["a part of a text", saying({ prints: "spok" })],
    ["another value", saying({ parameters: { number: 2 } })],
    ["an output that is not there", saying({ parameters: { number: 1, more: 1 } })],
    ["an output that is not expected", saying({ parameters: {} })],
    ["an artifact that is not expected", saying({ artifacts: {} })],
    ["another content", saying({ artifacts: { data: { ...data, content: "spoke" } } })],
    ["other metadata", saying({ artifacts: { data: { ...data, metadata: {} } } })],
    ["another type", saying({ artifacts: { data: { ...data, type: "Model" } } })],
    ["more artifacts", saying({ artifacts: { data: [data, data] } })],
    ["an error", saying({ error: /./ })],
    ["another state of the task", { ...row, tasks: { say: "SKIPPED" } }],
    ["a step that only prints", { ...row, tasks: { say: prints("spoken") } }],
    ["a step that only gives", { ...row, tasks: { say: gives({ number: 1 }) } }],
    ["a task that was not there", { ...row, tasks: { say: "SUCCEEDED", "say-2": "SUCCEEDED" } }],
    ["no task", { ...row, tasks: {} }],
    ["another state of the run", { ...row, state: "FAILED" }],
    ["nothing that was not run", { ...row, notRun: [] }],
    ["another iteration that was not run", { ...row, notRun: ["later[0,1]"] }],
    ["other outputs of the pipeline", { ...row, outputs: {} }],
  ])("sees %s", ([, differing], { expect }) => {
    const { actual, expected } = compareRow(differing, ended);
    expect(actual).not.toEqual(expected);
  });
});
