/** Launchers and importers killed with SIGKILL at every boundary of a step, on every kind of store. */
import { describe, expect, test } from "vitest";
import { KILL_STORES } from "../support/kill-stores.ts";
import { openKillWorld, type Boundary } from "../support/kills.ts";
import { suiteWorld } from "../support/suite-world.ts";

describe.for(KILL_STORES)("artifacts in $name", ({ name, start }) => {
  const world = suiteWorld(`kills with ${name}`, () => openKillWorld(start));

  test.for(["launcher", "importer"] as const)("%s", { timeout: 3_600_000 }, async (victim) => {
    const { left, requests } = await world().undisturbed(victim);
    const boundaries: Boundary[] = Array.from({ length: requests }, (_, at) => [
      { at, when: "before" } as const,
      { at, when: "after" } as const,
    ]).flat();
    if (victim === "launcher") boundaries.push({ at: "command", when: "before" });
    const problems: string[] = [];
    for (const boundary of boundaries) {
      const label = `${boundary.when} request ${boundary.at} of ${requests}`;
      try {
        expect(await world().killedAt(victim, boundary), label).toEqual(left);
      } catch (error) {
        problems.push(`${label}: ${String(error).slice(0, 2_000)}`);
      }
    }
    process.stdout.write(`${victim} with ${name}: killed at ${boundaries.length} boundaries\n`);
    expect(problems).toEqual([]);
  });
});
