/**
 * Damaged input in great number for the built driver, a process for each: within time and memory as well.
 *
 * A process takes a quarter of a second of a processor or so, all of them most of an hour of two; blocks of seeds show how far it is.
 */
import { availableParallelism } from "node:os";
import { describe, expect, test } from "vitest";
import { runSeeds, startProgramWorld } from "../support/damaged-programs.ts";

const SEEDS = 10_000;
const FIRST = 1001;
/** A fresh server now and then: the runs of thousands of seeds are not what is measured. */
const BLOCK = 500;
/** For a busy machine; that a driver ends within its own limit is checked one by one. */
const BLOCK_LIMIT_MS = 3 * 3_600_000;
const blocks = Array.from({ length: SEEDS / BLOCK }, (_, index) => FIRST + index * BLOCK);

describe("the driver program with damaged input", () => {
  test.for(blocks)(`of ${String(BLOCK)} seeds from %i`, { timeout: BLOCK_LIMIT_MS }, async (first) => {
    const workers = Math.min(4, availableParallelism());
    const outcomes = await runSeeds(await startProgramWorld(), { first, count: BLOCK, workers });
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
