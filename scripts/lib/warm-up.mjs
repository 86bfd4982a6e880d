/**
 * Warms up the code caches of a driver and a launcher, see warm-up.ts.
 * @module
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { build } from "esbuild";
import { programNode, root } from "./project.mjs";

/**
 * Makes a driver and a launcher do their usual work against a server on this machine.
 *
 * @param {import("./warm-up.ts").WarmUpCommands} commands How to start them.
 * @returns {Promise<string | undefined>} What went wrong. Caches are then only less complete.
 */
export async function warmUp(commands) {
  const folder = mkdtempSync(path.join(tmpdir(), "kfp-runtime-warm-up-"));
  try {
    const outfile = path.join(folder, "warm-up.cjs");
    await build({
      absWorkingDir: root,
      entryPoints: ["scripts/lib/warm-up.ts"],
      outfile,
      bundle: true,
      format: "cjs",
      platform: "node",
      target: "node22",
      mainFields: ["module", "main"],
      logLevel: "warning",
    });
    const run = spawnSync(programNode(), ["--disable-warning=ExperimentalWarning", outfile, JSON.stringify(commands)], {
      encoding: "utf8",
      timeout: 180_000,
      stdio: ["ignore", "ignore", "pipe"],
    });
    return run.error?.message ?? (run.status === 0 ? undefined : `the warm-up failed: ${run.stderr.trim()}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
