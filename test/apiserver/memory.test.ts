/** That a server under load keeps nothing of the calls it has answered; more calls and a lower bound in memory.long.test.ts. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { builtPrograms, type Programs } from "../support/built-programs.ts";
import type { HeldMemory } from "../support/held-memory.ts";
import { measureServerMemory } from "../support/server-memory.ts";

const MIB = 1024 * 1024;

let programs: Programs;
const folder = mkdtempSync(join(tmpdir(), "kfp-server-memory-"));
beforeAll(async () => {
  programs = await builtPrograms();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// Two measured rounds after the first. The feed of changes remembers the last 20,000, which are not reached here: some 400 bytes of each
// update are meant to stay.
describe("200 updates and 50 listings in flight", () => {
  const load = { rounds: 3, updates: 400, listings: 100 };
  const grownBy = (rounds: readonly HeldMemory[]): number => (rounds.at(-1)?.heldBytes ?? NaN) - (rounds[0]?.heldBytes ?? NaN);

  test("leave nothing behind but the changes that events are resumed from", { timeout: 240_000 }, async ({ expect }) => {
    const { rounds, lostUpdates } = await measureServerMemory(programs, { folder: join(folder, "sound"), ...load });
    expect(lostUpdates).toEqual([]);
    expect(grownBy(rounds)).toBeLessThan(0.7 * MIB);
    expect(Math.max(...rounds.map(({ resources }) => resources))).toBeLessThan(200);
  });

  test("would be noticed if they left a kilobyte each", { timeout: 240_000 }, async ({ expect }) => {
    const folderOf = join(folder, "leaking");
    const { rounds } = await measureServerMemory(programs, { folder: folderOf, ...load, leakBytesPerWrite: 1_024 });
    expect(grownBy(rounds)).toBeGreaterThan(0.9 * MIB);
  });
});
