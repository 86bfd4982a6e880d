/**
 * Empty directories, on disk or in memory, shared memory included.
 *
 * The reference knows the message for shared memory and ignores it; here it is what its name says.
 *
 * Source: docs/spec/kubernetes-executor-config.md#emptydir, docs/spec/kubernetes-executor-config.md#k8s-18.
 *
 * @module
 */
import type { KubernetesExecutorConfig } from "../../../gen/kfp_kubernetes/kubernetes_executor_config_pb.js";
import type { Contribution, MountedVolume, ResolveDynamic } from "../contribution.ts";
import { memberQuantity } from "./member-quantity.ts";

const SHARED_MEMORY_PATH = "/dev/shm";

/** Medium and limit where they are said; an empty text says nothing. */
export function emptyDirectories({ emptyDirMounts }: KubernetesExecutorConfig, resolve: ResolveDynamic): Contribution {
  return {
    volumes: emptyDirMounts.map(({ volumeName, mountPath, medium, sizeLimit }, index) =>
      directory({ volumeName, mountPath, medium, sizeLimit, member: `emptyDirMounts[${index}].sizeLimit` }, resolve),
    ),
  };
}

/** Memory at `/dev/shm`, instead of the 64 MiB that a container has by itself. */
export function sharedMemory({ enabledSharedMemory }: KubernetesExecutorConfig, resolve: ResolveDynamic): Contribution {
  if (enabledSharedMemory === undefined) return {};
  const { volumeName, size } = enabledSharedMemory;
  const request = {
    volumeName: volumeName === "" ? "shared-memory" : volumeName,
    mountPath: SHARED_MEMORY_PATH,
    medium: "Memory",
    sizeLimit: size,
    member: "enabledSharedMemory.size",
  };
  return { volumes: [directory(request, resolve)] };
}

interface Directory {
  readonly volumeName: string;
  readonly mountPath: string;
  readonly medium: string | undefined;
  readonly sizeLimit: string | undefined;
  /** Of the limit, for messages. */
  readonly member: string;
}

function directory(
  { volumeName, mountPath, medium = "", sizeLimit = "", member }: Directory,
  resolve: ResolveDynamic,
): MountedVolume {
  const limit = { member, what: `limit of volume "${volumeName}"` };
  const emptyDir = {
    ...(medium === "" ? {} : { medium }),
    ...(sizeLimit === "" ? {} : { sizeLimit: memberQuantity(sizeLimit, limit, resolve) }),
  };
  return { preferredName: volumeName, source: { emptyDir }, mount: { mountPath } };
}
