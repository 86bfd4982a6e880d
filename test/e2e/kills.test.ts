/** A launcher that is killed in the middle of its uploads, on every kind of store; all boundaries in kills.long.test.ts. */
import { describe, expect, test } from "vitest";
import { KILL_STORES } from "../support/kill-stores.ts";
import { openKillWorld } from "../support/kills.ts";
import { suiteWorld } from "../support/suite-world.ts";

describe.for(KILL_STORES)("artifacts in $name", ({ name, start }) => {
  const world = suiteWorld(`kills with ${name}`, () => openKillWorld(start));

  test("a second attempt leaves what an undisturbed one leaves", { timeout: 120_000 }, async () => {
    const { left, requests } = await world().undisturbed("launcher");
    expect(Object.keys(left.objects).sort()).toEqual(["data/deep/copy", "data/large", "executor-logs-1"]);
    // In the middle of the uploads where there are any, of the calls to the API server otherwise.
    expect(await world().killedAt("launcher", { at: Math.floor(requests / 2), when: "after" })).toEqual(left);
  });
});
