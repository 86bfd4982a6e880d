/**
 * A cluster in one process, inside of a network namespace of its own: the small Kubernetes API and kubelet, Argo's controller, our
 * API server as `ml-pipeline`, and an S3 server. Everything listens on the loopback of that namespace.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { randomUUID } from "node:crypto";
import path from "node:path";
import { startApiServer, type ApiServer } from "../../src/apiserver/server.ts";
import type { JsonObject } from "../../src/core/values/value.ts";
import { applyJsonPatch } from "../../src/resident/rewrite/json-patch.ts";
import { rewriteWorkflow } from "../../src/resident/rewrite/rewrite-workflow.ts";
import { startAgentProcess } from "../support/agent-process.ts";
import type { Programs } from "../support/built-programs.ts";
import type { S3Server } from "../support/s3-server.ts";
import { createSelfSignedCertificate } from "../support/self-signed-certificate.ts";
import { clusterObjects, NAMESPACE } from "./cluster-objects.ts";
import { bindClaims } from "./kube-api/claim-binder.ts";
import { HeldCreations, type HeldCreation } from "./kube-api/held-creations.ts";
import type { KubeObject } from "./kube-api/kube-object.ts";
import { ObjectStore } from "./kube-api/object-store.ts";
import { resourceOf } from "./kube-api/resources.ts";
import { startKubeApi } from "./kube-api/server.ts";
import { startKubelet } from "./kubelet/kubelet.ts";
import type { ContainerRuntime } from "./kubelet/container-runtime.ts";

export interface ClusterOptions {
  /** Holds everything; removed by the caller. */
  readonly folder: string;
  readonly controller: string;
  readonly executorImage: string;
  readonly runtime: ContainerRuntime;
  /** With a shell. */
  readonly pauseImage: string;
  readonly objectStore: S3Server;
  /** Begins the names of containers. */
  readonly prefix: string;
  readonly onProblem: (message: string) => void;
  /** The built programs: workflows are rewritten, and `driver agent` drives them. Absent: drivers have pods. */
  readonly resident?: Programs | undefined;
}

export interface Cluster {
  readonly store: ObjectStore;
  readonly objectStore: S3Server;
  readonly pipelineRoot: string;
  /** Ours; another one after restartApiServer. */
  apiServer(): ApiServer;
  submit(workflow: JsonObject): void;
  workflow(name: string): KubeObject;
  pods(workflowName: string): readonly KubeObject[];
  readLog(pod: string, container: string): Promise<string | undefined>;
  /** Holds requests for objects of such names; the test lets them go. */
  holdCreation(plural: string, selects: (name: string) => boolean): HeldCreation;
  /** Ends the API server, and starts it again on the same database when `meanwhile` has passed. */
  restartApiServer(meanwhile: () => Promise<void>): Promise<void>;
  /** Requests to the Kubernetes API, by who and what. */
  requests(): ReadonlyMap<string, number>;
  /** Empty without one. */
  agentLog(): string;
  stop(): Promise<void>;
}

/** Names of services that pods look up. */
export const SERVICE_HOSTS = [
  "ml-pipeline.kubeflow",
  "ml-pipeline.kubeflow.svc",
  "ml-pipeline.kubeflow.svc.cluster.local",
  "minio-service.kubeflow",
];
/** A pod that is gone sooner after its node has started is made once more; Argo's own default, 10 s, is less than a busy machine takes. */
export const RECENTLY_STARTED_S = 60;
/** All pods of one user share a limit of a thousand processes and threads, and a pod has about fifty. */
const MAX_PODS = 16;
const API_SERVER_PORT = 8887;
const STOP_TIMEOUT_MS = 10_000;

