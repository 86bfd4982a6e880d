import { describe, expect, test } from "vitest";
import { ByteBudget, runBounded } from "../../../src/objectstore/transfer/run-bounded.ts";
import { PART_BYTES, partSizeFor } from "../../../src/objectstore/s3/put-file.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("runBounded()", () => {
  test("does every item once, never more than the limit at a time", async () => {
    const done: number[] = [];
    let running = 0;
    let most = 0;
    async function* items(): AsyncGenerator<number> {
      for (let i = 0; i < 50; i++) yield await Promise.resolve(i);
    }
    await runBounded(items(), 7, async (item) => {
      most = Math.max(most, (running += 1));
      await turn();
      running -= 1;
      done.push(item);
    });
    expect(done.sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i));
    expect(most).toBe(7);
  });

  test("starts nothing after a failure, waits for what runs, throws the first", async () => {
    const started: number[] = [];
    let finished = 0;
    const work = runBounded([0, 1, 2, 3, 4, 5], 2, async (item) => {
      started.push(item);
      await turn();
      if (item === 0) throw new Error("first");
      await turn();
      finished += 1;
    });
    await expect(work).rejects.toThrow("first");
    expect(started).toEqual([0, 1]);
    expect(finished).toBe(1);
  });
});

describe("a ByteBudget", () => {
  test("never holds more than it has, except one work that is larger than all", async () => {
    const budget = new ByteBudget(10);
    let held = 0;
    let most = 0;
    const hold = (bytes: number): Promise<void> =>
      budget.hold(bytes, async () => {
        most = Math.max(most, (held += Math.min(bytes, 10)));
        await turn();
        held -= Math.min(bytes, 10);
      });
    await Promise.all([4, 4, 4, 100, 1, 9, 0, 10].map(hold));
    expect(most).toBeLessThanOrEqual(10);
    expect(held).toBe(0);
  });

  test("gives back what a failed work held", async () => {
    const budget = new ByteBudget(1);
    await expect(budget.hold(1, () => Promise.reject(new Error("x")))).rejects.toThrow("x");
    expect(await budget.hold(1, () => Promise.resolve("next"))).toBe("next");
  });
});

describe("partSizeFor()", () => {
  test("keeps the smallest part as long as 10,000 are enough", () => {
    const gib = 1024 ** 3;
    expect(partSizeFor(gib)).toBe(PART_BYTES);
    for (const size of [80 * gib, 1024 * gib, 5 * 1024 * gib])
      expect(Math.ceil(size / partSizeFor(size))).toBeLessThanOrEqual(10_000);
  });
});
