/**
 * Nodes that the pod needs, or prefers.
 *
 * Source: docs/spec/kubernetes-executor-config.md#node-affinity.
 *
 * @module
 */
import type { INodeAffinity, INodeSelectorTerm, IPreferredSchedulingTerm } from "kubernetes-models/v1";
import type { KubernetesExecutorConfig } from "../../../../gen/kfp_kubernetes/kubernetes_executor_config_pb.js";
import { valueToJson } from "../../../../core/values/value.ts";
import type { Contribution, ResolveDynamic } from "../../contribution.ts";
import { describeJson, isJsonObject, readObject, type Members } from "../json-object.ts";
import { requirements } from "./selector-terms.ts";

const REQUIREMENT: Members = {
  key: { kind: "text", required: true },
  operator: { kind: "text", required: true },
  values: { kind: "texts" },
};
const TERM: Members = {
  matchExpressions: { kind: "objects", members: REQUIREMENT },
  matchFields: { kind: "objects", members: REQUIREMENT },
};
const NODE_AFFINITY: Members = {
  requiredDuringSchedulingIgnoredDuringExecution: {
    kind: "object",
    members: { nodeSelectorTerms: { kind: "objects", members: TERM } },
  },
  preferredDuringSchedulingIgnoredDuringExecution: {
    kind: "objects",
    members: { weight: { kind: "integer", required: true }, preference: { kind: "object", members: TERM, required: true } },
  },
};

interface Terms {
  readonly required: INodeSelectorTerm[];
  readonly preferred: IPreferredSchedulingTerm[];
}

/** All required terms are alternatives of one list; a term with a weight, 0 included, is a preference. */
export async function nodeAffinity(config: KubernetesExecutorConfig, resolve: ResolveDynamic): Promise<Contribution> {
  const terms: Terms = { required: [], preferred: [] };
  for (const [index, entry] of config.nodeAffinity.entries()) {
    const member = `nodeAffinity[${index}]`;
    if (entry.nodeAffinityJson !== undefined) {
      const field = { member: `${member}.nodeAffinityJson`, spec: entry.nodeAffinityJson, what: "node affinity json" };
      await takeJson(terms, field, resolve);
      continue;
    }
    const term = {
      ...requirements("matchExpressions", entry.matchExpressions),
      ...requirements("matchFields", entry.matchFields),
    };
    if (Object.keys(term).length === 0) resolve.warn("A term without expressions and fields is ignored", { member });
    else if (entry.weight === undefined) terms.required.push(term);
    else terms.preferred.push({ weight: entry.weight, preference: term });
  }
  const affinity: INodeAffinity = {
    ...(terms.required.length === 0
      ? {}
      : { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms.required } }),
    ...(terms.preferred.length === 0 ? {} : { preferredDuringSchedulingIgnoredDuringExecution: terms.preferred }),
  };
  return Object.keys(affinity).length === 0 ? {} : { pod: { affinity: { nodeAffinity: affinity } } };
}

async function takeJson(terms: Terms, field: Parameters<ResolveDynamic["value"]>[0], resolve: ResolveDynamic): Promise<void> {
  const value = await resolve.value(field);
  if (value === undefined) return;
  const json = valueToJson(value);
  const failure = "failed to resolve node affinity json";
  const { member } = field;
  if (!isJsonObject(json)) {
    const reason = `resolved k8s parameter is nil: expected an object but got ${describeJson(json)}`;
    throw resolve.refuse(member, `${failure}: ${reason}`);
  }
  const affinity = readObject(json, NODE_AFFINITY, { member, failure, resolve }) as INodeAffinity;
  terms.required.push(...(affinity.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []));
  terms.preferred.push(...(affinity.preferredDuringSchedulingIgnoredDuringExecution ?? []));
}
