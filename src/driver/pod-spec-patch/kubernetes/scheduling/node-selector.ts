/**
 * Labels that the pod's node must have.
 *
 * Source: docs/spec/kubernetes-executor-config.md#node-selector.
 *
 * @module
 */
import type { KubernetesExecutorConfig } from "../../../../gen/kfp_kubernetes/kubernetes_executor_config_pb.js";
import { valueToJson } from "../../../../core/values/value.ts";
import type { Contribution, ResolveDynamic } from "../../contribution.ts";
import { describeJson, isJsonObject } from "../json-object.ts";

/** JSON that the run gives replaces the labels; where the run gives none there is no selector at all. */
export async function nodeSelector(config: KubernetesExecutorConfig, resolve: ResolveDynamic): Promise<Contribution> {
  const selector = config.nodeSelector;
  if (selector?.nodeSelectorJson === undefined) {
    const labels = { ...selector?.labels };
    return Object.keys(labels).length === 0 ? {} : { pod: { nodeSelector: labels } };
  }
  const member = "nodeSelector.nodeSelectorJson";
  const value = await resolve.value({ member, spec: selector.nodeSelectorJson, what: "node selector" });
  if (value === undefined) return {};
  const json = valueToJson(value);
  const fail = (reason: string): Error => resolve.refuse(member, `failed to resolve node selector: ${reason}`);
  if (!isJsonObject(json)) throw fail(`resolved k8s parameter is nil: expected an object but got ${describeJson(json)}`);
  const labels = Object.entries(json).map(([label, text]): [string, string] => {
    if (text === null || typeof text === "string") return [label, text ?? ""];
    throw fail(`failed to unmarshal k8s Resource json: label "${label}" must be a text but is ${describeJson(text)}`);
  });
  return { pod: { nodeSelector: Object.fromEntries(labels) } };
}
