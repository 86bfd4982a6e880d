/** Control structures inside each other, with failures and skips: a share of semantics.long.test.ts in which each position has its turn. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { builtPrograms, type Programs } from "../support/built-programs.ts";
import { deviationsOf, differences, NESTS } from "../support/semantics.ts";

let programs: Programs;
let folder = "";
beforeAll(async () => {
  programs = await builtPrograms();
  folder = mkdtempSync(join(tmpdir(), "kfp-semantics-"));
}, 300_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.for([
  { isolation: "in-process", oneIn: 4 },
  { isolation: "process", oneIn: 9 },
] as const)("states are those of the language's rules, $isolation", ({ isolation, oneIn }) => {
  test.for(NESTS.map((nest, index) => ({ nest, ...nest, index })))(
    "$inner in $outer",
    { timeout: 600_000 },
    async ({ nest, index }, { expect }) => {
      const wrong: string[] = [];
      for (const deviation of deviationsOf(nest).filter((_, turn) => turn % oneIn === index % oneIn)) {
        wrong.push(...(await differences(programs, nest, deviation, { isolation, folder })));
      }
      expect(wrong).toEqual([]);
    },
  );
});
