import { describe, test } from "vitest";
import { systemClock } from "../../src/node/system-clock.ts";

describe("systemClock", () => {
  test("sleeps and goes forward", async ({ expect }) => {
    const before = systemClock.monotonicMs();
    await systemClock.sleep(1);
    expect(systemClock.monotonicMs()).toBeGreaterThanOrEqual(before);
    expect(systemClock.now()).toBeInstanceOf(Date);
  });

  test("a sleep rejects with the signal's reason, also when it was aborted before", async ({ expect }) => {
    const controller = new AbortController();
    const sleeping = systemClock.sleep(60_000, controller.signal);
    controller.abort(new Error("enough"));
    await expect(sleeping).rejects.toThrow("enough");
    await expect(systemClock.sleep(60_000, controller.signal)).rejects.toThrow("enough");
  });
});
