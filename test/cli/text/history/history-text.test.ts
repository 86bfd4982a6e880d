import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { artifactTableLines } from "../../../../src/cli/text/history/artifact-text.ts";
import { cacheListLines, verdictLines } from "../../../../src/cli/text/history/cache-text.ts";
import { diffLines } from "../../../../src/cli/text/history/diff-text.ts";
import { runListLines } from "../../../../src/cli/text/history/run-list-text.ts";
import { runLines, taskLines } from "../../../../src/cli/text/history/run-text.ts";
import {
  PipelineTaskSchema,
  RunSchema,
  RuntimeState,
  TaskState,
  TaskType,
  type PipelineTask,
} from "../../../../src/core/kfp-types.ts";
import { historyRun, type HistoryRun } from "../../../../src/local/history/stored-run.ts";

const place = { environment: {}, isTerminal: false, columns: Infinity };
const at = (second: number) => timestampFromMs(Date.UTC(2026, 10, 29, 1, 2, second));
const EVIL = "\u{1b}[2J";

const task = (taskId: string, name: string, more: MessageInitShape<typeof PipelineTaskSchema> = {}): PipelineTask =>
  create(PipelineTaskSchema, {
    ...{ taskId, name, scopePath: taskId === "t0" ? "root" : `root.${name}`, type: TaskType.RUNTIME, state: TaskState.SUCCEEDED },
    ...(taskId === "t0" ? {} : { parentTaskId: "t0" }),
    createTime: at(1),
    endTime: at(4),
    ...more,
  });

function run(state: RuntimeState, rows: readonly PipelineTask[], { now = 10, isHeld = true } = {}): HistoryRun {
  const isOver = state === RuntimeState.SUCCEEDED || state === RuntimeState.FAILED;
  return historyRun(
    {
      run: create(RunSchema, {
        ...{ runId: "11111111-2", displayName: `night ${EVIL}`, state, createdAt: at(0) },
        ...(isOver ? { finishedAt: at(5) } : {}),
        runtimeConfig: { parameters: { n: { kind: { case: "numberValue", value: 3 } } }, pipelineRoot: "/a" },
      }),
      pipelineSpec: undefined,
    },
    rows,
    { now: new Date(Date.UTC(2026, 10, 29, 1, 2, now)), isHeld },
  );
}

const root = (state: TaskState, message = "") =>
  task("t0", "ROOT", { type: TaskType.ROOT, state, ...(message === "" ? {} : { statusMetadata: { message } }) });
const options = {
  ...place,
  failures: new Map([["t1", { lastLines: ["Traceback (most recent call last):", `  x${EVIL}`, "E: bad"] }]]),
  home: "",
  logPath: "/log",
};
const text = (lines: readonly { toString(): string }[]): string => lines.map(String).join("\n");

describe("historyRun()", () => {
  test.for<{ name: string; found: HistoryRun; facts: object }>([
    {
      name: "succeeded",
      found: run(RuntimeState.SUCCEEDED, [root(TaskState.SUCCEEDED)]),
      facts: { state: "SUCCEEDED", cancelled: false },
    },
    {
      name: "cancelled",
      found: run(RuntimeState.FAILED, [root(TaskState.FAILED, "cancelled by user")]),
      facts: { cancelled: true },
    },
    { name: "failed", found: run(RuntimeState.FAILED, [root(TaskState.FAILED, "bad")]), facts: { cancelled: false } },
    { name: "running", found: run(RuntimeState.RUNNING, []), facts: { abandoned: false } },
    { name: "left behind", found: run(RuntimeState.RUNNING, [], { isHeld: false }), facts: { abandoned: true } },
    { name: "waiting for a server", found: run(RuntimeState.PENDING, [], { isHeld: false }), facts: { abandoned: false } },
  ])("knows a run that is $name", ({ found, facts }) => {
    expect(found).toMatchObject(facts);
  });

  test("tells the duration of a run that goes on until now", () => {
    expect(run(RuntimeState.RUNNING, []).result.durationMs).toBe(10_000);
    expect(run(RuntimeState.FAILED, []).result.durationMs).toBe(5000);
  });
});

describe("runLines()", () => {
  test("has facts, parameters, the failure and what to do", () => {
    const failed = run(RuntimeState.FAILED, [
      root(TaskState.FAILED),
      task("t1", "fit", { state: TaskState.FAILED, statusMetadata: { message: "exit status 3" } }),
    ]);
    expect(text(runLines(failed, options))).toBe(
      [
        "Run 11111111-2: FAILED in 5 s",
        String.raw`  name     night \x1b[2J`,
        "  started  2026-11-29 01:02:00 UTC",
        "  ended    2026-11-29 01:02:05 UTC",
        "  note     its pipeline cannot be read: the run is stored without its pipeline",
        ...["Parameters", "  n = 3", "Tasks", "  root FAILED", "    fit FAILED", "Failed", "  fit: exit status 3"],
        ...["    | Traceback (most recent call last):", String.raw`    |   x\x1b[2J`, "    | E: bad"],
        "What to do next",
        "  go on from the failed steps: kfp-runtime resume 11111111-2",
        "  output of a step: kfp-runtime logs 11111111-2 fit",
        "  lines of driver and launcher: /log",
      ].join("\n"),
    );
  });

  test("says that nobody runs it any more", () => {
    expect(text(runLines(run(RuntimeState.RUNNING, [], { isHeld: false }), options))).toContain("RUNNING (left behind) for 10 s");
  });
});

