/**
 * The clusters of the bench, one after the other, in a process of its own inside of a network namespace; started by cluster-drivers.ts.
 *
 * @module
 */
import { mkdtemp } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { errorMessage } from "../../src/core/errors.ts";
import { RuntimeState } from "../../src/core/kfp-types.ts";
import type { Programs } from "../../test/support/built-programs.ts";
import { startMoto, startVersityGateway, type S3Server } from "../../test/support/s3-server.ts";
import { NAMESPACE } from "../../test/cluster/cluster-objects.ts";
import { isAgentPod, SERVICE_HOSTS, startCluster, type Cluster } from "../../test/cluster/cluster.ts";
import type { InsideOptions } from "../../test/cluster/inside.ts";
import type { KubeObject } from "../../test/cluster/kube-api/kube-object.ts";
import { podmanRuntime } from "../../test/cluster/kubelet/podman-runtime.ts";
import { runWorkflow } from "../../test/cluster/run-workflow.ts";
import { startSmallControlPlane } from "../../test/cluster/small-control-plane.ts";
import { CpuGroup } from "./cpu-group.ts";
import { benchPipelines, type BenchPipeline } from "./pipelines.ts";

export interface BenchOptions extends Omit<InsideOptions, "names" | "resident"> {
  readonly programs: Programs;
  readonly pipelines: readonly string[];
  readonly items: number;
  readonly rounds: number;
  readonly isJson: boolean;
}

type Form = "pods" | "agent";

interface Row {
  readonly pipeline: string;
  readonly form: Form;
  readonly pods: number;
  readonly driverPods: number;
  readonly seconds: number;
  /** Of all drivers of the run together. */
  readonly driverCpuSeconds: number;
}

const POLL_MS = 50;
const TIMEOUT_MS = 3_600_000;
const DISPLAY_NAME = "A run of the bench";

const say = (line: string): void => void process.stderr.write(`${line}\n`);

const controller = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => controller.abort(new Error(signal)));
const options = JSON.parse(process.env["KFP_RUNTIME_CLUSTER"] ?? "{}") as BenchOptions;
process.exit(
  await main(options).catch((error: unknown) => {
    say(errorMessage(error));
    return 1;
  }),
);

async function main(options: BenchOptions): Promise<number> {
  const wanted = benchPipelines(options.items).filter(({ name }) => options.pipelines.includes(name));
  const rows: Row[] = [];
  for (let round = 0; round < options.rounds; round++) {
    for (const form of ["agent", "pods"] as const) rows.push(...(await playAll(options, form, wanted)));
  }
  const medians = wanted.flatMap(({ name }) =>
    (["pods", "agent"] as const).flatMap((form) => {
      const of = rows.filter((row) => row.pipeline === name && row.form === form).toSorted((a, b) => a.seconds - b.seconds);
      return of.slice(Math.floor((of.length - 1) / 2)).slice(0, 1);
    }),
  );
  if (options.isJson) console.log(JSON.stringify({ rows, medians }));
  else console.table(medians);
  return 0;
}

