/**
 * A cluster inside of a network namespace of its own: a Kubernetes, Argo's controller, our API server as `ml-pipeline`, and an S3 server.
 *
 * @module
 */
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { startApiServer, type ApiServer } from "../../src/apiserver/server.ts";
import type { JsonObject } from "../../src/core/values/value.ts";
import { applyJsonPatch } from "../../src/resident/rewrite/json-patch.ts";
import { RESIDENT_LABEL } from "../../src/resident/rewrite/marks.ts";
import { rewriteWorkflow } from "../../src/resident/rewrite/rewrite-workflow.ts";
import type { Programs } from "../support/built-programs.ts";
import type { S3Server } from "../support/s3-server.ts";
import { startArgoController } from "./argo-controller.ts";
import { startClusterAgent, type ClusterAgent } from "./cluster-agent.ts";
import { NAMESPACE } from "./cluster-objects.ts";
import type { ControlPlane } from "./control-plane.ts";
import type { HeldCreation } from "./kube-api/held-creations.ts";
import type { KubeObject } from "./kube-api/kube-object.ts";
import { kubeClient, type KubeAccess, type KubeClient } from "./kube-client.ts";

export interface ClusterOptions {
  /** Holds everything; removed by the caller. */
  readonly folder: string;
  /** Stopped with the cluster. */
  readonly controlPlane: ControlPlane;
  readonly controller: string;
  readonly executorImage: string;
  readonly objectStore: S3Server;
  readonly onProblem: (message: string) => void;
  /** The built programs: workflows are rewritten, and `driver agent` drives them. Absent: drivers have pods. */
  readonly resident?: Programs | undefined;
}

/** Who drives: pods of drivers, or the agent. */
export type Drivers = "pods" | "agent";

export interface Cluster {
  readonly drivers: Drivers;
  /** May do everything. */
  readonly kube: KubeClient;
  readonly objectStore: S3Server;
  readonly pipelineRoot: string;
  /** Absent: drivers have pods, or the agent has one. */
  readonly agent: ClusterAgent | undefined;
  /** Ours; another one after restartApiServer. */
  apiServer(): ApiServer;
  submit(workflow: JsonObject): Promise<void>;
  workflow(name: string): Promise<KubeObject>;
  /** Those of drivers and steps. */
  pods(workflowName: string): Promise<readonly KubeObject[]>;
  /** Holds requests for objects of such names; the test lets them go. */
  holdCreation(plural: string, selects: (name: string) => boolean): HeldCreation;
  /** Ends the API server, and starts it again on the same database when `meanwhile` has passed. */
  restartApiServer(meanwhile: () => Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

/** Names of services that pods look up. */
export const SERVICE_HOSTS = [
  "ml-pipeline.kubeflow",
  "ml-pipeline.kubeflow.svc",
  "ml-pipeline.kubeflow.svc.cluster.local",
  "minio-service.kubeflow",
];
export const API_SERVER_PORT = 8887;

export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { folder, objectStore, controlPlane } = options;
  await mkdir(path.join(folder, "api-server"), { recursive: true });
  const openApiServer = async (): Promise<ApiServer> =>
    await startApiServer({ database: path.join(folder, "api-server", "state.db"), port: API_SERVER_PORT });
  let apiServer = await openApiServer();
  const kubeconfig = path.join(folder, "kubeconfig");
  await writeKubeconfig(kubeconfig, controlPlane.argo);
  const stopController = startArgoController({ ...options, kubeconfig });
  const agent =
    options.resident === undefined
      ? undefined
      : startClusterAgent(options.resident, {
          kubeconfig,
          server: { host: "127.0.0.1", port: API_SERVER_PORT },
          ...{ namespace: NAMESPACE, onProblem: options.onProblem },
        });
  const kube = kubeClient(controlPlane.admin, NAMESPACE);
  return {
    drivers: agent === undefined && controlPlane.isResident !== true ? "pods" : "agent",
    kube,
    objectStore,
    pipelineRoot: "minio://mlpipeline/v2/artifacts",
    agent,
    apiServer: () => apiServer,
    submit: async (workflow) => {
      const created = withImages(workflow, controlPlane.workflowImages);
      const { metadata } = await kube.create("workflows", options.resident === undefined ? created : rewritten(created));
      if (controlPlane.isResident === true && metadata.labels?.[RESIDENT_LABEL] !== "true")
        throw new Error(`workflow ${metadata.name} was not rewritten`);
    },
    workflow: async (name) => await kube.get("workflows", name),
    pods: async (workflowName) => {
      const pods = await kube.list("pods", `workflows.argoproj.io/workflow=${workflowName}`);
      return pods.filter((pod) => !isAgentPod(pod)).toSorted((a, b) => (createdAt(a) < createdAt(b) ? -1 : 1));
    },
    holdCreation: (plural, selects) => {
      if (controlPlane.holdCreation === undefined) throw new Error("this Kubernetes holds no requests");
      return controlPlane.holdCreation(plural, selects);
    },
    async restartApiServer(meanwhile) {
      await apiServer.close();
      await meanwhile();
      apiServer = await openApiServer();
    },
    async stop() {
      await agent?.stop();
      await stopController();
      await controlPlane.stop();
      await apiServer.close();
    },
  };
}

/** Argo makes one for every workflow with plugin templates; it runs nothing but those. */
export function isAgentPod({ metadata }: KubeObject): boolean {
  return metadata.labels?.["workflows.argoproj.io/component"] === "agent";
}

function createdAt({ metadata }: KubeObject): string {
  return metadata.creationTimestamp;
}

/** As KFP's API server is told to compile it. */
function withImages(workflow: JsonObject, images: Readonly<Record<string, string>> = {}): JsonObject {
  let text = JSON.stringify(workflow);
  for (const [compiled, image] of Object.entries(images)) text = text.replaceAll(JSON.stringify(compiled), JSON.stringify(image));
  return JSON.parse(text) as JsonObject;
}

/** As the webhook does it. */
function rewritten(workflow: JsonObject): JsonObject {
  const outcome = rewriteWorkflow(workflow, { loopParallelism: 200, version: "test" });
  if (outcome.kind !== "rewritten") throw new Error(`the workflow is not rewritten: ${JSON.stringify(outcome)}`);
  return applyJsonPatch(workflow, outcome.patch) as JsonObject;
}

async function writeKubeconfig(file: string, { port, ca, token }: KubeAccess): Promise<void> {
  const server = `https://127.0.0.1:${String(port)}`;
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "test", cluster: { server, "certificate-authority-data": Buffer.from(ca).toString("base64") } }],
    users: [{ name: "test", user: { token } }],
    contexts: [{ name: "test", context: { cluster: "test", user: "test", namespace: NAMESPACE } }],
    "current-context": "test",
  };
  await writeFile(file, JSON.stringify(config), { mode: 0o600 });
}
