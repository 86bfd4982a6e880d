/** The end of runs as people see it, against readable files: on a pipe, on terminals of several widths, with and without colours. */
import { describe, test } from "vitest";
import { summaryLines } from "../../../src/cli/text/summary-text.ts";
import type { NotRunTask } from "../../../src/local/results/not-run.ts";
import type { FinishedPipeline } from "../../../src/local/run-pipeline.ts";
import type { RunResult, StepFailure, TaskResult, ValuesResult } from "../../../src/local/results/run-result.ts";

const nothing: ValuesResult = { parameters: {}, artifacts: {} };

function task(taskId: string, scopePath: string, more: Partial<TaskResult> = {}): TaskResult {
  const name = scopePath === "root" ? "ROOT" : (scopePath.split(".").at(-1) ?? "");
  const parent = taskId === "r" ? {} : { parentTaskId: "r" };
  return { taskId, name, scopePath, type: "RUNTIME", state: "SUCCEEDED", ...parent, inputs: nothing, outputs: nothing, ...more };
}

const root = (state: string, more: Partial<TaskResult> = {}): TaskResult => task("r", "root", { type: "ROOT", state, ...more });
const notRun = (scopePath: string, more: Partial<NotRunTask> = {}): NotRunTask => ({
  ...{ name: scopePath.split(".").at(-1) ?? "", scopePath, iterations: [], reason: "train failed", because: ["train"] },
  ...more,
});
const artifact = (type: string, uri: string) => ({ name: "x", type, uri, metadata: {} });

function finished(
  result: Partial<RunResult>,
  { failures = {}, cancelled = false }: { failures?: Record<string, StepFailure>; cancelled?: boolean } = {},
): FinishedPipeline {
  return {
    result: { runId: "RUN", state: "FAILED", durationMs: 12_345, tasks: [], outputs: nothing, notRun: [], ...result },
    ...{ cancelled, isLeft: false, failures: new Map(Object.entries(failures)), logPath: "/home/runs/RUN/log" },
  };
}

function shown(run: FinishedPipeline, { isTerminal = false, columns = Infinity, environment = {} } = {}): string {
  const options = { environment, isTerminal, columns, rerun: "kfp-runtime run p.yaml", cacheDisabled: false, homeWords: "" };
  return `${summaryLines(run, options).map(String).join("\n")}\n`.replaceAll("\u{1b}", "ESC");
}

const traceback = [
  "Traceback (most recent call last):",
  '  File "/x/ephemeral_component.py", line 7, in train',
  '    raise ValueError("no rows")',
  "ValueError: no rows",
];

const failedRun = finished(
  {
    tasks: [
      root("FAILED"),
      task("l", "root.loop", { type: "LOOP", state: "FAILED" }),
      task("t0", "root.loop.train", { state: "CACHED", iterationIndex: 0, parentTaskId: "l", displayName: "Train a モデル" }),
      task("t1", "root.loop.train", {
        ...{ state: "FAILED", iterationIndex: 1, parentTaskId: "l", displayName: "Train a モデル" },
        error: "exit status 1\nsecond line \u{1b}[2J",
        outputs: { parameters: {}, artifacts: { "executor-logs": [artifact("Artifact", "/home/artifacts/log-0")] } },
      }),
      task("s", "root.split", {
        outputs: { parameters: { n: 1 }, artifacts: { rows: [artifact("Dataset", "/home/artifacts/rows")] } },
      }),
    ],
    notRun: [
      notRun("root.loop.score", {
        iterations: [1],
        parentTaskId: "l",
        reason: "loop.train[1] failed",
        because: ["loop.train[1]"],
      }),
      notRun("root.report", { parentTaskId: "r", reason: "loop failed", because: ["loop"] }),
      notRun("root.report.html", { reason: "loop failed", because: ["loop"], displayName: "Write\u{202e} it" }),
    ],
  },
  { failures: { t1: { exitCode: 1, lastLines: ["loading", ...traceback] }, l: { lastLines: [] } } },
);

const golden = (name: string): string => `../../golden/cli/${name}.txt`;

