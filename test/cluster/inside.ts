/**
 * The cluster and its scenarios, in a process of its own inside of a network namespace; started by main.ts.
 *
 * @module
 */
import path from "node:path";
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { errorMessage } from "../../src/core/errors.ts";
import type { Programs } from "../support/built-programs.ts";
import { startMoto, startVersityGateway, type S3Server } from "../support/s3-server.ts";
import type { ArgoPrograms } from "./argo-programs.ts";
import { isAgentPod, SERVICE_HOSTS, startCluster, type Cluster } from "./cluster.ts";
import type { ControlPlane } from "./control-plane.ts";
import { startFullControlPlane } from "./full/full-control-plane.ts";
import type { PreparedKubernetes } from "./full/prepare.ts";
import { podmanRuntime } from "./kubelet/podman-runtime.ts";
import { playScenario, type PlayedScenario } from "./play-scenario.ts";
import { SCENARIOS } from "./scenarios.ts";
import type { Scenario } from "./scenario.ts";
import { startSmallControlPlane } from "./small-control-plane.ts";
import { markdownTable } from "./table.ts";

export interface InsideOptions {
  readonly folder: string;
  /** Parts of names; none: all scenarios. */
  readonly names: readonly string[];
  readonly podman: { readonly words: readonly [string, ...string[]]; readonly env: Readonly<Record<string, string>> };
  readonly images: Readonly<Record<string, string>>;
  readonly argo: ArgoPrograms;
  readonly store: "versitygw" | "moto";
  /** That the images were built from. */
  readonly commit: string;
  /** A whole Kubernetes in the place of the small one. */
  readonly full?: PreparedKubernetes;
  /** The built programs, where `driver agent` drives in the place of driver pods. */
  readonly resident?: Programs;
}

/** Argo mostly waits: for its own second between two looks at a workflow, and for containers to start. */
const PARALLEL_SCENARIOS = 3;

const say = (line: string): void => void process.stderr.write(`${line}\n`);

// An interrupted scenario may still wait for something.
process.exit(await main(JSON.parse(process.env["KFP_RUNTIME_CLUSTER"] ?? "{}") as InsideOptions));

async function main(options: InsideOptions): Promise<number> {
  const { folder, names, argo } = options;
  const store = await (options.store === "moto" ? startMoto() : startVersityGateway());
  if ("missing" in store) throw new Error(store.missing);
  await store.createBucket("mlpipeline");
  await putImportedFile(store);
  const interrupted = new Promise<undefined>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve(undefined));
    // Signals do not reach into every namespace.
    process.stdin.once("end", () => resolve(undefined)).resume();
  });
  let isStarting = true;
  void interrupted.then(async () => {
    if (!isStarting) return;
    await store.stop();
    process.exit(1);
  });
  const controlPlane = await startControlPlane(options, store);
  const cluster = await startCluster({
    ...{ folder, controlPlane, objectStore: store, onProblem: say },
    controller: argo.controller,
    executorImage: argo.executorImage,
    resident: options.resident,
  });
  isStarting = false;
  const named = SCENARIOS.filter(
    ({ name, drivers = cluster.drivers }) =>
      drivers === cluster.drivers && (names.length === 0 || names.some((part) => name.includes(part))),
  );
  const wanted = named.filter(({ holdsRequests = false }) => !holdsRequests || controlPlane.holdCreation !== undefined);
  for (const { name } of named)
    if (!wanted.some((one) => one.name === name)) say(`${name}: left out, it holds requests to Kubernetes`);
  const order = wanted.map(({ name }) => name);
  const rows: { name: string; played: PlayedScenario }[] = [];
  const work = async (waiting: Scenario[]): Promise<void> => {
    for (let scenario = waiting.shift(); scenario !== undefined; scenario = waiting.shift()) {
      const played = await Promise.race([play(cluster, scenario, folder), interrupted]);
      if (played === undefined) return;
      rows.push({ name: scenario.name, played });
      const { pods, seconds, problems } = played;
      const how = problems.length === 0 ? "" : `\n  ${problems.join("\n  ")}`;
      say(`${scenario.name}: ${String(pods)} pods, ${seconds.toFixed(0)} s${how}`);
    }
  };
  try {
    const together = wanted.filter(({ isAlone = false }) => !isAlone);
    await Promise.all(Array.from({ length: PARALLEL_SCENARIOS }, async () => await work(together)));
    await work(wanted.filter(({ isAlone = false }) => isAlone));
  } finally {
    await cluster.stop();
    await store.stop();
  }
  rows.sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
  const failed = rows.filter(({ played }) => played.problems.length > 0).length;
  const form = options.resident === undefined && options.full?.resident === undefined ? "" : ", drivers in the agent";
  if (options.full !== undefined) console.log(`Kubernetes ${options.full.version}, etcd ${options.full.etcdVersion}`);
  console.log(`Argo Workflows ${argo.version}, object store ${options.store}, images of commit ${options.commit}${form}\n`);
  console.log(`${markdownTable(rows)}\n`);
  console.log(`${String(rows.length - failed)} passed, ${String(failed + wanted.length - rows.length)} failed`);
  return failed + wanted.length - rows.length === 0 ? 0 : 1;
}

async function startControlPlane(options: InsideOptions, objectStore: S3Server): Promise<ControlPlane> {
  const { folder, full } = options;
  if (full !== undefined)
    return {
      ...(await startFullControlPlane({ ...full, folder, objectStore, onProblem: say })),
      workflowImages: full.workflowImages,
    };
  const runtime = podmanRuntime({
    ...options.podman,
    images: new Map(Object.entries(options.images)),
    hosts: SERVICE_HOSTS,
    label: `kfp-runtime-cluster=${String(process.pid)}`,
  });
  return await startSmallControlPlane({
    ...{ folder, runtime, objectStore, pauseImage: "alpine:3.22", onProblem: say },
    prefix: `kfp-cluster-${String(process.pid)}`,
    // As the gate does that keeps Argo's own agents from starting (manifests/components/resident-agent-gate).
    takes: (pod) => options.resident === undefined || !isAgentPod(pod),
  });
}

/** What importers of the conformance set name. */
async function putImportedFile(store: S3Server): Promise<void> {
  await store.createBucket("bucket");
  const credentials = { accessKeyId: store.accessKeyId, secretAccessKey: store.secretAccessKey };
  const client = new S3Client({ endpoint: store.endpoint, region: "us-east-1", forcePathStyle: true, credentials });
  await client.send(new PutObjectCommand({ Bucket: "bucket", Key: "data/file.csv", Body: "a,b\n1,2\n" }));
  client.destroy();
}

async function play(cluster: Cluster, scenario: Scenario, folder: string): Promise<PlayedScenario> {
  try {
    return await playScenario(cluster, scenario, path.join(folder, "local"));
  } catch (error) {
    return { pods: 0, seconds: 0, rowsEqual: undefined, problems: [errorMessage(error)] };
  }
}
