/**
 * Requirements on labels, which node and pod affinity share.
 *
 * Source: docs/spec/pod-spec-patch.md#json-emission-rules.
 *
 * @module
 */
import type { INodeSelectorRequirement } from "kubernetes-models/v1";
import type { SelectorRequirement } from "../../../../gen/kfp_kubernetes/kubernetes_executor_config_pb.js";

type Requirement = INodeSelectorRequirement;

/** `{ matchExpressions: [...] }`, or nothing where there are none. */
export function requirements<Name extends string>(
  name: Name,
  entries: readonly SelectorRequirement[],
): { [Key in Name]?: Requirement[] } {
  if (entries.length === 0) return {};
  const list = entries.map(({ key, operator, values }) => ({
    key,
    // Checked by the API server, which knows which operators fit the kind of selector.
    operator: operator as Requirement["operator"],
    ...(values.length === 0 ? {} : { values: [...values] }),
  }));
  return { [name]: list } as { [Key in Name]?: Requirement[] };
}