describe("summaryLines()", () => {
  test("explains a failure", async ({ expect }) => {
    await expect(shown(failedRun)).toMatchFileSnapshot(golden("failed"));
  });

  test("explains it on a narrow terminal with colours", async ({ expect }) => {
    await expect(shown(failedRun, { isTerminal: true, columns: 32 })).toMatchFileSnapshot(golden("failed-narrow-colours"));
  });

  test("is the same on a pipe and on a wide terminal with NO_COLOR", ({ expect }) => {
    expect(shown(failedRun, { isTerminal: true, columns: 200, environment: { NO_COLOR: "1" } })).toBe(shown(failedRun));
  });

  test("shows outputs, metrics and cache of a run that succeeded", async ({ expect }) => {
    const metrics = [{ ...artifact("Metric", ""), name: "accuracy", numberValue: 0.9 }];
    const outputs = { parameters: { text: "a\u{1b}[2J", list: [1, 2] }, artifacts: { model: [artifact("Model", "s3://b/m")] } };
    const run = finished({
      ...{ state: "SUCCEEDED", outputs },
      tasks: [
        root("SUCCEEDED"),
        task("a", "root.a", { outputs: { parameters: {}, artifacts: { metrics } } }),
        task("b", "root.b", { state: "CACHED" }),
        task("c", "root.c", { state: "SKIPPED", type: "CONDITION" }),
      ],
    });
    await expect(shown(run)).toMatchFileSnapshot(golden("succeeded"));
  });

  test("says what a cancelled run left out, and no failure", async ({ expect }) => {
    const cancelled = { state: "FAILED", error: "cancelled by user" };
    const run = finished(
      {
        tasks: [root("FAILED", cancelled), task("a", "root.a", cancelled)],
        notRun: [notRun("root.b", { parentTaskId: "r", reason: "the run was cancelled", because: [] })],
      },
      { cancelled: true },
    );
    await expect(shown(run)).toMatchFileSnapshot(golden("cancelled"));
  });

  test("tells a driver that failed before it made a row", async ({ expect }) => {
    const run = finished({
      tasks: [],
      notRun: [
        notRun("root", { name: "ROOT", reason: "its driver failed", because: [], error: "the server is away" }),
        notRun("root.a", { reason: "root failed", because: ["root"] }),
      ],
    });
    await expect(shown(run)).toMatchFileSnapshot(golden("root-driver-failed"));
  });

  test("counts what a wide loop has too much of", ({ expect }) => {
    const count = 60;
    const steps = Array.from({ length: count }, (_, index) =>
      task(`t${index}`, "root.l.t", {
        ...{ state: "FAILED", iterationIndex: index, parentTaskId: "l", error: "no" },
        outputs: { parameters: {}, artifacts: { o: [artifact("Dataset", `/o/${index}`)] } },
      }),
    );
    const blocked = steps.map((_, index) =>
      notRun("root.l.u", { parentTaskId: "l", iterations: [index], because: [`l.t[${index}]`], reason: `l.t[${index}] failed` }),
    );
    const after = Array.from({ length: 15 }, (_, index) => notRun(`root.x${index}`, { because: ["l"], reason: "l failed" }));
    const tasks = [root("FAILED"), task("l", "root.l", { type: "LOOP", state: "FAILED" }), ...steps];
    const text = shown(finished({ tasks, notRun: [...blocked, ...after] }));
    expect(text).toContain("\n      ... and 50 FAILED, 50 NOT RUN\n");
    expect(text).toContain("\n  ... and 20 more\n");
    expect(text).toContain("\n  ... and 40 more\n");
    expect(text).toContain("\n    not run because of it: l.u[0], x0, x1, x2, x3, x4, x5, x6, x7, x8, 6 more\n");
  });

  test("names the iterations of all loops around a task, as progress does", ({ expect }) => {
    const run = finished({
      tasks: [
        root("FAILED"),
        task("o", "root.o", { type: "LOOP", state: "FAILED" }),
        task("i", "root.o.i", { type: "LOOP", state: "FAILED", parentTaskId: "o", iterationIndex: 2 }),
        task("t", "root.o.i.t", { state: "FAILED", parentTaskId: "i", iterationIndex: 1, error: "no" }),
      ],
    });
    expect(shown(run)).toContain("\nFailed\n  o.i.t[2,1]: no\n");
  });
});
