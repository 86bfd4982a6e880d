/**
 * Whether tests with lightweight Python components can run here.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { environmentWith } from "../../scripts/lib/python-environment.mjs";

/**
 * Fetches the very package, without its dependencies, to a folder that is thrown away.
 *
 * @param requirement As pip takes it: `kfp==2.17.3`.
 */
export function canInstallSdk(requirement: string): boolean {
  const folder = mkdtempSync(join(tmpdir(), "kfp-pip-"));
  try {
    const venv = spawnSync("python3", ["-c", "import venv, ensurepip, sys; sys.exit(sys.version_info < (3, 11))"]);
    if (venv.status !== 0) return false;
    const args = ["-m", "pip", "download", "--quiet", "--no-deps", "--retries", "0", "--dest", folder, requirement];
    // The pip of an environment: systems that have venv need not have pip.
    return spawnSync(join(environmentWith([]), "bin/python"), args, { timeout: 60_000 }).status === 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
