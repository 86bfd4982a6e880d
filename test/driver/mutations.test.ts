/** Damaged specs, configurations and command lines: one message a person understands, no stack trace, nothing half done. */
import { describe, expect, test } from "vitest";
import { startFakeApi } from "../fakes/kfp-api.ts";
import { Dice, damageArguments } from "../support/driver-mutations.ts";
import { driveDamaged } from "../support/driver-mutation-check.ts";

const SEEDS = 400;

describe("a driver with damaged input", () => {
  test(`of ${String(SEEDS)} seeds`, { timeout: 240_000 }, async () => {
    const fake = await startFakeApi();
    const problems: string[] = [];
    let failed = 0;
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const outcome = await driveDamaged(fake, seed);
      problems.push(...outcome.problems);
      if (outcome.exitCode !== 0) failed += 1;
    }
    expect(problems).toEqual([]);
    // The damage reaches what a driver reads, and what it may pass over.
    expect(failed).toBeGreaterThan(SEEDS / 4);
    expect(failed).toBeLessThan(SEEDS);
  });

  test("the same seed does the same damage", () => {
    const damaged = () => damageArguments(["--a=1", "--b=2", "--c=3"], new Dice(7));
    expect(damaged()).toEqual(damaged());
  });
});
