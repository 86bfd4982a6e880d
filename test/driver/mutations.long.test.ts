/** Damaged input in great number: within time and memory as well. */
import { describe, expect, test } from "vitest";
import { startFakeApi } from "../fakes/kfp-api.ts";
import { driveDamaged } from "../support/driver-mutation-check.ts";

const SEEDS = 10_000;
const FIRST = 1000;
/** A fresh server now and then: the runs of thousands of seeds are not what is measured. */
const SEEDS_PER_SERVER = 1000;
const LIMIT_KIB = 512 * 1024;

describe("a driver with damaged input", () => {
  test(`of ${String(SEEDS)} seeds`, { timeout: 1_800_000 }, async () => {
    const problems: string[] = [];
    for (let start = FIRST; start < FIRST + SEEDS; start += SEEDS_PER_SERVER) {
      const fake = await startFakeApi();
      for (let seed = start; seed < start + SEEDS_PER_SERVER; seed += 1) {
        problems.push(...(await driveDamaged(fake, seed)).problems);
      }
      fake.logger.lines.length = 0;
    }
    expect(problems).toEqual([]);
    // One driver cannot have taken more than all of them, the server and the test together.
    expect(process.resourceUsage().maxRSS).toBeLessThan(LIMIT_KIB);
  });
});
