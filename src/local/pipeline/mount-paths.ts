/**
 * Where the Kubernetes configs of a pipeline mount volumes.
 *
 * @module
 */
import { fromJsonString } from "@bufbuild/protobuf";
import { KubernetesExecutorConfigSchema } from "../../gen/kfp_kubernetes/kubernetes_executor_config_pb.js";

/**
 * Mount paths, each once. A config that cannot be read is the driver's to refuse.
 *
 * @param configs KubernetesExecutorConfig as JSON.
 */
export function mountPaths(configs: Iterable<string>): Set<string> {
  const paths = new Set<string>();
  for (const json of configs) {
    let config;
    try {
      config = fromJsonString(KubernetesExecutorConfigSchema, json, { ignoreUnknownFields: true });
    } catch {
      continue;
    }
    const { secretAsVolume, configMapAsVolume, pvcMount, genericEphemeralVolume, emptyDirMounts } = config;
    for (const { mountPath } of [
      ...secretAsVolume,
      ...configMapAsVolume,
      ...pvcMount,
      ...genericEphemeralVolume,
      ...emptyDirMounts,
    ]) {
      if (mountPath !== "") paths.add(mountPath);
    }
  }
  return paths;
}
