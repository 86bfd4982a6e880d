import { describe, test } from "vitest";
import { backoffMs } from "../../src/core/backoff.ts";

describe("backoffMs()", () => {
  test("begins with the first pause, doubles, and stops at the longest", ({ expect }) => {
    const growth = { firstMs: 100, longestMs: 500 };
    expect([0, 1, 2, 3, 5000].map((repeats) => backoffMs(growth, repeats))).toEqual([100, 200, 400, 500, 500]);
  });

  test("grows by the factor it is given, without a bound where there is none", ({ expect }) => {
    expect([0, 1, 2].map((repeats) => backoffMs({ firstMs: 10, factor: 3 }, repeats))).toEqual([10, 30, 90]);
    expect(backoffMs({ firstMs: 10, factor: 1 }, 50)).toBe(10);
  });

  test("no first pause means none at all", ({ expect }) => {
    expect(backoffMs({ firstMs: 0, longestMs: 1000 }, 5000)).toBe(0);
  });
});
