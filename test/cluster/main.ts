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
import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { errorMessage } from "../../src/core/errors.ts";
import { runEngine } from "../../scripts/lib/container-engine.mjs";
import { builtPrograms } from "../support/built-programs.ts";
import { findContainers, provideImages } from "../support/containers.ts";
import { root } from "../support/probe.ts";
import { skipUnless } from "../support/skip.ts";
import { startMoto, startVersityGateway } from "../support/s3-server.ts";
import { provideArgo } from "./argo-programs.ts";
import type { InsideOptions } from "./inside.ts";
import { provideModelImage, provideStepImage } from "./step-image.ts";

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

/** @returns What is missing, in one line. @throws When something that is there does not work. */
async function prepare({
  mayBuild,
}: {
  readonly mayBuild: boolean;
}): Promise<Omit<InsideOptions, "folder" | "names"> | { readonly missing: string }> {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return { missing: "it needs Linux and root" };
  const namespace = spawnSync("unshare", ["--net", "sh", "-c", "ip link set lo up"], { encoding: "utf8" });
  if (namespace.status !== 0)
    return { missing: `no network namespace can be made (unshare of util-linux, ip of iproute2): ${namespace.stderr.trim()}` };
  const containers = findContainers();
  if (containers?.engine.name !== "podman") return { missing: "it needs podman and runc" };
  const { engine, run } = containers;
  const argo = await provideArgo(engine, { mayBuild, say });
  if ("missing" in argo) return argo;
  const steps = provideStepImage(engine);
  if (typeof steps !== "string") return steps;
  const images = await provideImages(containers);
  if ("missing" in images) return images;
  const store = await objectStoreName();
  if (store === undefined) return { missing: "neither versitygw nor moto can be installed" };
  const { describeCommit } = (await import(path.join(root, "scripts/lib/project.mjs"))) as { describeCommit: () => string };
  // Under names of our own: other tests remove the images of older trees.
  const ours = (kind: "driver" | "launcher"): string => {
    const name = `localhost/kfp-runtime-cluster/${kind}:${images[kind].split(":").at(-1) ?? ""}`;
    runEngine(engine, ["tag", images[kind], name]);
    return name;
  };
  return {
    podman: { words: run.slice(0, -1) as [string, ...string[]], env: engine.env },
    images: {
      "ghcr.io/kubeflow/kfp-driver:latest": ours("driver"),
      "ghcr.io/kubeflow/kfp-launcher:latest": ours("launcher"),
      "alpine:3.22": steps,
      "registry.example.org/models/one:1": provideModelImage(engine, steps),
    },
    argo,
    store,
    commit: describeCommit(),
  };
}

/** Installed here, where the network is; started inside. */
async function objectStoreName(): Promise<"versitygw" | "moto" | undefined> {
  for (const start of [startVersityGateway, startMoto]) {
    const server = await start();
    if ("missing" in server) continue;
    await server.stop();
    return server.name as "versitygw" | "moto";
  }
  return undefined;
}
