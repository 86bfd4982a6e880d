/**
 * Pods that the pod wants to be near to, or away from.
 *
 * The message has it and the reference ignores it; here it is applied.
 *
 * Source: docs/spec/kubernetes-executor-config.md#k8s-18.
 *
 * @module
 */
import type { IAffinity, IPodAffinity, IPodAffinityTerm } from "kubernetes-models/v1";
import type { KubernetesExecutorConfig, PodAffinityTerm } from "../../../../gen/kfp_kubernetes/kubernetes_executor_config_pb.js";
import type { Contribution, ResolveDynamic } from "../../contribution.ts";
import { requirements } from "./selector-terms.ts";

/** A term with a weight, 0 included, is a preference; `anti` keeps away. */
export function podAffinity(config: KubernetesExecutorConfig, resolve: ResolveDynamic): Contribution {
  const near: PodAffinityTerm[] = [];
  const away: PodAffinityTerm[] = [];
  for (const [index, entry] of config.podAffinity.entries()) {
    // Without a topology key the API server refuses the whole pod.
    if (entry.topologyKey === "")
      throw resolve.refuse(`podAffinity[${index}].topologyKey`, "a topology key is needed, such as kubernetes.io/hostname");
    (entry.anti === true ? away : near).push(entry);
  }
  const affinity: IAffinity = {
    ...(near.length === 0 ? {} : { podAffinity: rulesOf(near) }),
    ...(away.length === 0 ? {} : { podAntiAffinity: rulesOf(away) }),
  };
  return Object.keys(affinity).length === 0 ? {} : { pod: { affinity } };
}

function rulesOf(entries: readonly PodAffinityTerm[]): IPodAffinity {
  const required: IPodAffinityTerm[] = [];
  const preferred: NonNullable<IPodAffinity["preferredDuringSchedulingIgnoredDuringExecution"]> = [];
  for (const entry of entries) {
    const term = termOf(entry);
    if (entry.weight === undefined) required.push(term);
    else preferred.push({ weight: entry.weight, podAffinityTerm: term });
  }
  return {
    ...(required.length === 0 ? {} : { requiredDuringSchedulingIgnoredDuringExecution: required }),
    ...(preferred.length === 0 ? {} : { preferredDuringSchedulingIgnoredDuringExecution: preferred }),
  };
}

function termOf(entry: PodAffinityTerm): IPodAffinityTerm {
  const pods = selectorOf(entry.matchPodLabels, entry.matchPodExpressions);
  const namespaces = selectorOf(entry.matchNamespaceLabels, entry.matchNamespaceExpressions);
  return {
    ...(pods === undefined ? {} : { labelSelector: pods }),
    ...(namespaces === undefined ? {} : { namespaceSelector: namespaces }),
    ...(entry.namespaces.length === 0 ? {} : { namespaces: [...entry.namespaces] }),
    topologyKey: entry.topologyKey,
  };
}

function selectorOf(
  labels: Readonly<Record<string, string>>,
  expressions: PodAffinityTerm["matchPodExpressions"],
): IPodAffinityTerm["labelSelector"] {
  const selector = {
    ...(Object.keys(labels).length === 0 ? {} : { matchLabels: { ...labels } }),
    ...requirements("matchExpressions", expressions),
  };
  return Object.keys(selector).length === 0 ? undefined : selector;
}
