/** Steps that end together in different sub-pipelines; often and under load: races.long.test.ts. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "vitest";
import { builtPrograms } from "../support/built-programs.ts";
import { RACES, wrongEnds } from "../support/races.ts";

describe.for(RACES)("%s", (fixture) => {
  test.for([
    { isolation: "in-process", runs: 4 },
    { isolation: "process", runs: 2 },
  ] as const)(
    "ends well in $runs runs, $isolation",
    { timeout: 300_000 },
    async ({ isolation, runs }, { expect, onTestFinished }) => {
      const folder = mkdtempSync(join(tmpdir(), "kfp-races-"));
      onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
      expect(await wrongEnds(await builtPrograms(), { fixture, isolation, folder, runs })).toEqual([]);
    },
  );
});
