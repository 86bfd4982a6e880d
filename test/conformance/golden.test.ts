/**
 * What our drivers and launchers make of every pipeline of this folder: pod spec patches, executor inputs, fingerprints, task rows. Each
 * row is also compared with a model that computes it from the pipeline's YAML alone and shares no code with drivers and launchers
 * (model/run-model.ts).
 *
 * A change that is meant shows as a diff of test/conformance/golden after `npm test -- test/conformance -u`.
 */
import { readdirSync } from "node:fs";
import { describe, test, vi } from "vitest";
import { goldenText } from "./golden.ts";
import { compareRun } from "./model/compare-run.ts";
import { conformancePipelines } from "./pipelines.ts";
import { simulate } from "./simulate.ts";

/** Fingerprints hold ids of artifacts: the same ids each time make the same fingerprints, however many the server took for itself. */
const ids = vi.hoisted(() => ({ next: 0 }));
vi.mock("node:crypto", async (importOriginal) => ({
  ...(await importOriginal<typeof import("node:crypto")>()),
  randomUUID: () => `00000000-0000-4000-8000-${String((ids.next += 1)).padStart(12, "0")}`,
}));

const onStarted = (): void => {
  ids.next = 0;
};

const pipelines = conformancePipelines();
/** Read before the first test: a test without a golden would write it. */
const goldens = readdirSync(new URL("golden/", import.meta.url));

describe("drivers and launchers of compiled pipelines", () => {
  test.for(pipelines)("$name", async (file, { expect }) => {
    const simulation = await simulate(file, { onStarted });
    const refused = simulation.drivers.filter(({ code }) => code === "FEATURE_UNSUPPORTED");
    expect(refused.map(({ error }) => error)).toEqual([]);
    // The golden says what there was before, the model what the pipeline asks for.
    const { observed, expected } = compareRun(file, simulation);
    expect(observed).toEqual(expected);
    await expect(goldenText(simulation)).toMatchFileSnapshot(`golden/${file.name}.json`);
  });

  test("serve a second run from the first one, but for what is not to be cached", async ({ expect }) => {
    const file = pipelines.find(({ name }) => name === "task_caching")!;
    const simulation = await simulate(file, { findsCachedTasks: true, earlierRuns: 1, onStarted });
    await expect(goldenText(simulation)).toMatchFileSnapshot("golden/task_caching.second-run.json");
  });
});

test("every pipeline has a golden, and every golden a pipeline", ({ expect }) => {
  const names = [...pipelines.map(({ name }) => `${name}.json`), "task_caching.second-run.json"];
  expect(goldens.toSorted()).toEqual(names.toSorted());
});
