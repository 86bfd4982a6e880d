/** Every control structure inside every other, with success, failure and skip at each position and each two of them, both isolations. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { builtPrograms, type Programs } from "../support/built-programs.ts";
import { deviationsOf, differences, NESTS, pairsOf, type Nest } from "../support/semantics.ts";

let programs: Programs;
let folder = "";
beforeAll(async () => {
  programs = await builtPrograms();
  folder = mkdtempSync(join(tmpdir(), "kfp-semantics-"));
}, 300_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.for([
  { isolation: "in-process", what: "one deviation", deviations: deviationsOf },
  { isolation: "process", what: "one deviation", deviations: deviationsOf },
  { isolation: "in-process", what: "two deviations", deviations: (nest: Nest) => pairsOf(nest) },
] as const)("states are those of the language's rules: $what, $isolation", ({ isolation, deviations }) => {
  test.for(NESTS.map((nest) => ({ nest, ...nest })))("$inner in $outer", { timeout: 1_800_000 }, async ({ nest }, { expect }) => {
    const wrong: string[] = [];
    for (const deviation of deviations(nest))
      wrong.push(...(await differences(programs, nest, deviation, { isolation, folder })));
    expect(wrong).toEqual([]);
  });
});
