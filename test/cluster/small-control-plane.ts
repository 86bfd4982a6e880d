/**
 * The small Kubernetes API and kubelet of ours, in this process.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import path from "node:path";
import type { S3Server } from "../support/s3-server.ts";
import { createSelfSignedCertificate } from "../support/self-signed-certificate.ts";
import { clusterObjects } from "./cluster-objects.ts";
import type { ControlPlane } from "./control-plane.ts";
import { bindClaims } from "./kube-api/claim-binder.ts";
import { HeldCreations } from "./kube-api/held-creations.ts";
import type { KubeObject } from "./kube-api/kube-object.ts";
import { ObjectStore } from "./kube-api/object-store.ts";
import { resourceOf } from "./kube-api/resources.ts";
import { startKubeApi } from "./kube-api/server.ts";
import { startKubelet } from "./kubelet/kubelet.ts";
import type { ContainerRuntime } from "./kubelet/container-runtime.ts";

export interface SmallControlPlaneOptions {
  /** Holds everything; removed by the caller. */
  readonly folder: string;
  readonly runtime: ContainerRuntime;
  /** With a shell. */
  readonly pauseImage: string;
  readonly objectStore: S3Server;
  /** Begins the names of containers. */
  readonly prefix: string;
  readonly onProblem: (message: string) => void;
  /** Whether the node takes a pod. */
  readonly takes: (pod: KubeObject) => boolean;
}

/** All pods of one user share a limit of a thousand processes and threads, and a pod has about fifty. */
const MAX_PODS = 16;

export async function startSmallControlPlane(options: SmallControlPlaneOptions): Promise<ControlPlane> {
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
  for (const [plural, object] of clusterObjects(options.objectStore))
    store.create({ resource: resourceOf(plural), namespace: object.metadata?.namespace ?? "" }, object);
  const stopBinder = bindClaims(store);
  const kubelet = startKubelet({
    store,
    runtime: options.runtime,
    folder: path.join(options.folder, "node"),
    apiServer: { host: "127.0.0.1", port: api.port },
    ca: tls.cert,
    issueToken: api.issueToken,
    prefix: options.prefix,
    pauseImage: options.pauseImage,
    maxPods: MAX_PODS,
    onProblem: options.onProblem,
    takes: options.takes,
  });
  late.kubelet = kubelet;
  const admin = { port: api.port, ca: tls.cert, token: api.adminToken };
  return {
    admin,
    argo: admin,
    holdCreation: (plural, selects) => held.hold(resourceOf(plural), ({ metadata }) => selects(metadata?.name ?? "")),
    async stop() {
      stopBinder();
      await kubelet.stop();
      await api.close();
    },
  };
}
