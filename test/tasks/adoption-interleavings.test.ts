/** Drivers that find the row of their step there already, in every order of their calls. More: adoption-interleavings.long.test.ts. */
import { describe, expect, test } from "vitest";
import { badEnd, SERVERS, type Driver } from "../support/adoption-model.ts";

describe.for(SERVERS)("the row is what the driver that wrote last decided, where $name", ({ options }) => {
  test.for<readonly Driver[][]>([[["runs", "runs"]], [["runs", "fails early"]]])("%j", async ([drivers = []]) => {
    expect(await badEnd(drivers, options)).toBe("");
  });

  test("two drivers that want the same row but for their pods", async () => {
    expect(await badEnd(["runs", "runs"], { ...options, areAlike: true })).toBe("");
  });
});

test("a failure that is reported while the next attempt takes the row over leaves nothing of itself in that attempt's row", async () => {
  expect(await badEnd(["runs", "fails late"])).toBe("");
});