describe("taskLines()", () => {
  const many = run(RuntimeState.SUCCEEDED, [
    root(TaskState.SUCCEEDED),
    ...["a", "b", "c", "d"].map((name, index) => task(`t${index + 1}`, name)),
  ]);

  test("shows one in full", () => {
    expect(text(taskLines(many, many.tasks.slice(1, 2), options))).toBe(
      [
        "a: SUCCEEDED in 3 s",
        String.raw`  run      11111111-2 (night \x1b[2J)`,
        "  type     RUNTIME",
        "  started  2026-11-29 01:02:01 UTC",
        "  ended    2026-11-29 01:02:04 UTC",
      ].join("\n"),
    );
  });

  test("lists many", () => {
    expect(text(taskLines(many, many.tasks.slice(1), options)).split("\n")).toEqual([
      "TASK  STATE      STARTED (UTC)        DURATION",
      ...["a", "b", "c", "d"].map((name) => `${name}     SUCCEEDED  2026-11-29 01:02:01  3 s`),
      "4 tasks; name one of them to see it",
    ]);
  });
});

describe("tables", () => {
  test("runs, with what was left out", () => {
    const listed = {
      runId: "11111111-2",
      name: "night",
      state: "FAILED",
      cancelled: true,
      abandoned: false,
      createdAt: "2026-11-29T01:02:03Z",
      durationMs: 3_700_000,
    };
    const lines = runListLines([listed], { ...place, shortIds: new Map([["11111111-2", "11111111"]]), total: 3 });
    expect(lines.map(String)).toEqual([
      "RUN       NAME   STATE               STARTED (UTC)        DURATION",
      "11111111  night  FAILED (cancelled)  2026-11-29 01:02:03  1 h 1 min",
      "... and 2 more; --limit shows more",
    ]);
  });

  test("artifacts, the place on its own line where it does not fit", () => {
    const artifact = {
      task: "fit",
      key: "model",
      name: "model",
      type: "Model",
      uri: "/a/b/model",
      place: "file" as const,
      sizeBytes: 2048,
      metadata: {},
    };
    expect(artifactTableLines([artifact], 80).map(String)).toEqual([
      "ARTIFACT   TYPE   SIZE     PLACE",
      "fit.model  Model  2.0 KiB  /a/b/model",
    ]);
    expect(
      artifactTableLines([artifact], 30)
        .map(String)
        .map((line) => line.trimEnd()),
    ).toEqual([...["ARTIFACT   TYPE   SIZE", "fit.model  Model  2.0 KiB", "  /a/b/model"]]);
  });

  test("cache entries and verdicts", () => {
    const entry = {
      task: "fit",
      iterationIndex: 2,
      taskId: "t1",
      runId: "r",
      fingerprint: "0123456789abcdef",
      createdAt: "2026-11-29T01:02:03Z",
    };
    const lines = cacheListLines([entry], { ...place, names: new Map([["r", "night"]]), shortIds: new Map(), total: 1 });
    expect(String(lines[1])).toBe("0123456789ab  fit[2]  r    night  2026-11-29 01:02:03");
    const found = run(RuntimeState.SUCCEEDED, [root(TaskState.SUCCEEDED), task("t1", "fit")]);
    const fit = found.tasks[1] as (typeof found.tasks)[number];
    const verdict = {
      kind: "differs" as const,
      reason: "it differs",
      other: { run: found, task: fit },
      differences: [{ part: "parameter.n", before: 1 }, { part: "image" }],
    };
    expect(verdictLines({ task: fit, verdict }, place).map(String)).toEqual([
      "fit SUCCEEDED: ran; it differs",
      String.raw`  compared with fit SUCCEEDED of run 11111111-2 (night \x1b[2J)`,
      "    parameter.n: 1 before, absent now",
      "    image",
    ]);
  });

  test("differences, and that there are none", () => {
    const found = run(RuntimeState.SUCCEEDED, [root(TaskState.SUCCEEDED)]);
    const same = { parameters: 1, tasks: 2, metrics: 0, artifacts: 0 };
    const none = { parameters: [], tasks: [], metrics: [], artifacts: [], same };
    expect(String(diffLines(found, found, { ...place, difference: none, all: [] }).at(-1))).toBe(
      "No differences: 1 parameter, 2 tasks, 0 metrics, 0 artifacts",
    );
    const difference = {
      parameters: [{ name: "n", a: 1 }],
      tasks: [{ task: "fit", a: "SUCCEEDED", b: "FAILED", parts: ["image"] }],
      metrics: [{ name: "fit.m.loss", a: 0.5, b: 0.25 }],
      artifacts: [{ task: "fit", key: "model", index: 1, result: "unknown" as const, reason: "it is in a store" }],
      same,
    };
    const lines = text(diffLines(found, found, { ...place, difference, all: [] }));
    expect(lines).toMatch(/^ {2}n {2}1 +-$/m);
    expect(lines).toMatch(/^ {2}fit {2}SUCCEEDED +FAILED +because of image$/m);
    expect(lines).toMatch(/^ {2}fit\.m\.loss {2}0\.5 +0\.25$/m);
    expect(lines).toMatch(/^ {2}fit\.model\[1\] {2}not compared: it is in a store$/m);
  });
});
