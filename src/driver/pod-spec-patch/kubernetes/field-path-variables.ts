/**
 * Fields of the pod as environment variables.
 *
 * Source: docs/spec/kubernetes-executor-config.md#secret-configmap-and-field-path-variables.
 *
 * @module
 */
import type { KubernetesExecutorConfig } from "../../../gen/kfp_kubernetes/kubernetes_executor_config_pb.js";
import type { Contribution, ResolveDynamic } from "../contribution.ts";
import { isReservedVariable, reservedVariable } from "../environment.ts";

/** The field is read by Kubernetes when the container starts. */
export function fieldPathVariables({ fieldPathAsEnv }: KubernetesExecutorConfig, resolve: ResolveDynamic): Contribution {
  const env = fieldPathAsEnv.map(({ name, fieldPath }, index) => {
    if (isReservedVariable(name)) throw resolve.refuse(`fieldPathAsEnv[${index}]`, reservedVariable(name));
    return { name, valueFrom: { fieldRef: { fieldPath } } };
  });
  return { env };
}
