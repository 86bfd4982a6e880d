import { stripVTControlCharacters } from "node:util";
import stringWidth from "string-width";
import { describe, test, vi } from "vitest";
import { createProgressDisplay } from "../../../src/cli/text/progress-display.ts";
import type { EngineEvent } from "../../../src/local/engine/engine-event.ts";

const place = (scopePath: string, ...iterations: number[]) => ({ scopePath, iterations });
const started = (scopePath: string, ...iterations: number[]): EngineEvent => ({
  kind: "started",
  place: place(scopePath, ...iterations),
  taskKind: "step",
});
const running = (scopePath: string, ...iterations: number[]): EngineEvent => ({
  kind: "running",
  place: place(scopePath, ...iterations),
  taskKind: "step",
});
const ended = (scopePath: string, more: object): EngineEvent => ({
  ...{ kind: "ended", place: place(scopePath), taskKind: "step", outcome: "succeeded", cached: false, durationMs: 1234 },
  ...more,
});

const displayNames = new Map([["root.named", "Train \u{1b}[2Jit"]]);

function open(isTerminal: boolean, environment: Record<string, string> = {}, { columns = 40, showsRoutine = false } = {}) {
  let text = "";
  let nowMs = 0;
  const stream = { write: (added: string) => (text += added), isTerminal, columns: () => columns, rows: () => 6 };
  const display = createProgressDisplay({
    ...{ stream, clock: { monotonicMs: () => nowMs }, environment, displayNames, showsRoutine },
  });
  return { display, text: () => text, pass: (ms: number) => (nowMs += ms) };
}

