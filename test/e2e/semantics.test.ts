/** Control structures inside each other, with failures and skips: a share of semantics.long.test.ts in which each position has its turn. */
import { describe, test } from "vitest";
import { deviationsOf, differences, NESTS, semanticsWorld } from "../support/semantics.ts";

const at = semanticsWorld();

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
        wrong.push(...(await differences(at.programs, nest, deviation, { isolation, folder: at.folder })));
      }
      expect(wrong).toEqual([]);
    },
  );
});
