/** The matrix itself, without a cluster. */
import { existsSync } from "node:fs";
import { describe, test } from "vitest";
import { conformancePipelines } from "../conformance/pipelines.ts";
import { SCENARIOS } from "./scenarios.ts";

const pipelines = new Set(conformancePipelines().map(({ name }) => name));

describe("scenarios", () => {
  test("have names of their own", ({ expect }) => {
    expect(new Set(SCENARIOS.map(({ name }) => name)).size).toBe(SCENARIOS.length);
  });

  test.for(SCENARIOS)("$name has a pipeline and its workflow", ({ pipeline }, { expect }) => {
    expect(pipelines).toContain(pipeline);
    expect(existsSync(new URL(`../conformance/workflows/${pipeline}.yaml`, import.meta.url))).toBe(true);
  });

  test("change what they mean to change", ({ expect }) => {
    for (const { changeExecutors } of SCENARIOS) {
      if (changeExecutors === undefined) continue;
      const executors = {
        one: { container: { image: "python:3.11", command: ["python"] } },
        claim: { container: { image: "argostub/createpvc" } },
      };
      const before = structuredClone(executors);
      changeExecutors(executors);
      expect(executors.one).not.toEqual(before.one);
    }
  });
});