export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { folder, objectStore } = options;
  const now = (): Date => new Date();
  const store = new ObjectStore({ now, newUid: randomUUID });
  const held = new HeldCreations();
  const tls = createSelfSignedCertificate();
  const late: { kubelet?: ReturnType<typeof startKubelet> } = {};
  const api = await startKubeApi({
    store,
    now,
    tls,
    admit: async (resource, object) => await held.admit(resource, object),
    readLog: async (namespace, pod, container) => await late.kubelet?.readLog(namespace, pod, container),
    exec: async ({ namespace, pod, container, command }) => {
      const name = late.kubelet?.containerName(namespace, pod, container) ?? "";
      return await options.runtime.exec(name, command);
    },
  });
  for (const [plural, object] of clusterObjects(objectStore))
    store.create({ resource: resourceOf(plural), namespace: object.metadata?.namespace ?? "" }, object);
  const stopBinder = bindClaims(store);
  late.kubelet = startKubelet({
    store,
    runtime: options.runtime,
    folder: path.join(folder, "node"),
    apiServer: { host: "127.0.0.1", port: api.port },
    ca: tls.cert,
    issueToken: api.issueToken,
    prefix: options.prefix,
    pauseImage: options.pauseImage,
    maxPods: MAX_PODS,
    onProblem: options.onProblem,
    // As the gate does that keeps Argo's own agents from starting (manifests/components/resident-agent-gate).
    takes: (pod) => options.resident === undefined || !isAgentPod(pod),
  });
  const { kubelet } = late;
  await mkdir(path.join(folder, "api-server"), { recursive: true });
  const openApiServer = async (): Promise<ApiServer> =>
    await startApiServer({ database: path.join(folder, "api-server", "state.db"), port: API_SERVER_PORT });
  let apiServer = await openApiServer();
  const stopController = await startController(options, { port: api.port, ca: tls.cert, token: api.adminToken });
  const agent =
    options.resident === undefined
      ? undefined
      : startAgentProcess(options.resident, {
          kubeconfig: path.join(folder, "kubeconfig"),
          server: { host: "127.0.0.1", port: API_SERVER_PORT },
          argv: ["--namespace", NAMESPACE],
        });
  agent?.ended.then(
    (code) => code !== 0 && options.onProblem(`the agent ended with ${String(code)}: ${agent.log().slice(-2000)}`),
    (error: unknown) => options.onProblem(`the agent does not start: ${String(error)}`),
  );
  const place = (plural: string, name: string) => ({ resource: resourceOf(plural), namespace: NAMESPACE, name });
  return {
    store,
    objectStore,
    pipelineRoot: "minio://mlpipeline/v2/artifacts",
    apiServer: () => apiServer,
    submit: (workflow) => {
      const created = options.resident === undefined ? workflow : rewritten(workflow);
      store.create({ resource: resourceOf("workflows"), namespace: NAMESPACE }, created);
    },
    workflow: (name) => store.get(place("workflows", name)),
    pods: (workflowName) =>
      store.list(
        { resource: resourceOf("pods"), namespace: NAMESPACE },
        (pod) => pod.metadata.labels?.["workflows.argoproj.io/workflow"] === workflowName && !isAgentPod(pod),
      ).items,
    readLog: async (pod, container) => await kubelet.readLog(NAMESPACE, pod, container),
    holdCreation: (plural, selects) => held.hold(resourceOf(plural), ({ metadata }) => selects(metadata?.name ?? "")),
    async restartApiServer(meanwhile) {
      await apiServer.close();
      await meanwhile();
      apiServer = await openApiServer();
    },
    requests: () => api.requests,
    agentLog: () => agent?.log() ?? "",
    async stop() {
      stopBinder();
      agent?.kill("SIGTERM");
      await agent?.ended;
      await stopController();
      await kubelet.stop();
      await apiServer.close();
      await api.close();
    },
  };
}

/** Argo makes one for every workflow with plugin templates; it runs nothing but those. */
function isAgentPod({ metadata }: KubeObject): boolean {
  return metadata.labels?.["workflows.argoproj.io/component"] === "agent";
}

/** As the webhook does it. */
function rewritten(workflow: JsonObject): JsonObject {
  const outcome = rewriteWorkflow(workflow, { loopParallelism: 200, version: "test" });
  if (outcome.kind !== "rewritten") throw new Error(`the workflow is not rewritten: ${JSON.stringify(outcome)}`);
  return applyJsonPatch(workflow, outcome.patch) as JsonObject;
}

/** Argo's controller with a kubeconfig; its log is `controller.log` in the folder. */
async function startController(
  { controller, executorImage, folder, onProblem }: ClusterOptions,
  { port, ca, token }: { readonly port: number; readonly ca: string; readonly token: string },
): Promise<() => Promise<void>> {
  const kubeconfig = path.join(folder, "kubeconfig");
  const server = `https://127.0.0.1:${String(port)}`;
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "test", cluster: { server, "certificate-authority-data": Buffer.from(ca).toString("base64") } }],
    users: [{ name: "admin", user: { token } }],
    contexts: [{ name: "test", context: { cluster: "test", user: "admin", namespace: NAMESPACE } }],
    "current-context": "test",
  };
  await writeFile(kubeconfig, JSON.stringify(config), { mode: 0o600 });
  const log = openSync(path.join(folder, "controller.log"), "a");
  const args = ["--kubeconfig", kubeconfig, "--namespace", NAMESPACE, "--executor-image", executorImage];
  const child = spawn(controller, args, {
    env: {
      ...{ PATH: process.env["PATH"], HOME: folder, TZ: "UTC" },
      ...{ LEADER_ELECTION_DISABLE: "true", DEFAULT_REQUEUE_TIME: "1s" },
      RECENTLY_STARTED_POD_DURATION: `${String(RECENTLY_STARTED_S)}s`,
    },
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  let isStopping = false;
  const ended = new Promise<void>((resolve) => {
    child.once("error", (error) => {
      onProblem(`Argo's controller does not start: ${error.message}`);
      resolve();
    });
    child.once("close", (code) => {
      if (!isStopping) onProblem(`Argo's controller ended with ${String(code)}`);
      resolve();
    });
  });
  return async () => {
    isStopping = true;
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(timer);
  };
}
