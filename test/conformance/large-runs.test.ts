/**
 * Runs that are too large to be read whole: what drivers and launchers make of them is what they make of small ones, whether the server
 * leaves out what they can do without or not.
 */
import { readFileSync } from "node:fs";
import { describe, test, vi } from "vitest";
import { goldenText } from "./golden.ts";
import { conformancePipelines } from "./pipelines.ts";
import { simulate } from "./simulate.ts";

const ids = vi.hoisted(() => ({ next: 0 }));
vi.mock("node:crypto", async (importOriginal) => ({
  ...(await importOriginal<typeof import("node:crypto")>()),
  randomUUID: () => `00000000-0000-4000-8000-${String((ids.next += 1)).padStart(12, "0")}`,
}));

const pipelines = conformancePipelines();

describe.for([
  { name: "lean answers", leanAnswers: true, files: pipelines },
  { name: "whole answers", leanAnswers: false, files: pipelines.filter(({ text }) => text.includes("Iterator:")) },
])("a large run with $name ends as a small one", ({ leanAnswers, files }) => {
  test.for(files)("$name", async (file, { expect }) => {
    const onStarted = (): void => {
      ids.next = 0;
    };
    const simulation = await simulate(file, { passesForLarge: true, leanAnswers, onStarted });
    expect(goldenText(simulation)).toBe(readFileSync(new URL(`golden/${file.name}.json`, import.meta.url), "utf8"));
  });
});
