/**
 * Volumes that are made for the pod and go with it.
 *
 * Source: docs/spec/kubernetes-executor-config.md#generic-ephemeral-volumes.
 *
 * @module
 */
import type {
  GenericEphemeralVolume,
  KubernetesExecutorConfig,
} from "../../../gen/kfp_kubernetes/kubernetes_executor_config_pb.js";
import type { Contribution, MountedVolume, ResolveDynamic } from "../contribution.ts";
import { memberQuantity } from "./member-quantity.ts";

const ACCESS_MODES = ["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"] as const;

/** An empty storage class is said, too: it turns the cluster's default off. */
export function ephemeralVolumes(config: KubernetesExecutorConfig, resolve: ResolveDynamic): Contribution {
  return { volumes: config.genericEphemeralVolume.map((entry, index) => volumeOf(entry, index, resolve)) };
}

function volumeOf(entry: GenericEphemeralVolume, index: number, resolve: ResolveDynamic): MountedVolume {
  const member = `genericEphemeralVolume[${index}]`;
  const labels = { ...entry.metadata?.labels };
  const annotations = { ...entry.metadata?.annotations };
  const accessModes = entry.accessModes.map((text) => {
    const mode = ACCESS_MODES.find((known) => known === text);
    if (mode !== undefined) return mode;
    const reason = `volume "${entry.volumeName}": unknown access mode "${text}", must be one of ${ACCESS_MODES.join(", ")}`;
    throw resolve.refuse(`${member}.accessModes`, reason);
  });
  const size = { member: `${member}.size`, what: `size of volume "${entry.volumeName}"` };
  const spec = {
    ...(accessModes.length === 0 ? {} : { accessModes }),
    resources: { requests: { storage: memberQuantity(entry.size, size, resolve) } },
    ...(entry.defaultStorageClass ? {} : { storageClassName: entry.storageClassName }),
  };
  const metadata = {
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  };
  return {
    preferredName: entry.volumeName,
    source: { ephemeral: { volumeClaimTemplate: { metadata, spec } } },
    mount: { mountPath: entry.mountPath },
  };
}
