import { describe, test } from "vitest";
import { ApiError, HostError, InternalError, KubeError, ResolveError, SpecError, UsageError } from "../../../src/core/errors.ts";
import { failed, nodeResultJson, refused, succeeded } from "../../../src/resident/agent/node-result.ts";

describe("failed()", () => {
  test.for([
    { error: new SpecError("SPEC_INVALID", "x"), phase: "Failed" },
    { error: new ResolveError("INPUT_NULL", "x"), phase: "Failed" },
    { error: new UsageError("FLAG_MISSING", "x"), phase: "Failed" },
    { error: new ApiError("API_REJECTED", "x"), phase: "Failed" },
    { error: new KubeError("KUBE_REJECTED", "x"), phase: "Failed" },
    { error: new ApiError("API_UNAVAILABLE", "x"), phase: "Error" },
    { error: new KubeError("KUBE_UNAVAILABLE", "x"), phase: "Error" },
    { error: new HostError("FILE_WRITE_FAILED", "x"), phase: "Error" },
    { error: new InternalError("INVARIANT_BROKEN", "x"), phase: "Error" },
    { error: new TypeError("x"), phase: "Error" },
  ])("of $error.name $error.code is $phase", ({ error, phase }, { expect }) => {
    expect(failed(error)).toEqual({ phase, message: "driver: x" });
  });

  test("keeps a message short, and whole Unicode", ({ expect }) => {
    const { message = "" } = failed(new Error("😀".repeat(2000)));
    expect(message.length).toBeLessThanOrEqual(1024);
    expect(message.isWellFormed()).toBe(true);
    expect(message.endsWith("…")).toBe(true);
  });
});

describe("nodeResultJson()", () => {
  test("of a result with outputs", ({ expect }) => {
    expect(nodeResultJson(succeeded([{ name: "a", value: "" }]))).toEqual({
      phase: "Succeeded",
      outputs: { parameters: [{ name: "a", value: "" }] },
    });
  });

  test("of a refusal", ({ expect }) => {
    expect(nodeResultJson(refused("no"))).toEqual({ phase: "Failed", message: "driver: refused: no" });
  });
});
