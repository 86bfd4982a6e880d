/**
 * A folder of this machine for every volume claim, in the place of a storage driver; Kubernetes' own controller binds them.
 *
 * @module
 */
import { chmod, mkdir } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { KubeClient } from "../kube-client.ts";
import type { KubeObject } from "../kube-api/kube-object.ts";
import { applyObjects, type Manifest } from "./apply-objects.ts";

/** The default one, and that which the pipelines of the conformance set name. */
export const STORAGE_CLASS = "standard";
const POLL_MS = 500;

/** @param folder Holds the volumes. @returns Stops it. */
export function provideVolumes(kube: KubeClient, folder: string, onProblem: (message: string) => void): () => Promise<void> {
  const seen = new Set<string>();
  const stopping = new AbortController();
  const look = async (): Promise<void> => {
    for (const claim of await kube.list("persistentvolumeclaims")) {
      const { uid } = claim.metadata;
      if (claim.status?.["phase"] !== "Pending" || seen.has(uid)) continue;
      const place = path.join(folder, uid);
      await mkdir(place, { recursive: true });
      // Whatever user a pod has.
      await chmod(place, 0o777);
      await applyObjects(kube, [volumeFor(claim, place)]);
      seen.add(uid);
    }
  };
  const ended = (async () => {
    while (!stopping.signal.aborted) {
      await look().catch((error: unknown) => {
        if (!stopping.signal.aborted) onProblem(`volumes of claims: ${String(error)}`);
      });
      // Rejects when it is stopped.
      await sleep(POLL_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  })();
  return async () => {
    stopping.abort();
    await ended;
  };
}

function volumeFor({ metadata, spec = {} }: KubeObject, place: string): Manifest {
  const { accessModes, resources } = spec as { accessModes: string[]; resources: { requests: { storage: string } } };
  return {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: `pvc-${metadata.uid}` },
    spec: {
      ...{ accessModes, capacity: { storage: resources.requests.storage }, storageClassName: spec["storageClassName"] ?? "" },
      ...{ hostPath: { path: place, type: "Directory" }, persistentVolumeReclaimPolicy: "Retain" },
      claimRef: {
        ...{ apiVersion: "v1", kind: "PersistentVolumeClaim" },
        ...{ namespace: metadata.namespace, name: metadata.name, uid: metadata.uid },
      },
    },
  };
}
