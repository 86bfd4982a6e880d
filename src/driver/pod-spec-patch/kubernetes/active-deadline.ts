/**
 * How long the pod may run.
 *
 * Source: docs/spec/kubernetes-executor-config.md#active-deadline.
 *
 * @module
 */
import type { KubernetesExecutorConfig } from "../../../gen/kfp_kubernetes/kubernetes_executor_config_pb.js";
import type { Contribution, ResolveDynamic } from "../contribution.ts";
import { exactInteger } from "./exact-integer.ts";

/** Zero and less say nothing. */
export function activeDeadline(config: KubernetesExecutorConfig, resolve: ResolveDynamic): Contribution {
  const seconds = config.activeDeadlineSeconds;
  if (seconds <= 0n) return {};
  return { pod: { activeDeadlineSeconds: exactInteger(seconds, "activeDeadlineSeconds", resolve) } };
}
