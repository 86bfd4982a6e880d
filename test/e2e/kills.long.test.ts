/** Launchers and importers killed with SIGKILL at every boundary of a step, on every kind of store. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtPrograms, type Programs } from "../support/built-programs.ts";
import { STORE_SERVER_SETUP_TIMEOUT_MS } from "../support/installed-servers.ts";
import { KILL_STORES } from "../support/kill-stores.ts";
import { KillWorld, type Boundary } from "../support/kills.ts";
import { skipUnless } from "../support/skip.ts";

let programs: Programs;
beforeAll(async () => {
  programs = await builtPrograms();
}, STORE_SERVER_SETUP_TIMEOUT_MS);

describe.for(KILL_STORES)("artifacts in $name", ({ name, start }) => {
  let world: KillWorld | undefined;
  let missing = "";
  beforeAll(async () => {
    const store = await start();
    if ("missing" in store) missing = store.missing;
    else world = await KillWorld.open(programs, store);
  }, STORE_SERVER_SETUP_TIMEOUT_MS);
  afterAll(async () => await world?.close());

  test.for(["launcher", "importer"] as const)("%s", { timeout: 3_600_000 }, async (victim, context) => {
    if (world === undefined && skipUnless(false, `kills with ${name}: ${missing}`)) return context.skip(missing);
    if (world === undefined) return;
    const { left, requests } = await world.undisturbed(victim);
    const boundaries: Boundary[] = Array.from({ length: requests }, (_, at) => [
      { at, when: "before" } as const,
      { at, when: "after" } as const,
    ]).flat();
    if (victim === "launcher") boundaries.push({ at: "command", when: "before" });
    const problems: string[] = [];
    for (const boundary of boundaries) {
      const label = `${boundary.when} request ${boundary.at} of ${requests}`;
      try {
        expect(await world.killedAt(victim, boundary), label).toEqual(left);
      } catch (error) {
        problems.push(`${label}: ${String(error).slice(0, 2_000)}`);
      }
    }
    process.stdout.write(`${victim} with ${name}: killed at ${boundaries.length} boundaries\n`);
    expect(problems).toEqual([]);
  });
});
