/**
 * Runs pipelines under Argo's own controller and executor, with our images: `npm run test:cluster [-- NAME...]`, with `--no-build` only
 * where an earlier run has built Argo, with `--resident` drivers in `driver agent` instead of in pods, with `--full` on a whole Kubernetes.
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
import { FULL_NAMESPACES, makeCgroups } from "./full/full-namespaces.ts";
import type { InsideOptions } from "./inside.ts";
import { prepare } from "./prepare.ts";

const NO_BUILD = "--no-build";
const RESIDENT = "--resident";
const FULL = "--full";
const FLAGS = new Set([NO_BUILD, RESIDENT, FULL]);
/** A network of its own. */
const SMALL_NAMESPACE: readonly [string, ...string[]] = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$0" "$@"'];
const say = (line: string): void => void process.stderr.write(`${line}\n`);

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const folder = await mkdtemp(path.join(tmpdir(), "kfp-runtime-cluster-"));
  try {
    return await run(args, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function run(args: readonly string[], folder: string): Promise<number> {
  const names = args.filter((arg) => !FLAGS.has(arg));
  const isFull = args.includes(FULL);
  const cgroupRoot = `kfp-runtime-cluster-${String(process.pid)}`;
  const isResident = args.includes(RESIDENT);
  const prepared = await prepare({
    mayBuild: !args.includes(NO_BUILD),
    ...(isFull ? { full: { isResident, folder, cgroupRoot } } : {}),
  }).catch((error: unknown) => ({
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
  // A whole Kubernetes runs it in pods.
  const resident = isResident && !isFull ? { resident: await builtPrograms() } : {};
  const options: InsideOptions = { ...prepared, folder, names, ...resident };
  const inside = fileURLToPath(new URL("inside.ts", import.meta.url));
  const [program, ...words] = isFull ? FULL_NAMESPACES : SMALL_NAMESPACE;
  const removeCgroups = isFull ? await makeCgroups(cgroupRoot) : undefined;
  try {
    const child = spawn(program, [...words, process.execPath, inside], {
      stdio: ["pipe", "inherit", "inherit"],
      env: { ...process.env, KFP_RUNTIME_CLUSTER: JSON.stringify(options) },
    });
    // The end of its input is the sign to clean up and end.
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.stdin.end());
    return await new Promise((resolve) => {
      child.once("error", () => resolve(1));
      child.once("close", (code) => resolve(code ?? 1));
    });
  } finally {
    await removeCgroups?.();
  }
}
