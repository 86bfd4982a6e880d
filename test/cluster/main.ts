/**
 * Runs pipelines under Argo's own controller and executor, with our images: `npm run test:cluster [-- NAME...]`, with `--no-build` only
 * where an earlier run has built Argo, with `--resident` drivers in `driver agent` instead of in pods.
 *
 * What must be built or fetched is got ready first; then the cluster starts in a network namespace of its own (inside.ts), so that
 * nothing listens on this machine and no port is taken. NAME picks scenarios whose name holds it. Ends with "N passed, N failed"; what
 * the machine lacks is said in one line.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { errorMessage } from "../../src/core/errors.ts";
import { builtPrograms } from "../support/built-programs.ts";
import { skipUnless } from "../support/skip.ts";
import type { InsideOptions } from "./inside.ts";
import { prepare } from "./prepare.ts";

const NO_BUILD = "--no-build";
const RESIDENT = "--resident";
const say = (line: string): void => void process.stderr.write(`${line}\n`);

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const names = args.filter((arg) => arg !== NO_BUILD && arg !== RESIDENT);
  const prepared = await prepare({ mayBuild: !args.includes(NO_BUILD) }).catch((error: unknown) => ({
    failed: errorMessage(error),
  }));
  if ("missing" in prepared) {
    skipUnless(false, `the test cluster: ${prepared.missing}`);
    console.log("0 passed, 0 failed, 1 skipped");
    return 0;
  }
  if ("failed" in prepared) {
    say(prepared.failed);
    console.log("0 passed, 1 failed");
    return 1;
  }
  const folder = await mkdtemp(path.join(tmpdir(), "kfp-runtime-cluster-"));
  try {
    const resident = args.includes(RESIDENT) ? { resident: await builtPrograms() } : {};
    const options: InsideOptions = { ...prepared, folder, names, ...resident };
    const inside = fileURLToPath(new URL("inside.ts", import.meta.url));
    const script = 'ip link set lo up && exec "$0" "$@"';
    const child = spawn("unshare", ["--net", "sh", "-c", script, process.execPath, inside], {
      stdio: ["inherit", "inherit", "inherit"],
      env: { ...process.env, KFP_RUNTIME_CLUSTER: JSON.stringify(options) },
    });
    // The terminal's interrupt reaches it as well; it cleans up and ends.
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
    return await new Promise((resolve) => {
      child.once("error", () => resolve(1));
      child.once("close", (code) => resolve(code ?? 1));
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
