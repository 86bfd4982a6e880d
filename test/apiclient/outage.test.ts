import { describe, test } from "vitest";
import { isUnanswered, Outage } from "../../src/apiclient/outage.ts";

describe("Outage", () => {
  test("begins with the first silence and ends with the next answer", ({ expect }) => {
    const outage = new Outage();
    expect(outage.noteAnswer(1000)).toBeUndefined();
    expect(outage.lastedMs(1000)).toBe(0);
    expect(outage.noteSilence(2000)).toBe(true);
    expect(outage.noteSilence(2500)).toBe(false);
    expect(outage.lastedMs(5000)).toBe(3000);
    expect(outage.noteAnswer(6000)).toEqual({ lastedMs: 4000, tries: 2 });
    expect(outage.noteAnswer(7000)).toBeUndefined();
  });

  test("a second one counts from its own beginning", ({ expect }) => {
    const outage = new Outage();
    outage.noteSilence(0);
    outage.noteAnswer(10);
    expect(outage.noteSilence(100)).toBe(true);
    expect(outage.lastedMs(150)).toBe(50);
    expect(outage.noteAnswer(200)).toEqual({ lastedMs: 100, tries: 1 });
  });
});

test("an answer that refuses the call is an answer", ({ expect }) => {
  expect(isUnanswered("UNAVAILABLE")).toBe(true);
  expect(isUnanswered("DEADLINE_EXCEEDED")).toBe(true);
  for (const status of ["ABORTED", "RESOURCE_EXHAUSTED", "NOT_FOUND", "INTERNAL"] as const)
    expect(isUnanswered(status)).toBe(false);
});
