/**
 * When the image of the user's container is pulled.
 *
 * Source: docs/spec/kubernetes-executor-config.md#image-pull-secrets-and-policy.
 *
 * @module
 */
import type { KubernetesExecutorConfig } from "../../../gen/kfp_kubernetes/kubernetes_executor_config_pb.js";
import type { Contribution, ResolveDynamic } from "../contribution.ts";

const POLICIES = ["Always", "Never", "IfNotPresent"] as const;

/** Spelled exactly; the empty text says nothing. */
export function pullPolicy({ imagePullPolicy }: KubernetesExecutorConfig, resolve: ResolveDynamic): Contribution {
  if (imagePullPolicy === "") return {};
  const policy = POLICIES.find((known) => known === imagePullPolicy);
  if (policy === undefined) {
    throw resolve.refuse(
      "imagePullPolicy",
      `unsupported value: ${imagePullPolicy}. ImagePullPolicy should be one of 'Always', 'Never' or 'IfNotPresent'`,
    );
  }
  return { main: { imagePullPolicy: policy } };
}