describe("progress on a pipe", () => {
  test("is plain lines", ({ expect }) => {
    const { display, text } = open(false);
    display.event({ ...started("root"), taskKind: "dag" } as EngineEvent);
    display.event(started("root.loop.a", 2));
    display.event(running("root.loop.a", 2));
    display.line({ place: place("root.loop.a", 2), stream: "stdout", text: "hello", isRoutine: false });
    display.event(started("root.a"));
    display.event(ended("root.a", { cached: true }));
    display.event({ kind: "retrying", place: place("root.b"), retryIndex: 1, exitCode: 3 });
    display.event(ended("root.b", { outcome: "failed", exitCode: 3 }));
    display.event({ kind: "redriving", place: place("root.c"), retryIndex: 1, error: "spawn\n EAGAIN" });
    const excess = [
      { resource: "cpu", asked: 8, available: 2 },
      { resource: "memory", asked: 2 ** 36, available: 2 ** 30 },
    ];
    display.event({ kind: "alone", place: place("root.c"), excess });
    display.event(ended("root.c", { outcome: "failed", error: "no such input:\n  x" }));
    display.event(ended("root.d", { outcome: "skipped", durationMs: 20 }));
    display.end();
    expect(text().split("\n")).toEqual([
      "loop.a[2]: step started",
      "loop.a[2] | hello",
      "a: CACHED (1.2 s)",
      "b: ended with exit code 3, attempt 2 begins",
      "b: FAILED (1.2 s): exit code 3",
      "c: its driver failed, attempt 2 begins: spawn EAGAIN",
      "c: runs alone, it asks for cpu 8, more than the 2 that there are and memory 64.0 GiB, more than the 1.0 GiB that there are",
      "c: FAILED (1.2 s): no such input: x",
      "d: SKIPPED (0.02 s)",
      "",
    ]);
  });

  test("of a loop of thousands says how far it is at every tenth, and what failed first", ({ expect }) => {
    const { display, text } = open(false);
    const loop = { place: place("root.loop"), taskKind: "loop" } as const;
    display.event({ kind: "started", ...loop });
    display.event({ kind: "running", ...loop, iterationCount: 5000 });
    for (let index = 0; index < 5000; index += 1) {
      display.event(started("root.loop.a", index));
      display.event(running("root.loop.a", index));
      display.event({ kind: "retrying", place: place("root.loop.a", index), retryIndex: 1, exitCode: 3 });
      const outcome = index % 100 === 7 ? { outcome: "failed", exitCode: 3 } : {};
      display.event(ended("", { place: place("root.loop.a", index), ...outcome }));
    }
    display.event({ ...ended("", {}), ...loop, outcome: "failed" } as EngineEvent);
    display.event(running("root.b"));
    display.end();
    const lines = text().trimEnd().split("\n");
    const failures = lines.filter((line) => line.startsWith("loop.a["));
    expect(failures).toEqual(Array.from({ length: 20 }, (_, index) => `loop.a[${index * 100 + 7}]: FAILED (1.2 s): exit code 3`));
    expect(lines.filter((line) => !failures.includes(line))).toEqual([
      "loop: loop started",
      "loop: 5000 iterations, 495 SUCCEEDED, 5 FAILED",
      "loop: 5000 iterations, 990 SUCCEEDED, 10 FAILED",
      "loop: 5000 iterations, 1485 SUCCEEDED, 15 FAILED",
      "loop: what else fails is counted",
      ...[4, 5, 6, 7, 8, 9, 10].map((tenth) => `loop: 5000 iterations, ${tenth * 495} SUCCEEDED, ${tenth * 5} FAILED`),
      "loop: FAILED (1.2 s)",
      "loop: 5000 iterations, 4950 SUCCEEDED, 50 FAILED",
      "b: step started",
    ]);
  });

  test("escapes what others wrote and has no colours, those of steps neither", ({ expect }) => {
    const { display, text } = open(false);
    display.event(running("root.\u{1b}[31mred"));
    display.event(running("root.named"));
    display.line({ place: place("root.a"), stream: "stdout", text: "\u{1b}[32mok\u{1b}[0m\u{1b}[2J", isRoutine: false });
    display.event(ended("root.named", { outcome: "failed", error: "bad \u{9b}2J" }));
    display.notice("note: \u{202e}x");
    expect(text().split("\n")).toEqual([
      String.raw`\x1b[31mred: step started`,
      String.raw`named "Train \x1b[2Jit": step started`,
      String.raw`a | ok\x1b[2J`,
      String.raw`named "Train \x1b[2Jit": FAILED (1.2 s): bad \x9b2J`,
      String.raw`note: \u202ex`,
      "",
    ]);
  });

  test("shows what the SDK's executor says only when asked", ({ expect }) => {
    for (const showsRoutine of [false, true]) {
      const { display, text } = open(false, {}, { showsRoutine });
      display.line({ place: place("root.a"), stream: "stderr", text: "Got executor_input:", isRoutine: true });
      expect(text()).toBe(showsRoutine ? "a | Got executor_input:\n" : "");
    }
  });
});

