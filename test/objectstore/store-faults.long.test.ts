/** Each kind of fault at each request of each operation, on every store that can be had. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startFaultWorld, STORE_ROWS } from "../support/fault-stores.ts";
import type { StartedFaultWorld } from "../support/fault-stores.ts";
import { STORE_SERVER_SETUP_TIMEOUT_MS } from "../support/installed-servers.ts";
import { skipUnless } from "../support/skip.ts";
import { FAULT_KINDS, meetFault, operationsOf } from "../support/store-faults.ts";

describe.for(STORE_ROWS)("$name behind a failing network", (row) => {
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

  test.for(FAULT_KINDS)("$name", { timeout: 300_000 }, async (kind) => {
    if ("missing" in world) return;
    const problems: string[] = [];
    for (const operation of operationsOf(kind)) {
      problems.push(...(await meetFault(world, kind, operation, (count) => Array.from({ length: count }, (_, index) => index))));
    }
    expect(problems).toEqual([]);
  });
});
