/** A thousand iterations, and three thousand that are cancelled in the middle. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "vitest";
import { builtPrograms } from "../support/built-programs.ts";
import { cancelWideLoop } from "../support/cancelled-wide-loop.ts";
import { expectedIterations, runWideLoop } from "../support/wide-loop.ts";

describe("a wide loop", () => {
  test("of a thousand iterations ends correctly", { timeout: 900_000 }, async ({ expect, onTestFinished }) => {
    const folder = mkdtempSync(join(tmpdir(), "kfp-thousand-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const { items, collected, iterations } = await runWideLoop(await builtPrograms(), folder, 1000);
    expect(collected).toEqual(items);
    expect(iterations).toEqual(expectedIterations(items));
  });

  // Early in the loop: ctrl-c.test.ts.
  test.for(["in-process", "process"])(
    "that is cancelled after hundreds of iterations leaves no row open, %s",
    { timeout: 900_000 },
    async (isolation, { expect, onTestFinished }) => {
      const folder = mkdtempSync(join(tmpdir(), "kfp-cancelled-"));
      onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
      const home = join(folder, "home");
      expect(await cancelWideLoop(await builtPrograms(), { home, isolation, signal: "SIGINT", steps: 250 })).toEqual([]);
    },
  );
});
