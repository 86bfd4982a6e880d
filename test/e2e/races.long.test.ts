/** As races.test.ts, hundreds of times while other processes take the processor away. */
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "vitest";
import { builtPrograms } from "../support/built-programs.ts";
import { RACES, startBusyProcesses, wrongEnds } from "../support/races.ts";

describe.for(RACES)("%s", (fixture) => {
  test.for([
    { isolation: "in-process", runs: 200 },
    { isolation: "process", runs: 50 },
  ] as const)(
    "ends well in $runs runs under load, $isolation",
    { timeout: 3_600_000 },
    async ({ isolation, runs }, { expect, onTestFinished }) => {
      const folder = mkdtempSync(join(tmpdir(), "kfp-races-"));
      const stopBusyProcesses = startBusyProcesses(2 * availableParallelism());
      onTestFinished(() => {
        stopBusyProcesses();
        rmSync(folder, { recursive: true, force: true });
      });
      expect(await wrongEnds(await builtPrograms(), { fixture, isolation, folder, runs })).toEqual([]);
    },
  );
});
