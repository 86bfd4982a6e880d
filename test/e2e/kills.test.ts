/** A launcher that is killed in the middle of its uploads, on every kind of store; all boundaries in kills.long.test.ts. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtPrograms, type Programs } from "../support/built-programs.ts";
import { STORE_SERVER_SETUP_TIMEOUT_MS } from "../support/installed-servers.ts";
import { KILL_STORES } from "../support/kill-stores.ts";
import { KillWorld } from "../support/kills.ts";
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

  test("a second attempt leaves what an undisturbed one leaves", { timeout: 120_000 }, async (context) => {
    if (world === undefined && skipUnless(false, `kills with ${name}: ${missing}`)) return context.skip(missing);
    if (world === undefined) return;
    const { left, requests } = await world.undisturbed("launcher");
    expect(Object.keys(left.objects).sort()).toEqual(["data/deep/copy", "data/large", "executor-logs-1"]);
    // In the middle of the uploads where there are any, of the calls to the API server otherwise.
    expect(await world.killedAt("launcher", { at: Math.floor(requests / 2), when: "after" })).toEqual(left);
  });
});
