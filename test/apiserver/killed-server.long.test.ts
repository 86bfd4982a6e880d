import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished, test } from "vitest";
import { killDuringWrites } from "../support/killed-server.ts";

test("kill -9 in the middle of writes to 100 runs, five times in one file: nothing acknowledged is lost", async ({ expect }) => {
  const folder = await mkdtemp(join(tmpdir(), "kfp-killed-"));
  onTestFinished(async () => {
    await rm(folder, { recursive: true, force: true });
  });
  for (const writes of [150, 700, 1_500, 3_000, 6_000]) {
    const outcome = await killDuringWrites({ database: join(folder, "state.db"), runs: 100, writes });
    expect(outcome.acknowledged).toBeGreaterThanOrEqual(writes);
    expect(outcome).toMatchObject({ lost: [], problems: [] });
  }
}, 300_000);