describe("progress on a terminal", () => {
  test("of a loop of thousands shows counts and what failed, within the height", ({ expect }) => {
    vi.useFakeTimers();
    try {
      const { display, text } = open(true, { NO_COLOR: "1" }, { columns: 80 });
      const loop = { place: place("root.loop"), taskKind: "loop" } as const;
      display.event({ kind: "started", ...loop });
      display.event({ kind: "running", ...loop, iterationCount: 5000 });
      const frames: string[] = [];
      for (let index = 0; index < 5000; index += 1) {
        display.event(started("root.loop.a", index));
        display.event(running("root.loop.a", index));
        if (index < 50) continue;
        const outcome = index === 60 ? { outcome: "failed", exitCode: 3 } : {};
        display.event(ended("", { place: place("root.loop.a", index - 50), ...outcome }));
        if (index % 500 !== 0) continue;
        const before = text().length;
        vi.advanceTimersByTime(100);
        frames.push(text().slice(before));
      }
      for (let index = 4950; index < 5000; index += 1) display.event(ended("", { place: place("root.loop.a", index) }));
      display.event({ ...ended("", {}), ...loop, outcome: "failed" } as EngineEvent);
      display.end();
      // Four lines fit; the first frame has the line about the failure as well.
      for (const frame of frames) {
        const lines = stripVTControlCharacters(frame).trim().split("\n");
        expect(lines.length).toBeLessThanOrEqual(frame === frames[0] ? 5 : 4);
      }
      expect(frames.at(-1)).toMatch(/RUNNING loop: 5000 iterations, 4450 SUCCEEDED, 1 FAILED +0.00 s/);
      expect(text().match(/^.*loop\.a\[\d+\]: .*$/gm)).toEqual(["loop.a[10]: FAILED (1.2 s): exit code 3"]);
      expect(text().split("\n").slice(-3)).toEqual([
        expect.stringMatching(/loop: FAILED \(1\.2 s\)$/),
        "loop: 5000 iterations, 4999 SUCCEEDED, 1 FAILED",
        "",
      ]);
    } finally {
      vi.useRealTimers();
    }
  });

  test("keeps running tasks below what has happened, within the width", ({ expect }) => {
    vi.useFakeTimers();
    try {
      const { display, text, pass } = open(true, { NO_COLOR: "1" });
      for (const name of ["a", "b", "c", "d", `e${"x".repeat(80)}`]) display.event(started(`root.${name}`));
      pass(2000);
      vi.advanceTimersByTime(100);
      expect(text()).toBe("RUNNING a 2.0 s\nRUNNING b 2.0 s\nRUNNING c 2.0 s\n        and 2 more\n");
      for (const name of ["a", "b", "c", "d"]) display.event(ended(`root.${name}`, {}));
      vi.advanceTimersByTime(100);
      const redrawn = text().split("\u{1b}[4A\r\u{1b}[J")[1] ?? "";
      const lines = redrawn.trimEnd().split("\n");
      expect(lines.slice(0, 4)).toEqual(["a", "b", "c", "d"].map((name) => `${name}: SUCCEEDED (1.2 s)`));
      expect(lines[4]).toMatch(/^RUNNING ex+… 2\.0 s$/);
      expect(lines[4]?.length).toBeLessThanOrEqual(40);
      display.end();
      expect(text().endsWith("\u{1b}[1A\r\u{1b}[J")).toBe(true);
    } finally {
      vi.useRealTimers();
    }
  });

  test.for([20, 24, 40, 80])("keeps every live line on one row of %d columns, wide characters too", (columns, { expect }) => {
    vi.useFakeTimers();
    try {
      const { display, text, pass } = open(true, {}, { columns });
      for (const name of ["モデルを学習する".repeat(3), "👨‍👩‍👧".repeat(20), `e${"\u{301}".repeat(50)}`, "x"]) {
        display.event(started(`root.${name}`));
      }
      pass(200_000);
      vi.advanceTimersByTime(100);
      const lines = text().trimEnd().split("\n");
      expect(lines).toHaveLength(4);
      for (const line of lines) expect(stringWidth(line)).toBeLessThan(columns);
      display.end();
    } finally {
      vi.useRealTimers();
    }
  });

  test("says in its live lines what has started, and not again above them", ({ expect }) => {
    const { display, text } = open(true, { NO_COLOR: "1" });
    display.event(started("root.a"));
    display.event(running("root.a"));
    display.event(ended("root.a", {}));
    display.end();
    expect(text()).toBe("a: SUCCEEDED (1.2 s)\n");
  });

  test("has colours unless NO_COLOR says otherwise", ({ expect }) => {
    for (const [environment, hasColour] of [
      [{}, true],
      [{ NO_COLOR: "1" }, false],
      [{ NO_COLOR: "" }, true],
      [{ TERM: "dumb" }, false],
    ] as const) {
      const { display, text } = open(true, environment);
      display.event(ended("root.a", {}));
      display.end();
      expect(text().includes("\u{1b}[32mSUCCEEDED")).toBe(hasColour);
    }
  });
});
