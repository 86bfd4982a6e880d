/**
 * Drivers that publish what an earlier attempt left, against iterations that publish, in every order of their calls. More:
 * republish-interleavings.long.test.ts.
 */
import { describe, expect, test } from "vitest";
import { badEnd, inOrder, READERS, RETRIES } from "../support/republish-model.ts";

describe.for(READERS)("one after the other they publish all, run $reader", ({ options }) => {
  test.for(RETRIES)("$name", async ({ run }) => {
    expect(await inOrder({ ...run, gives: "parameters" }, options)).toContain('run/ROOT/y: ["out","x","0",["of 0","of 1"]]\n');
    const links = await inOrder({ ...run, gives: "artifacts" }, options);
    expect(links.match(/"out of \S+","run\/ROOT\/y",/g)).toHaveLength(2);
  });
});

describe("every order publishes the same", () => {
  test.for(RETRIES.slice(1, 5))("$name", async ({ run }) => {
    expect(await badEnd({ ...run, gives: "parameters" })).toBe("");
  });

  test("artifacts of two iterations, on a server that hides iterations and refuses repeated links", async () => {
    const run = { preserved: [0, 1], redriven: [0, 1], gives: "artifacts" } as const;
    expect(await badEnd(run, { hydration: "branch", refusesRepeatedLinks: true })).toBe("");
  });
});
