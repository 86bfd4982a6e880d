/** A thousand iterations. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "vitest";
import { builtPrograms } from "../support/built-programs.ts";
import { expectedIterations, runWideLoop } from "../support/wide-loop.ts";

describe("a wide loop", () => {
  test("of a thousand iterations ends correctly", { timeout: 900_000 }, async ({ expect, onTestFinished }) => {
    const folder = mkdtempSync(join(tmpdir(), "kfp-thousand-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const { items, collected, iterations } = await runWideLoop(await builtPrograms(), folder, 1000);
    expect(collected).toEqual(items);
    expect(iterations).toEqual(expectedIterations(items));
  });
});
