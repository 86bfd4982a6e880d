/**
 * A kubelet for one node that takes every pod: it watches the API, runs a worker for each pod, and ends those that are deleted.
 *
 * @module
 */
import { readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { KubeObject } from "../kube-api/kube-object.ts";
import type { ObjectStore } from "../kube-api/object-store.ts";
import { resourceOf } from "../kube-api/resources.ts";
import { ContainerRemovals } from "./container-removals.ts";
import type { ContainerRuntime } from "./container-runtime.ts";
import { podOf, type Pod, type PodSources } from "./pod-objects.ts";
import { makeVolumes, openFolder } from "./pod-volumes.ts";
import { PodWorker } from "./pod-worker.ts";

export interface KubeletOptions {
  readonly store: ObjectStore;
  readonly runtime: ContainerRuntime;
  /** Holds folders of pods, claims and logs. */
  readonly folder: string;
  readonly apiServer: { readonly host: string; readonly port: number };
  /** PEM, of the API. */
  readonly ca: string;
  readonly issueToken: (serviceAccount: string) => string;
  /** Begins the names of containers. */
  readonly prefix: string;
  /** Image with a shell, for what holds the processes of a pod. */
  readonly pauseImage: string;
  /** Pods that run at once, others wait until one has ended; default 110, a kubelet's own. */
  readonly maxPods?: number;
  /** Others stay Pending, as pods that are not scheduled; default all. */
  readonly takes?: (pod: KubeObject) => boolean;
  readonly now?: () => Date;
  readonly onProblem?: (message: string) => void;
}

export interface Kubelet {
  /** Undefined when the pod has no such container, or it has not started. */
  readLog(namespace: string, pod: string, container: string): Promise<string | undefined>;
  /** The runtime's name of a container. */
  containerName(namespace: string, pod: string, container: string): string;
  /** Kills what runs and removes what is left of pods. */
  stop(): Promise<void>;
}

export const NODE_NAME = "node-1";

export function startKubelet(options: KubeletOptions): Kubelet {
  const { store, runtime, folder, prefix, pauseImage, maxPods = 110, takes = () => true } = options;
  const now = options.now ?? (() => new Date());
  const pods = resourceOf("pods");
  const workers = new Map<string, { readonly worker: PodWorker; readonly ended: Promise<void> }>();
  /** In the order of their creation: pods for which this node has no room yet. */
  const waiting = new Map<string, KubeObject>();
  let runningPods = 0;
  let isStopping = false;
  const removals = new ContainerRemovals(runtime);
  const podFolder = (uid: string): string => path.join(folder, "pods", uid);
  const sources = podSources(store, options.issueToken);

  const containerName = ({ metadata }: Pick<Pod, "metadata">, container: string): string =>
    `${prefix}-${metadata.uid.slice(0, 8)}-${container}`;
  const logFile = ({ metadata }: Pick<Pod, "metadata">, container: string): string =>
    path.join(folder, "logs", metadata.namespace ?? "", metadata.name, `${container}.log`);

  const placeOf = ({ metadata }: KubeObject) => ({ resource: pods, namespace: metadata.namespace ?? "", name: metadata.name });
  const isSame = (pod: KubeObject): boolean => store.find(placeOf(pod))?.metadata.uid === pod.metadata.uid;

  const begin = (object: KubeObject): void => {
    // It may be gone by now.
    if (!isSame(object)) return;
    runningPods += 1;
    const pod = podOf(store.patch(placeOf(object), { spec: { nodeName: NODE_NAME } }));
    const containers = new Set<string>();
    const worker = new PodWorker(
      {
        runtime,
        now,
        delay: async (milliseconds, signal) => {
          await sleep(milliseconds, undefined, { signal }).catch(() => undefined);
        },
        prepare: async () => {
          const volumes = await makeVolumes(pod, sources, {
            pod: podFolder(pod.metadata.uid),
            claims: path.join(folder, "claims"),
          });
          return { volumes, serviceAccountFolder: await serviceAccountFolder(pod) };
        },
        node: { apiServer: options.apiServer, sources },
        containerName: (of, container) => {
          const name = containerName(of, container);
          containers.add(name);
          return name;
        },
        logFile,
        pauseImage,
        report: (of, status) => {
          if (isSame(of)) store.update(placeOf(of), { status }, "status");
        },
      },
      pod,
    );
    const ended = worker.run().catch((error: unknown) => {
      options.onProblem?.(`pod ${pod.metadata.name}: ${String(error)}`);
    });
    workers.set(pod.metadata.uid, { worker, ended });
    void ended.then(async () => {
      runningPods -= 1;
      // Youngest first: a container whose processes others share goes after them.
      removals.add([...containers].toReversed());
      beginNext();
      await rm(podFolder(pod.metadata.uid), { recursive: true, force: true });
      // A pod that was deleted while it ended.
      const current = store.find(placeOf(pod));
      if (current?.metadata.deletionTimestamp !== undefined && isSame(pod)) remove(current);
    });
  };

  const beginNext = (): void => {
    for (const [uid, object] of waiting) {
      if (runningPods >= maxPods || isStopping) return;
      waiting.delete(uid);
      begin(object);
    }
  };

  const serviceAccountFolder = async ({ metadata, podSpec }: Pod): Promise<string> => {
    const place = path.join(podFolder(metadata.uid), "service-account");
    await openFolder(place);
    const { namespace = "" } = metadata;
    const token = sources.token(namespace, podSpec.serviceAccountName ?? "default");
    const files = { token, "ca.crt": options.ca, namespace };
    for (const [name, text] of Object.entries(files)) await writeFile(path.join(place, name), text);
    return place;
  };

  const remove = (pod: KubeObject): void => {
    if (isSame(pod)) store.delete(placeOf(pod), { graceSeconds: 0 });
  };

  const onPod = (object: KubeObject): void => {
    const { uid, deletionTimestamp, deletionGracePeriodSeconds = 0 } = object.metadata;
    const found = workers.get(uid);
    if (deletionTimestamp !== undefined) {
      waiting.delete(uid);
      if (found === undefined) remove(object);
      else {
        found.worker.stop(deletionGracePeriodSeconds);
        void found.ended.then(() => remove(object));
      }
    } else if (found === undefined && takes(object)) {
      waiting.set(uid, object);
      beginNext();
    }
  };

  const stopWatch = store.watch(
    { resource: pods, namespace: "" },
    {
      since: "",
      selects: () => true,
      onEvent: ({ type, object }) => {
        const found = workers.get(object.metadata.uid);
        // After the change: a listener of the store does not change it in the middle of telling others.
        if (type !== "DELETED") queueMicrotask(() => onPod(object));
        else {
          waiting.delete(object.metadata.uid);
          found?.worker.stop(0);
        }
      },
    },
  );

  return {
    readLog: async (namespace, pod, container) =>
      await readFile(logFile({ metadata: { namespace, name: pod } } as Pod, container), "utf8").catch(() => undefined),
    containerName: (namespace, pod, container) =>
      containerName(podOf(store.get({ resource: pods, namespace, name: pod })), container),
    async stop() {
      isStopping = true;
      stopWatch();
      for (const { worker } of workers.values()) worker.stop(0);
      await Promise.all([...workers.values()].map(({ ended }) => ended));
      await removals.done();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function podSources(store: ObjectStore, issueToken: (serviceAccount: string) => string): PodSources {
  const find = (plural: string, namespace: string, name: string): KubeObject | undefined =>
    store.find({ resource: resourceOf(plural), namespace, name });
  const data = (object: KubeObject | undefined): Map<string, Buffer> | undefined => {
    if (object === undefined) return undefined;
    const members = (name: string, encoding: "utf8" | "base64"): [string, Buffer][] =>
      Object.entries((object[name] ?? {}) as Record<string, string>).map(([key, text]) => [key, Buffer.from(text, encoding)]);
    const isSecret = object.kind === "Secret";
    return new Map(isSecret ? members("data", "base64") : [...members("data", "utf8"), ...members("binaryData", "base64")]);
  };
  return {
    configMap: (namespace, name) => data(find("configmaps", namespace, name)),
    secret: (namespace, name) => data(find("secrets", namespace, name)),
    hasClaim: (namespace, name) => find("persistentvolumeclaims", namespace, name) !== undefined,
    token: (namespace, name) => issueToken(`system:serviceaccount:${namespace}:${name}`),
  };
}
