import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished, test } from "vitest";
import { killDuringWrites } from "../support/killed-server.ts";

test("kill -9 in the middle of writes to 20 runs, twice in one file: nothing acknowledged is lost", async ({ expect }) => {
  const folder = await mkdtemp(join(tmpdir(), "kfp-killed-"));
  onTestFinished(async () => {
    await rm(folder, { recursive: true, force: true });
  });
  for (const writes of [70, 200]) {
    const outcome = await killDuringWrites({ database: join(folder, "state.db"), runs: 20, writes });
    expect(outcome.acknowledged).toBeGreaterThanOrEqual(writes);
    expect(outcome).toMatchObject({ lost: [], problems: [] });
  }
});
