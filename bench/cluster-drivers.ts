/**
 * Whole runs under Argo's own controller, with drivers in `driver agent` and with a pod for each: pods, seconds, CPU of all drivers.
 *
 *     node bench/cluster-drivers.ts [--only hello,chain,loop] [--items 100] [--rounds 1] [--no-build] [--json]
 *
 * 1. `hello`: one step.
 * 2. `chain`: ten steps, each after the one before it.
 * 3. `loop`: one step in a loop of `--items`.
 *
 * The test cluster (docs/adr/0040-test-cluster.md) is started anew for each form, in turns; its pods are real containers, at most 16 pods at
 * a time. Seconds are from the submission of the workflow to its end. CPU of drivers in pods is that of all containers of their pods with
 * their monitors, Argo's executor included, but not what podman and runc take to start them; CPU of the agent is that of its process
 * meanwhile. What is missing on the machine is said in one line, as `npm run test:cluster` does.
 */
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { prepare } from "../test/cluster/prepare.ts";
import { builtPrograms } from "../test/support/built-programs.ts";
import type { BenchOptions } from "./cluster-drivers/inside.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "hello,chain,loop" },
    items: { type: "string", default: "100" },
    rounds: { type: "string", default: "1" },
    "no-build": { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});

const prepared = await prepare({ mayBuild: !values["no-build"] });
if ("missing" in prepared) {
  console.log(`cannot be measured here: ${prepared.missing}`);
  process.exit(0);
}
const programs = await builtPrograms();
const folder = await mkdtemp(path.join(tmpdir(), "kfp-bench-cluster-"));
try {
  const options: BenchOptions = {
    ...{ ...prepared, folder, programs },
    pipelines: values.only.split(","),
    items: Number(values.items),
    rounds: Number(values.rounds),
    isJson: values.json,
  };
  const inside = fileURLToPath(new URL("cluster-drivers/inside.ts", import.meta.url));
  const child = spawn("unshare", ["--net", "sh", "-c", 'ip link set lo up && exec "$0" "$@"', process.execPath, inside], {
    stdio: "inherit",
    env: { ...process.env, KFP_RUNTIME_CLUSTER: JSON.stringify(options) },
  });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
  process.exitCode = await new Promise((resolve) => {
    child.once("error", () => resolve(1));
    child.once("close", (code) => resolve(code ?? 1));
  });
} finally {
  await rm(folder, { recursive: true, force: true });
}
