/**
 * Secrets for the registries of the pod's images.
 *
 * Source: docs/spec/kubernetes-executor-config.md#image-pull-secrets-and-policy.
 *
 * @module
 */
import type { KubernetesExecutorConfig } from "../../../gen/kfp_kubernetes/kubernetes_executor_config_pb.js";
import type { Contribution, ResolveDynamic } from "../contribution.ts";
import { objectName } from "./object-name.ts";

/** In order; a secret that the run does not name is left out. */
export async function pullSecrets({ imagePullSecret }: KubernetesExecutorConfig, resolve: ResolveDynamic): Promise<Contribution> {
  const imagePullSecrets: Array<{ name: string }> = [];
  for (const [index, entry] of imagePullSecret.entries()) {
    const name = await objectName(
      {
        member: `imagePullSecret[${index}]`,
        parameterMember: "secretNameParameter",
        parameter: entry.secretNameParameter,
        name: entry.secretName,
        what: "image pull secret name",
        missing: "missing either SecretName or SecretNameParameter for image pull secret in executor config",
      },
      resolve,
    );
    if (name !== undefined) imagePullSecrets.push({ name });
  }
  return imagePullSecrets.length === 0 ? {} : { pod: { imagePullSecrets } };
}
