import { describe, expect, test } from "vitest";
import { StoreFailure } from "../../src/objectstore/store-failure.ts";
import { createRetrier, pauseMs } from "../../src/objectstore/retry.ts";
import { isRetryable } from "../../src/objectstore/store-errors.ts";

const clock = { now: () => new Date(), monotonicMs: () => 0, sleep: () => Promise.resolve() };
const busy = new StoreFailure("busy", { status: 503, reason: "SlowDown" });
const retrier = (attempts: number, signal = new AbortController().signal) =>
  createRetrier(clock, { attempts, signal, random: () => 0.5 });

describe("a retrier", () => {
  test.for([
    { attempts: 0, calls: 3 },
    { attempts: 1, calls: 1 },
    { attempts: 7, calls: 7 },
  ])("asked for $attempts attempts makes $calls", async ({ attempts, calls }) => {
    let count = 0;
    const work = retrier(attempts).run(() => {
      count += 1;
      return Promise.reject(busy);
    });
    await expect(work).rejects.toMatchObject({ status: 503, tries: calls });
    expect(count).toBe(calls);
  });

  test("stops between tries when the store is closed", async () => {
    const controller = new AbortController();
    let count = 0;
    const work = retrier(5, controller.signal).run(() => {
      count += 1;
      controller.abort(new Error("closed"));
      return Promise.reject(busy);
    });
    await expect(work).rejects.toThrow("closed");
    expect(count).toBe(1);
  });
});

describe("pauseMs()", () => {
  test("doubles, is longer for throttling, and is bounded", () => {
    const reset = new StoreFailure("reset", { reason: "ECONNRESET" });
    expect([1, 2, 3, 20].map((attempt) => pauseMs(attempt, reset, 0.5))).toEqual([50, 100, 200, 10_000]);
    expect(pauseMs(1, busy, 0.5)).toBe(250);
  });

  test("is no shorter than the store asks for, within the bound", () => {
    const asked = (retryAfterMs: number) => new StoreFailure("busy", { status: 429, retryAfterMs });
    expect(pauseMs(1, asked(3_000), 0.5)).toBe(3_000);
    expect(pauseMs(4, asked(1_000), 0.5)).toBe(2_000);
    expect(pauseMs(1, asked(3_600_000), 0.5)).toBe(20_000);
  });
});

describe("isRetryable()", () => {
  test.for([
    [{ status: 500 }, true],
    [{ status: 501 }, false],
    [{ status: 403, reason: "AccessDenied" }, false],
    [{ status: 404, reason: "NoSuchKey" }, false],
    [{ status: 400, reason: "RequestTimeout" }, true],
    [{ status: 403, reason: "RequestTimeTooSkewed" }, true],
    [{ reason: "ECONNRESET" }, true],
    [{ reason: "ENOENT" }, false],
    [{ reason: "ENOTFOUND" }, false],
    [{}, false],
  ] as const)("%j: %s", ([options, expected]) => {
    expect(isRetryable(new StoreFailure("x", options))).toBe(expected);
  });
});
