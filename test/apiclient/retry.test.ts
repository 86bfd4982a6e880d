import fc from "fast-check";
import { describe, test } from "vitest";
import type { GrpcStatus } from "../../src/wire/grpc-status.ts";
import { DEFAULT_RETRY_POLICY, isAmbiguous, isRetryable, nextRetryMs, retryDelayMs } from "../../src/apiclient/retry.ts";

const refused = "No connection established. Last error: connect ECONNREFUSED 127.0.0.1:1";

describe("isRetryable()", () => {
  test.for<{ status: GrpcStatus; details?: string; idempotent: boolean; once: boolean }>([
    { status: "UNAVAILABLE", idempotent: true, once: false },
    { status: "UNAVAILABLE", details: refused, idempotent: true, once: true },
    { status: "UNAVAILABLE", details: "Name resolution failed for target dns:nowhere:1", idempotent: true, once: true },
    { status: "UNAVAILABLE", details: "Connection dropped", idempotent: true, once: false },
    { status: "DEADLINE_EXCEEDED", idempotent: true, once: false },
    { status: "RESOURCE_EXHAUSTED", idempotent: true, once: false },
    { status: "RESOURCE_EXHAUSTED", details: "Received message larger than max (5 vs 4)", idempotent: false, once: false },
    { status: "ABORTED", idempotent: true, once: false },
    { status: "UNIMPLEMENTED", idempotent: false, once: false },
    { status: "INTERNAL", idempotent: false, once: false },
    { status: "NOT_FOUND", idempotent: false, once: false },
    { status: "UNAUTHENTICATED", idempotent: false, once: false },
    { status: "INVALID_ARGUMENT", idempotent: false, once: false },
  ])("$status $details", ({ status, details = "", idempotent, once }, { expect }) => {
    expect(isRetryable({ status, details }, "idempotent")).toBe(idempotent);
    expect(isRetryable({ status, details }, "once")).toBe(once);
  });
});

describe("isAmbiguous()", () => {
  test.for<[GrpcStatus, string, boolean]>([
    ["UNAVAILABLE", "Connection dropped", true],
    ["UNAVAILABLE", refused, false],
    ["DEADLINE_EXCEEDED", "", true],
    ["INTERNAL", "UNIQUE constraint failed", false],
    ["INVALID_ARGUMENT", "", false],
  ])("%s %s: %s", ([status, details, expected], { expect }) => {
    expect(isAmbiguous({ status, details })).toBe(expected);
  });
});

describe("API-25: nextRetryMs()", () => {
  const failed = {
    failure: { status: "UNAVAILABLE", details: "" },
    repeatability: "idempotent",
    elapsedMs: 0,
    random: 0.5,
  } as const;

  test("goes on for five minutes, however many tries that takes", ({ expect }) => {
    expect(nextRetryMs({ ...failed, attempt: 1, elapsedMs: 299_000 })).toBe(750);
    expect(nextRetryMs({ ...failed, attempt: 1, elapsedMs: 299_500 })).toBeUndefined();
    expect(nextRetryMs({ ...failed, attempt: 1000, elapsedMs: 200_000 })).toBe(5250);
  });

  test("does not try again with a timeout of 0", ({ expect }) => {
    expect(nextRetryMs({ ...failed, attempt: 1 }, { ...DEFAULT_RETRY_POLICY, totalMs: 0 })).toBeUndefined();
  });

  test("waits between half a second and ten seconds, longer after later tries", ({ expect }) => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (attempt, random) => {
          const delayMs = retryDelayMs(attempt, random);
          expect(delayMs).toBeGreaterThanOrEqual(DEFAULT_RETRY_POLICY.minDelayMs);
          expect(delayMs).toBeLessThanOrEqual(DEFAULT_RETRY_POLICY.maxDelayMs);
          expect(retryDelayMs(attempt + 1, random)).toBeGreaterThanOrEqual(delayMs);
        },
      ),
      { numRuns: 200 },
    );
  });
});
