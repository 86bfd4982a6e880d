/**
 * A whole Kubernetes on this machine: etcd, the API with its admission and roles, scheduler, controllers, and a node with kubelet,
 * kube-proxy, containerd and runc. It expects namespaces of its own (`full-namespaces.ts`).
 *
 * @module
 */
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import type { S3Server } from "../../support/s3-server.ts";
import { clusterObjects, NAMESPACE } from "../cluster-objects.ts";
import { API_SERVER_PORT } from "../cluster.ts";
import type { ControlPlane } from "../control-plane.ts";
import { KubeStatusError } from "../kube-api/kube-object.ts";
import { kubeClient, type KubeClient } from "../kube-client.ts";
import { runWorkflow } from "../run-workflow.ts";
import { BRIDGE, NODE_ADDRESS, NODE_NAME, SERVICE_RANGE } from "./addresses.ts";
import { applyObjects, type Manifest } from "./apply-objects.ts";
import { provideVolumes } from "./claim-volumes.ts";
import { startClusterDns } from "./cluster-dns.ts";
import { startContainerNode, untilItWorks, type SavedImage } from "./container-node.ts";
import { makeCredentials } from "./credentials.ts";
import { forward } from "./forward.ts";
import { argoDefinitions, CONTROLLER, installedObjects } from "./installation.ts";
import type { KubernetesProgram, KubernetesPrograms } from "./kubernetes-programs.ts";
import { kubernetesSettings } from "./kubernetes-settings.ts";
import { installResidentDriver } from "./resident-installation.ts";
import { startProgram, type ProgramProcess } from "./program-process.ts";

export interface FullControlPlaneOptions {
  /** Holds everything; removed by the caller. */
  readonly folder: string;
  readonly programs: KubernetesPrograms["programs"];
  readonly images: readonly SavedImage[];
  readonly pauseImage: string;
  /** Of CNI. */
  readonly pluginFolder: string;
  readonly cgroupRoot: string;
  /** Of the resident driver, where it is to drive. */
  readonly resident?: readonly Manifest[] | undefined;
  readonly objectStore: S3Server;
  readonly onProblem: (message: string) => void;
}

/** As pods reach the store. */
const STORE_PORT = 9000;
const STORE_ENDPOINT = `http://minio-service.${NAMESPACE}:${String(STORE_PORT)}`;
/** On a machine that does other things as well. */
const READY_TIMEOUT_MS = 300_000;
const CONTROLLER_TOKEN_SECONDS = 86_400;

