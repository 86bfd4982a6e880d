import { describe, test } from "vitest";
import { grpcStatusCode, grpcStatusName } from "../../src/wire/grpc-status.ts";

describe("gRPC status", () => {
  test.for([
    ["OK", 0],
    ["INVALID_ARGUMENT", 3],
    ["NOT_FOUND", 5],
    ["UNIMPLEMENTED", 12],
    ["INTERNAL", 13],
    ["UNAUTHENTICATED", 16],
  ] as const)("%s is number %i, both ways", ([name, code], { expect }) => {
    expect(grpcStatusCode(name)).toBe(code);
    expect(grpcStatusName(code)).toBe(name);
  });
  test("a number outside the list is UNKNOWN", ({ expect }) => {
    expect(grpcStatusName(17)).toBe("UNKNOWN");
  });
});
