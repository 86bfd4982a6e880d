/** Each kind of fault once, on a store that checks signatures and digests; everywhere in store-faults.long.test.ts. */
import { describe, expect, test } from "vitest";
import { startFaultWorld, STORE_ROWS } from "../support/fault-stores.ts";
import { FAULT_KINDS, meetFault, operationsOf } from "../support/store-faults.ts";
import { suiteWorld } from "../support/suite-world.ts";

const [row] = STORE_ROWS.filter(({ name }) => name === "azblob:// on azurite");
if (row === undefined) throw new Error("no such row");

describe(`${row.name} behind a failing network`, () => {
  const world = suiteWorld(`faults of ${row.name}`, () => startFaultWorld(row));

  test.for(FAULT_KINDS.map((kind, place) => ({ ...kind, place })))("$name", { timeout: 60_000 }, async ({ place, ...kind }) => {
    const operations = operationsOf(kind);
    const operation = operations[place % operations.length];
    if (operation === undefined) throw new Error("no operation can meet it");
    // Another operation and another request for each kind, so that all of them are hit by some.
    expect(await meetFault(world(), kind, operation, (count) => [Math.floor(place / operations.length) % count])).toEqual([]);
  });
});
