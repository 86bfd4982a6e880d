/** Damaged pipelines, configurations and command lines for the built driver: one clear message, no stack trace, within time and memory. */
import path from "node:path";
import { expect, test } from "vitest";
import { runSeeds, startProgramWorld } from "../support/damaged-programs.ts";
import { driverProcesses, residentDrivers } from "../support/driver-starters.ts";

const SEEDS = 16;

test(`the driver program with damaged input of ${String(SEEDS)} seeds`, { timeout: 300_000 }, async () => {
  const world = await startProgramWorld();
  const plan = { first: 1, count: SEEDS };
  const starter = () => driverProcesses(path.join(world.dist, "bin/driver"));
  const processes = await runSeeds(world, { ...plan, workers: 2, starter });
  expect(processes.flatMap(({ problems }) => problems)).toEqual([]);
  expect(processes.filter(({ exitCode }) => exitCode !== 0).length).toBeGreaterThan(0);
  // The programs said what they took, or the limit of memory would hold whatever they took.
  expect(Math.min(...processes.map(({ peakKib }) => peakKib))).toBeGreaterThan(10_000);

  const residents = await runSeeds(world, {
    ...plan,
    workers: 1,
    starter: () => residentDrivers(path.join(world.dist, "lib/boot.cjs")),
  });
  const essence = (outcomes: typeof residents) =>
    outcomes
      .map(({ seed, exitCode, problems }) => ({ seed, exitCode, problems }))
      .toSorted((left, right) => left.seed - right.seed);
  expect(essence(residents)).toEqual(essence(processes));
});
