/**
 * Damaged input in great number for the built driver: within time and memory as well. A tenth of the seeds as processes; the others many
 * in one process each, which loads the built chunks anew for every one. Blocks of seeds show how far it is.
 */
import { availableParallelism } from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { runSeeds, startProgramWorld } from "../support/damaged-programs.ts";
import { driverProcesses, residentDrivers } from "../support/driver-starters.ts";

const SEEDS = 10_000;
const PROCESSES = 1000;
const FIRST = 1001;
/** A fresh server now and then: the runs of thousands of seeds are not what is measured. */
const BLOCK = 500;
/** For a busy machine; that a driver ends within its own limit is checked one by one. */
const BLOCK_LIMIT_MS = 3 * 3_600_000;
const blocks = Array.from({ length: SEEDS / BLOCK }, (_, index) => ({
  first: FIRST + index * BLOCK,
  how: index * BLOCK < PROCESSES ? "as processes" : "in few processes",
}));

describe("the driver program with damaged input", () => {
  test.for(blocks)(`of ${String(BLOCK)} seeds from $first, $how`, { timeout: BLOCK_LIMIT_MS }, async ({ first, how }) => {
    const world = await startProgramWorld();
    const starter = () =>
      how === "as processes"
        ? driverProcesses(path.join(world.dist, "bin/driver"))
        : residentDrivers(path.join(world.dist, "lib/boot.cjs"));
    const outcomes = await runSeeds(world, { first, count: BLOCK, workers: Math.min(4, availableParallelism()), starter });
    expect(outcomes.flatMap(({ problems }) => problems)).toEqual([]);
    expect(outcomes).toHaveLength(BLOCK);
    const most = (of: "peakKib" | "cpuMs") => Math.round(Math.max(...outcomes.map((outcome) => outcome[of])));
    const failed = outcomes.filter(({ exitCode }) => exitCode !== 0).length;
    console.log(`${String(failed)} failed, at most ${String(most("peakKib"))} KiB and ${String(most("cpuMs"))} ms of processor`);
    // The damage reaches what a driver reads, and what it may pass over.
    expect(failed).toBeGreaterThan(BLOCK / 4);
    expect(failed).toBeLessThan(BLOCK);
  });
});
