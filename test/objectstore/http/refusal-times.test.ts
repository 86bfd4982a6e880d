import { describe, test } from "vitest";
import { refusalTimes } from "../../../src/objectstore/http/refusal-times.ts";

const date = "Sun, 29 Nov 2026 04:00:00 GMT";
const answeredAtMs = Date.UTC(2026, 10, 29, 4);

describe("refusalTimes()", () => {
  test.for([
    ["seconds", "7", 7_000],
    ["no time at all", "0", 0],
    ["very long", "999999999", 999_999_999_000],
    ["a date", "Sun, 29 Nov 2026 04:00:09 GMT", 9_000],
    ["a date that is over", "Sun, 29 Nov 2026 03:59:00 GMT", 0],
    ["an old form of a date", "Sunday, 29-Nov-26 04:00:05 GMT", 5_000],
  ] as const)("Retry-After: %s", ([, text, retryAfterMs], { expect }) => {
    expect(refusalTimes({ date, "retry-after": text })).toEqual({ answeredAtMs, retryAfterMs });
  });

  test.for(["", "soon", "-1", "1.5", "1e3", "2026-11-29", "Nonsense, 99", "Sun, 99 Nov 2026"])(
    "passes over Retry-After: %s",
    (text, { expect }) => {
      expect(refusalTimes({ date, "retry-after": text })).toEqual({ answeredAtMs });
    },
  );

  test("a date counts for nothing where the server does not tell its own time", ({ expect }) => {
    expect(refusalTimes({ "retry-after": date })).toEqual({});
    expect(refusalTimes({ date: "nonsense", "retry-after": date })).toEqual({});
    expect(refusalTimes({})).toEqual({});
  });
});
