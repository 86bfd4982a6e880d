import { describe, expect, test } from "vitest";
import { withDeadline } from "../../../src/local/engine/deadline.ts";

/** A clock whose only sleeper is woken by hand. */
function handClock() {
  const started: number[] = [];
  let wake = (): void => undefined;
  return {
    started,
    wake: () => wake(),
    sleep: (ms: number, signal?: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        started.push(ms);
        wake = resolve;
        signal?.addEventListener("abort", () => reject(new Error("woken")), { once: true });
      }),
  };
}

const untilStopped = (signal: AbortSignal): Promise<{ exitCode: number }> =>
  new Promise((resolve) => signal.addEventListener("abort", () => resolve({ exitCode: 143 }), { once: true }));

describe("withDeadline()", () => {
  test("without one only the signal stops the work", async () => {
    const clock = handClock();
    const { signal } = new AbortController();
    expect(
      await withDeadline({ clock, signal }, undefined, (given) => Promise.resolve({ exitCode: given === signal ? 0 : 1 })),
    ).toEqual({ exitCode: 0 });
    expect(clock.started).toEqual([]);
  });

  test("stops what takes longer as the kubelet does", async () => {
    const clock = handClock();
    const reasons: unknown[] = [];
    const ending = withDeadline({ clock, signal: new AbortController().signal }, 5, (signal) => {
      signal.addEventListener("abort", () => reasons.push(signal.reason));
      return untilStopped(signal);
    });
    expect(clock.started).toEqual([5000]);
    clock.wake();
    expect(await ending).toEqual({ exitCode: 143, isLate: true });
    expect(reasons).toEqual(["SIGTERM"]);
  });

  test("a run that is stopped before is not late, and work that ends in time leaves no timer", async () => {
    const clock = handClock();
    const run = new AbortController();
    const stopped = withDeadline({ clock, signal: run.signal }, 5, untilStopped);
    run.abort("SIGTERM");
    expect(await stopped).toEqual({ exitCode: 143, isLate: false });
    const { signal } = new AbortController();
    expect(await withDeadline({ clock, signal }, 5, () => Promise.resolve({ exitCode: 0 }))).toEqual({
      exitCode: 0,
      isLate: false,
    });
  });
});
