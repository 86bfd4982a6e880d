/** Damaged pipelines, configurations and command lines for the built driver: one clear message, no stack trace, within time and memory. */
import { expect, test } from "vitest";
import { runSeeds, startProgramWorld } from "../support/damaged-programs.ts";

const SEEDS = 16;

test(`the driver program with damaged input of ${String(SEEDS)} seeds`, { timeout: 300_000 }, async () => {
  const outcomes = await runSeeds(await startProgramWorld(), { first: 1, count: SEEDS, workers: 2 });
  expect(outcomes.flatMap(({ problems }) => problems)).toEqual([]);
  expect(outcomes.filter(({ exitCode }) => exitCode !== 0).length).toBeGreaterThan(0);
  // The programs said what they took, or the limit of memory would hold whatever they took.
  expect(Math.min(...outcomes.map(({ peakKib }) => peakKib))).toBeGreaterThan(10_000);
});
