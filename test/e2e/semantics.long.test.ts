/** Every control structure inside every other, with success, failure and skip at each position and each two of them, both isolations. */
import { describe, test } from "vitest";
import { deviationsOf, differences, NESTS, pairsOf, semanticsWorld, type Nest } from "../support/semantics.ts";

const at = semanticsWorld();

describe.for([
  { isolation: "in-process", what: "one deviation", deviations: deviationsOf },
  { isolation: "process", what: "one deviation", deviations: deviationsOf },
  { isolation: "in-process", what: "two deviations", deviations: (nest: Nest) => pairsOf(nest) },
] as const)("states are those of the language's rules: $what, $isolation", ({ isolation, deviations }) => {
  test.for(NESTS.map((nest) => ({ nest, ...nest })))("$inner in $outer", { timeout: 1_800_000 }, async ({ nest }, { expect }) => {
    const wrong: string[] = [];
    for (const deviation of deviations(nest))
      wrong.push(...(await differences(at.programs, nest, deviation, { isolation, folder: at.folder })));
    expect(wrong).toEqual([]);
  });
});
