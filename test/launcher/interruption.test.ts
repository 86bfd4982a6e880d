import { describe, expect, test } from "vitest";
import {
  CALLS_UNTIL_MS,
  COMMAND_GRACE_MS,
  interruptedError,
  LOG_UPLOAD_UNTIL_MS,
  StopWatch,
  throwIfInterrupted,
  unlessInterrupted,
} from "../../src/launcher/interruption.ts";
import { FakeClock } from "../fakes/fake-clock.ts";

const never = new Promise<never>(() => undefined);

describe("interruptedError()", () => {
  test.for([
    { reason: "SIGTERM", message: "the launcher was told to stop by SIGTERM (signal: terminated)", exitCode: 143 },
    { reason: "SIGINT", message: "the launcher was told to stop by SIGINT (signal: interrupt)", exitCode: 130 },
    { reason: new Error("cancelled by user"), message: "cancelled by user", exitCode: 1 },
    { reason: undefined, message: "cancelled", exitCode: 1 },
    { reason: "no signal", message: "cancelled", exitCode: 1 },
  ])("$reason", ({ reason, message, exitCode }) => {
    const error = interruptedError(reason);
    expect(error.message).toBe(message);
    expect(error.details["exitCode"]).toBe(exitCode);
  });
});

// docs/spec/connections.md#decision-deadlines-and-retries
test("everything is saved within twenty seconds of a signal: command, log, row, in this order", () => {
  const ends = [COMMAND_GRACE_MS, LOG_UPLOAD_UNTIL_MS, CALLS_UNTIL_MS, 20_000];
  expect(ends).toEqual(ends.toSorted((a, b) => a - b));
  expect(new Set(ends).size).toBe(ends.length);
});

describe("unlessInterrupted()", () => {
  test("does not begin when the signal is aborted already", async () => {
    let begun = false;
    const work = (): Promise<void> => {
      begun = true;
      return Promise.resolve();
    };
    await expect(unlessInterrupted(AbortSignal.abort("SIGTERM"), work)).rejects.toThrow("SIGTERM");
    expect(begun).toBe(false);
  });

  test("does not wait for work that goes on", async () => {
    const controller = new AbortController();
    const waiting = unlessInterrupted(controller.signal, () => never);
    controller.abort("SIGINT");
    await expect(waiting).rejects.toThrow("SIGINT");
  });

  test("passes on result and failure", async () => {
    const { signal } = new AbortController();
    expect(await unlessInterrupted(signal, () => Promise.resolve(1))).toBe(1);
    expect(await unlessInterrupted(undefined, () => Promise.resolve(2))).toBe(2);
    await expect(unlessInterrupted(signal, () => Promise.reject(new Error("own")))).rejects.toThrow("own");
    expect(() => throwIfInterrupted(signal)).not.toThrow();
  });
});

describe("StopWatch.settle()", () => {
  test("waits for the end of the work, failure included", async () => {
    const clock = new FakeClock();
    await expect(new StopWatch({ clock }).settle(Promise.resolve())).resolves.toBeUndefined();
    const { signal } = new AbortController();
    await expect(new StopWatch({ clock, signal }).settle(Promise.reject(new Error("own")))).resolves.toBeUndefined();
  });

  test("ends 14 s after the request to stop, whenever it is called", async () => {
    const clock = new FakeClock();
    const controller = new AbortController();
    const watch = new StopWatch({ clock, signal: controller.signal });
    controller.abort("SIGTERM");
    clock.advance(9000);
    let settled = false;
    const waiting = watch.settle(never).then(() => {
      settled = true;
    });
    const turns = async (): Promise<void> => {
      for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    };
    await turns();
    clock.advance(4999);
    await turns();
    expect(settled).toBe(false);
    clock.advance(1);
    await waiting;
    watch.close();
  });

  test("a request during the work starts the time", async () => {
    const clock = new FakeClock();
    const controller = new AbortController();
    const watch = new StopWatch({ clock, signal: controller.signal });
    const waiting = watch.settle(never);
    controller.abort("SIGTERM");
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    clock.advance(14_000);
    await expect(waiting).resolves.toBeUndefined();
  });
});
