/**
 * Secrets and config maps as volumes.
 *
 * Source: docs/spec/kubernetes-executor-config.md#secret-and-configmap-volumes.
 *
 * @module
 */
import type { KubernetesExecutorConfig } from "../../../gen/kfp_kubernetes/kubernetes_executor_config_pb.js";
import type { Contribution, MountedVolume, ResolveDynamic } from "../contribution.ts";
import { objectName } from "./object-name.ts";

/** A secret that the run does not name is left out. */
export async function secretVolumes(
  { secretAsVolume }: KubernetesExecutorConfig,
  resolve: ResolveDynamic,
): Promise<Contribution> {
  const volumes: MountedVolume[] = [];
  for (const [index, entry] of secretAsVolume.entries()) {
    const name = await objectName(
      {
        member: `secretAsVolume[${index}]`,
        parameterMember: "secretNameParameter",
        parameter: entry.secretNameParameter,
        name: entry.secretName,
        what: "secret name",
        missing: "missing either SecretName or SecretNameParameter for secret volume in executor config",
      },
      resolve,
    );
    if (name === undefined) continue;
    const source = { secret: { secretName: name, optional: entry.optional ?? false } };
    volumes.push({ preferredName: name, source, mount: { mountPath: entry.mountPath } });
  }
  return { volumes };
}

/** A config map that the run does not name is left out. */
export async function configMapVolumes(
  { configMapAsVolume }: KubernetesExecutorConfig,
  resolve: ResolveDynamic,
): Promise<Contribution> {
  const volumes: MountedVolume[] = [];
  for (const [index, entry] of configMapAsVolume.entries()) {
    const name = await objectName(
      {
        member: `configMapAsVolume[${index}]`,
        parameterMember: "configMapNameParameter",
        parameter: entry.configMapNameParameter,
        name: entry.configMapName,
        what: "configmap name",
        missing: "missing either ConfigMapName or ConfigNameParameter for config volume in executor config",
      },
      resolve,
    );
    if (name === undefined) continue;
    const source = { configMap: { name, optional: entry.optional ?? false } };
    volumes.push({ preferredName: name, source, mount: { mountPath: entry.mountPath } });
  }
  return { volumes };
}
