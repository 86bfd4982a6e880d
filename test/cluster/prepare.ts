/**
 * What the test cluster needs of this machine: programs and images that are built or fetched once.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import path from "node:path";
import { runEngine } from "../../scripts/lib/container-engine.mjs";
import { findContainers, provideImages } from "../support/containers.ts";
import { root } from "../support/probe.ts";
import { startMoto, startVersityGateway } from "../support/s3-server.ts";
import { provideArgo } from "./argo-programs.ts";
import { prepareKubernetes, type PrepareOptions } from "./full/prepare.ts";
import type { InsideOptions } from "./inside.ts";
import { provideModelImage, provideStepImage } from "./step-image.ts";

const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** @returns What is missing, in one line. @throws When something that is there does not work. */
export async function prepare({
  mayBuild,
  full,
}: {
  readonly mayBuild: boolean;
  /** Of a whole Kubernetes, where one is wanted. */
  readonly full?: Pick<PrepareOptions, "folder" | "cgroupRoot" | "isResident">;
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
  const byName = {
    "ghcr.io/kubeflow/kfp-driver:latest": ours("driver"),
    "ghcr.io/kubeflow/kfp-launcher:latest": ours("launcher"),
    "alpine:3.22": steps,
    "registry.example.org/models/one:1": provideModelImage(engine, steps),
  };
  const { executorImage } = argo;
  const kubernetes =
    full === undefined ? undefined : await prepareKubernetes({ ...full, engine, mayBuild, say, images: byName, executorImage });
  if (kubernetes !== undefined && "missing" in kubernetes) return kubernetes;
  return {
    podman: { words: run.slice(0, -1) as [string, ...string[]], env: engine.env },
    images: byName,
    argo,
    store,
    commit: describeCommit(),
    ...(kubernetes === undefined ? {} : { full: kubernetes }),
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
