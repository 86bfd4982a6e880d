/** As adoption-interleavings.test.ts, with three drivers, launchers, and failures that meet. */
import { describe, expect, test } from "vitest";
import { badEnd, SERVERS, type Driver } from "../support/adoption-model.ts";

describe.for(SERVERS)("the row is what the driver that wrote last decided, where $name", ({ options }) => {
  test.for<readonly Driver[][]>([
    [["runs", "fails late"]],
    [["runs", "succeeds"]],
    [["succeeds", "fails late"]],
    [["fails late", "fails early"]],
    [["runs", "runs", "runs"]],
    [["runs", "runs", "fails late"]],
  ])("%j", { timeout: 1_200_000 }, async ([drivers = []]) => {
    expect(await badEnd(drivers, options)).toBe("");
  });
});