async function playAll(options: BenchOptions, form: Form, pipelines: readonly BenchPipeline[]): Promise<Row[]> {
  const { podman, images, programs } = options;
  const folder = await mkdtemp(path.join(options.folder, `${form}-`));
  const objectStore = await (options.store === "moto" ? startMoto() : startVersityGateway());
  if ("missing" in objectStore) throw new Error(objectStore.missing);
  await objectStore.createBucket("mlpipeline");
  const drivers = await CpuGroup.create(`/kfp-bench-${String(process.pid)}-${path.basename(folder)}`);
  const driverUids = new Set<string>();
  const prefix = `kfp-bench-${String(process.pid)}`;
  const runtime = podmanRuntime({
    ...{ ...podman, images: new Map(Object.entries(images)), hosts: SERVICE_HOSTS },
    label: `kfp-runtime-cluster=${String(process.pid)}`,
    // Names of containers are the prefix, the begin of the pod's uid, and the container's name.
    cgroupParent: (name) => (driverUids.has(name.slice(prefix.length + 1).split("-")[0] ?? "") ? drivers.path : undefined),
  });
  const takes = (pod: KubeObject): boolean => {
    if (isDriverPod(pod)) driverUids.add(pod.metadata.uid.slice(0, 8));
    return form === "pods" || !isAgentPod(pod);
  };
  const cluster = await startBenchCluster({ ...options, folder }, { runtime, objectStore, takes, prefix });
  try {
    const rows: Row[] = [];
    for (const pipeline of pipelines) {
      const before = await cpuSeconds(cluster.agent, drivers);
      const { seconds, pods } = await playRun(cluster, pipeline);
      const used = (await cpuSeconds(cluster.agent, drivers)) - before;
      const row = {
        ...{ pipeline: pipeline.name, form, pods: pods.length, driverPods: pods.filter(isDriverPod).length },
        ...{ seconds: Number(seconds.toFixed(1)), driverCpuSeconds: Number(used.toFixed(2)) },
      };
      say(JSON.stringify(row));
      rows.push(row);
    }
    return rows;
  } finally {
    await cluster.stop();
    await objectStore.stop();
    await drivers.remove();
  }

  async function startBenchCluster(
    { argo: { controller: argoController, executorImage } }: BenchOptions,
    parts: {
      readonly runtime: ReturnType<typeof podmanRuntime>;
      readonly objectStore: S3Server;
      readonly takes: (pod: KubeObject) => boolean;
      readonly prefix: string;
    },
  ): Promise<Cluster> {
    const controlPlane = await startSmallControlPlane({ folder, ...parts, pauseImage: "alpine:3.22", onProblem: say });
    return await startCluster({
      ...{ folder, controlPlane, objectStore: parts.objectStore, onProblem: say },
      ...{ controller: argoController, executorImage },
      resident: form === "agent" ? programs : undefined,
    });
  }
}

function isDriverPod({ metadata }: KubeObject): boolean {
  return metadata.labels?.["pipelines.kubeflow.org/pod-role"]?.endsWith("driver") === true;
}

async function cpuSeconds(agent: Cluster["agent"], drivers: CpuGroup): Promise<number> {
  if (agent === undefined) return await drivers.usedSeconds();
  const answer = await fetch(`http://127.0.0.1:${String(await agent.statusPort)}/metrics`);
  return Number(/^process_cpu_seconds_total (\S+)$/m.exec(await answer.text())?.[1]);
}

async function playRun(
  cluster: Cluster,
  { name, spec, compiled }: BenchPipeline,
): Promise<{ readonly seconds: number; readonly pods: readonly KubeObject[] }> {
  const { runs } = cluster.apiServer();
  const { run } = runs.createRun({
    displayName: DISPLAY_NAME,
    pipelineSource: { case: "pipelineSpec", value: spec },
    runtimeConfig: { parameters: {}, pipelineRoot: cluster.pipelineRoot },
  });
  runs.setRunState(run.runId, RuntimeState.RUNNING);
  const workflowName = `${name}-${run.runId.slice(0, 5)}`;
  const facts = { runId: run.runId, displayName: DISPLAY_NAME, namespace: NAMESPACE, workflowName };
  const startedAtMs = performance.now();
  await cluster.submit(runWorkflow(compiled, facts));
  for (;;) {
    const { status } = await cluster.workflow(workflowName);
    const phase = status?.["phase"];
    if (phase === "Succeeded") break;
    if (phase === "Failed" || phase === "Error")
      throw new Error(`workflow ${workflowName} is ${phase}: ${JSON.stringify(status)}`);
    if (performance.now() - startedAtMs > TIMEOUT_MS) throw new Error(`workflow ${workflowName} does not end`);
    await sleep(POLL_MS, undefined, { signal: controller.signal });
  }
  return { seconds: (performance.now() - startedAtMs) / 1000, pods: await cluster.pods(workflowName) };
}
