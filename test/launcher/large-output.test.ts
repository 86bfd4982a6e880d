/** Output at full speed through the built launcher: nothing is lost, and memory does not follow its size. */
import { describe, test } from "vitest";
import { runLargeOutput } from "../support/large-output.ts";
import { skipUnless } from "../support/skip.ts";

describe.skipIf(skipUnless(process.platform === "linux", "memory is read from /proc"))("64 MB of output", () => {
  test("arrive whole and are in the log, with at most 120 MiB for the launcher", { timeout: 120_000 }, async ({ expect }) => {
    const { written, stderr, peakBytes, ...found } = await runLargeOutput(64_000_000);
    expect(found, stderr).toEqual({
      exitCode: 0,
      state: "SUCCEEDED",
      arrived: written,
      logged: written,
      arrivedBytes: 64_000_000,
    });
    expect(peakBytes / 2 ** 20).toBeLessThan(120);
    expect(peakBytes).toBeGreaterThan(0);
  });
});
