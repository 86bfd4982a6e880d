/** Each kind of fault once, on a store that checks signatures and digests; everywhere in store-faults.long.test.ts. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startFaultWorld, STORE_ROWS } from "../support/fault-stores.ts";
import type { StartedFaultWorld } from "../support/fault-stores.ts";
import { STORE_SERVER_SETUP_TIMEOUT_MS } from "../support/installed-servers.ts";
import { skipUnless } from "../support/skip.ts";
import { FAULT_KINDS, meetFault, operationsOf } from "../support/store-faults.ts";

const [row] = STORE_ROWS.filter(({ name }) => name === "azblob:// on azurite");
if (row === undefined) throw new Error("no such row");

describe(`${row.name} behind a failing network`, () => {
  let world: StartedFaultWorld;

  beforeAll(async () => {
    world = await startFaultWorld(row);
    if ("missing" in world) skipUnless(false, `faults of ${row.name}: ${world.missing}`);
  }, STORE_SERVER_SETUP_TIMEOUT_MS);
  afterAll(async () => {
    if (!("missing" in world)) await world.close();
  });
  beforeEach((context) => {
    if ("missing" in world && skipUnless(false, world.missing)) context.skip(world.missing);
  });

  test.for(FAULT_KINDS.map((kind, place) => ({ ...kind, place })))("$name", { timeout: 60_000 }, async ({ place, ...kind }) => {
    if ("missing" in world) return;
    const operations = operationsOf(kind);
    const operation = operations[place % operations.length];
    if (operation === undefined) throw new Error("no operation can meet it");
    // Another operation and another request for each kind, so that all of them are hit by some.
    expect(await meetFault(world, kind, operation, (count) => [Math.floor(place / operations.length) % count])).toEqual([]);
  });
});