export async function startFullControlPlane(options: FullControlPlaneOptions): Promise<ControlPlane> {
  const { objectStore, programs, onProblem, cgroupRoot } = options;
  const folder = path.join(options.folder, "kubernetes");
  await mkdir(folder, { recursive: true });
  // Volumes of claims lie in it, and pods have users of their own.
  await chmod(options.folder, 0o755);
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const one of stops.toReversed()) await one();
  };
  const start = (name: KubernetesProgram, args: readonly string[]): ProgramProcess => {
    const started = startProgram({ name, program: programs[name], args, folder, onProblem });
    stops.push(async () => await started.stop());
    return started;
  };
  try {
    await makeBridge();
    const credentials = await makeCredentials(path.join(folder, "credentials"));
    const kube = kubeClient(credentials.admin, NAMESPACE);
    const node = await startContainerNode({ ...options, folder });
    stops.push(async () => await node.stop());
    const settings = kubernetesSettings({ folder, credentials, socket: node.socket, cgroupRoot });
    for (const [file, text] of Object.entries(settings.files)) await writeFile(file, text);
    start("etcd", settings.args.etcd);
    start("kube-apiserver", settings.args["kube-apiserver"]);
    await untilItWorks("the Kubernetes API is ready", async () => void (await kube.ask("GET", "/readyz")), READY_TIMEOUT_MS);
    start("kube-controller-manager", settings.args["kube-controller-manager"]);
    start("kube-scheduler", settings.args["kube-scheduler"]);
    await install(kube, objectStore);
    for (const name of ["kubelet", "kube-proxy"] as const) start(name, settings.nodeArgs[name]);
    stops.push(await startClusterDns(kube));
    stops.push(await forward(API_SERVER_PORT, { port: API_SERVER_PORT }));
    stops.push(await forward(STORE_PORT, { port: Number(new URL(objectStore.endpoint).port) }));
    stops.push(provideVolumes(kube, path.join(folder, "volumes"), onProblem));
    await untilItWorks("the node is ready", async () => await expectReadyNode(kube), READY_TIMEOUT_MS);
    stops.push(async () => await deletePods(kube));
    if (options.resident !== undefined)
      await installResidentDriver(kube, { manifests: options.resident, workflow: await exampleWorkflow() });
    const token = await controllerToken(kube);
    return { admin: credentials.admin, argo: { ...credentials.admin, token }, isResident: options.resident !== undefined, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** With an address from the start, at which servers can listen before there is a pod. */
async function makeBridge(): Promise<void> {
  const ip = async (...words: readonly string[]): Promise<void> => void (await promisify(execFile)("ip", words));
  await ip("link", "add", "name", BRIDGE, "type", "bridge");
  await ip("address", "add", `${NODE_ADDRESS}/16`, "dev", BRIDGE);
  await ip("link", "set", BRIDGE, "up");
  // The API asks webhooks at the address of their service: without a way there nothing would be left for kube-proxy to translate.
  await ip("route", "add", SERVICE_RANGE, "dev", BRIDGE);
}

async function install(kube: KubeClient, objectStore: S3Server): Promise<void> {
  await applyObjects(kube, argoDefinitions());
  const stored = clusterObjects({ ...objectStore, endpoint: STORE_ENDPOINT });
  for (const [plural, object] of stored)
    // Kubernetes has its own account of that name for every namespace.
    await kube.create(plural, object).catch((error: unknown) => {
      if (!(error instanceof KubeStatusError && error.reason === "AlreadyExists")) throw error;
    });
  await applyObjects(kube, await installedObjects({ apiServer: API_SERVER_PORT, objectStore: STORE_PORT }));
  await untilItWorks("Argo's resources are served", async () => void (await kube.list("workflows")));
}

async function expectReadyNode(kube: KubeClient): Promise<void> {
  const { status = {} } = JSON.parse(await kube.ask("GET", `/api/v1/nodes/${NODE_NAME}`)) as {
    readonly status?: { readonly conditions?: readonly { type: string; status: string; message: string }[] };
  };
  const ready = status.conditions?.find(({ type }) => type === "Ready");
  if (ready?.status !== "True") throw new Error(ready?.message ?? "there is no node yet");
}

async function exampleWorkflow(): Promise<object> {
  const compiled = await readFile(new URL("../../conformance/workflows/container_bare.yaml", import.meta.url), "utf8");
  return runWorkflow(compiled, {
    runId: randomUUID(),
    displayName: "asked about",
    namespace: NAMESPACE,
    workflowName: "example",
  });
}

/** As the account that has the rights of Argo's controller. */
async function controllerToken(kube: KubeClient): Promise<string> {
  const place = `/api/v1/namespaces/${NAMESPACE}/serviceaccounts/${CONTROLLER}/token`;
  const object = {
    ...{ apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest" },
    spec: { expirationSeconds: CONTROLLER_TOKEN_SECONDS },
  };
  const { status } = JSON.parse(await kube.ask("POST", place, { type: "application/json", object })) as {
    readonly status: { readonly token: string };
  };
  return status.token;
}

/** While the kubelet is there to end their containers. */
async function deletePods(kube: KubeClient): Promise<void> {
  await kube.ask("DELETE", `/api/v1/namespaces/${NAMESPACE}/pods?gracePeriodSeconds=0`);
}
