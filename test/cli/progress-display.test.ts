import { describe, test, vi } from "vitest";
import { createProgressDisplay } from "../../src/cli/progress-display.ts";
import type { EngineEvent } from "../../src/local/engine.ts";

const place = (scopePath: string, ...iterations: number[]) => ({ scopePath, iterations });
const started = (scopePath: string, ...iterations: number[]): EngineEvent => ({
  kind: "started",
  place: place(scopePath, ...iterations),
  taskKind: "step",
});
const ended = (scopePath: string, more: object): EngineEvent => ({
  ...{ kind: "ended", place: place(scopePath), taskKind: "step", outcome: "succeeded", cached: false, durationMs: 1234 },
  ...more,
});

function open(isTerminal: boolean, environment: Record<string, string> = {}, columns = 40) {
  let text = "";
  let nowMs = 0;
  const stream = { write: (added: string) => (text += added), isTerminal, columns: () => columns, rows: () => 6 };
  const display = createProgressDisplay({ stream, clock: { monotonicMs: () => nowMs }, environment });
  return { display, text: () => text, pass: (ms: number) => (nowMs += ms) };
}

describe("progress on a pipe", () => {
  test("is plain lines", ({ expect }) => {
    const { display, text } = open(false);
    display.event({ ...started("root"), taskKind: "dag" } as EngineEvent);
    display.event(started("root.loop.a", 2));
    display.line({ place: place("root.loop.a", 2), stream: "stdout", text: "hello" });
    display.event(ended("root.a", { cached: true }));
    display.event({ kind: "retrying", place: place("root.b"), retryIndex: 1, exitCode: 3 });
    display.event(ended("root.b", { outcome: "failed", exitCode: 3 }));
    display.event(ended("root.c", { outcome: "failed", error: "no such input" }));
    display.event(ended("root.d", { outcome: "skipped", durationMs: 20 }));
    display.end();
    expect(text().split("\n")).toEqual([
      "loop.a[2]: step started",
      "loop.a[2] | hello",
      "a: CACHED (1.2 s)",
      "b: ended with exit code 3, attempt 2 begins",
      "b: FAILED (1.2 s): exit code 3",
      "c: FAILED (1.2 s): no such input",
      "d: SKIPPED (0.02 s)",
      "",
    ]);
  });
});

describe("progress on a terminal", () => {
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
