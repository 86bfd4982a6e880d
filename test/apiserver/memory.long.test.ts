/** Memory of a server under load, for long enough that the changes which events are resumed from are replaced as fast as they come. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished, test } from "vitest";
import { builtPrograms } from "../support/built-programs.ts";
import { measureServerMemory } from "../support/server-memory.ts";

const MIB = 1024 * 1024;

// The feed keeps between 10,000 and 20,000 changes: rounds of 10,000 end where they began.
test(
  "60,000 updates and 15,000 listings, 250 in flight: nothing stays of the last 30,000",
  { timeout: 1_800_000 },
  async ({ expect }) => {
    const programs = await builtPrograms();
    const folder = mkdtempSync(join(tmpdir(), "kfp-server-memory-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const { rounds, lostUpdates } = await measureServerMemory(programs, { folder, rounds: 4, updates: 10_000, listings: 2_500 });
    console.info(rounds);
    expect(lostUpdates).toEqual([]);
    const held = rounds.map(({ heldBytes }) => heldBytes);
    expect((held.at(-1) ?? NaN) - (held[0] ?? NaN)).toBeLessThan(1.5 * MIB);
    expect(Math.max(...rounds.map(({ resources }) => resources))).toBeLessThan(200);
  },
);
