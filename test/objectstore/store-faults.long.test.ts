/** Each kind of fault at each request of each operation, on every store that can be had. */
import { describe, expect, test } from "vitest";
import { startFaultWorld, STORE_ROWS } from "../support/fault-stores.ts";
import { FAULT_KINDS, meetFault, operationsOf } from "../support/store-faults.ts";
import { suiteWorld } from "../support/suite-world.ts";

describe.for(STORE_ROWS)("$name behind a failing network", (row) => {
  const world = suiteWorld(`faults of ${row.name}`, () => startFaultWorld(row));

  const kinds = FAULT_KINDS.filter(({ name }) => row.kinds.unheardOf?.includes(name) !== true);

  test.for(kinds)("$name", { timeout: 900_000 }, async (kind) => {
    const problems: string[] = [];
    for (const operation of operationsOf(kind)) {
      const everywhere = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
      problems.push(...(await meetFault(world(), kind, operation, everywhere)));
    }
    expect(problems).toEqual([]);
  });
});
