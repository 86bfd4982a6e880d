/**
 * Taints of nodes that the pod tolerates.
 *
 * Source: docs/spec/kubernetes-executor-config.md#tolerations.
 *
 * @module
 */
import type { IToleration } from "kubernetes-models/v1";
import type { KubernetesExecutorConfig, Toleration } from "../../../../gen/kfp_kubernetes/kubernetes_executor_config_pb.js";
import { valueToJson, type JsonValue } from "../../../../core/values/value.ts";
import type { Contribution, ResolveDynamic } from "../../contribution.ts";
import { exactInteger } from "../exact-integer.ts";
import { describeJson, isJsonObject, readElement, type Members } from "../json-object.ts";

const TOLERATION: Members = {
  key: { kind: "text" },
  operator: { kind: "text" },
  value: { kind: "text" },
  effect: { kind: "text" },
  tolerationSeconds: { kind: "integer" },
};

/** Literal ones, and those the run gives as an object or as a list of objects, in order. */
export async function tolerations(config: KubernetesExecutorConfig, resolve: ResolveDynamic): Promise<Contribution> {
  const found: IToleration[] = [];
  for (const [index, entry] of config.tolerations.entries()) {
    const member = `tolerations[${index}]`;
    if (entry.tolerationJson === undefined) {
      found.push(literalToleration(entry, member, resolve));
      continue;
    }
    const field = { member: `${member}.tolerationJson`, spec: entry.tolerationJson, what: "toleration" };
    const value = await resolve.value(field);
    if (value !== undefined) found.push(...jsonTolerations(valueToJson(value), field.member, resolve));
  }
  return found.length === 0 ? {} : { pod: { tolerations: found } };
}

function literalToleration(entry: Toleration, member: string, resolve: ResolveDynamic): IToleration {
  const { key, operator, value, effect, tolerationSeconds: seconds } = entry;
  return {
    ...(key === "" ? {} : { key }),
    ...(operator === "" ? {} : { operator }),
    ...(value === "" ? {} : { value }),
    ...(effect === "" ? {} : { effect }),
    ...(seconds === undefined ? {} : { tolerationSeconds: exactInteger(seconds, `${member}.tolerationSeconds`, resolve) }),
  } as IToleration;
}

function jsonTolerations(json: JsonValue, member: string, resolve: ResolveDynamic): IToleration[] {
  if (Array.isArray(json)) {
    const failure = "failed to marshal list toleration to json";
    return json.map((item, index) => {
      return readElement(item, TOLERATION, { member: `${member}[${index}]`, failure, resolve });
    });
  }
  if (!isJsonObject(json)) {
    const expected = "encountered unexpected toleration proto value, must be either struct or list type";
    throw resolve.refuse(member, `failed to resolve toleration: ${expected}: got ${describeJson(json)}`);
  }
  if (Object.keys(json).length === 0) return [];
  const failure = "failed to marshal single toleration to json";
  return [readElement(json, TOLERATION, { member, failure, resolve })];
}
