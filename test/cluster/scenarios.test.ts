/** The matrix itself, without a cluster. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { describe, test } from "vitest";
import { loadPipelineFile } from "../../src/local/pipeline/pipeline-file.ts";
import { conformancePipelines } from "../conformance/pipelines.ts";
import { SCENARIOS } from "./scenarios.ts";
import { changedPipeline } from "./spec-changes.ts";

const pipelines = new Set(conformancePipelines().map(({ name }) => name));

describe("scenarios", () => {
  test("have names of their own", ({ expect }) => {
    expect(new Set(SCENARIOS.map(({ name }) => name)).size).toBe(SCENARIOS.length);
  });

  test.for(SCENARIOS)("$name has a pipeline and its workflow", ({ pipeline }, { expect }) => {
    expect(pipelines).toContain(pipeline);
    expect(existsSync(new URL(`../conformance/workflows/${pipeline}.yaml`, import.meta.url))).toBe(true);
  });

  const changing = SCENARIOS.filter(({ changeSpec, changeExecutors }) => (changeSpec ?? changeExecutors) !== undefined);

  test.for(changing)("$name changes what it means to change", async (scenario, { expect }) => {
    const text = await readFile(new URL(`../conformance/pipelines/${scenario.pipeline}.yaml`, import.meta.url), "utf8");
    const { source } = await loadPipelineFile({ readText: () => Promise.resolve(text) }, "pipeline.yaml");
    const { changeSpec, changeExecutors } = scenario;
    const changed = [
      ...(changeSpec === undefined ? [] : [changedPipeline(source, { changeSpec })]),
      ...(changeExecutors === undefined ? [] : [changedPipeline(source, { changeExecutors })]),
    ];
    expect(changed).not.toHaveLength(0);
    expect(changed).not.toContainEqual(source);
  });
});
