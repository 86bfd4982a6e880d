/**
 * The task configuration: settings of a step's pod, as a value for the step's program, which starts pods of its own.
 *
 * Source: docs/spec/task-config-workspace-modelcar.md#taskconfig-passthrough; resourceClaims: #ups-14.
 *
 * @module
 */
import type { IEnvVar } from "kubernetes-models/v1";
import type { JsonObject, JsonValue } from "../../core/values/value.ts";
import type { PassthroughField } from "./contribution.ts";
import { mergeEnvironment } from "./environment.ts";
import type { Passthroughs } from "./passthroughs.ts";
import type { ResourceRequirements } from "./resources.ts";
import type { NamedContribution } from "./volume-names.ts";

export interface TaskConfigRequest {
  readonly passthroughs: Passthroughs;
  /** All of the step, whoever gets them. */
  readonly contributions: readonly NamedContribution[];
  /** The container's own variables and those of the proxy, without the pod's identity. */
  readonly env: readonly IEnvVar[];
  readonly resources: ResourceRequirements;
}

/** Every member is there; what was not taken, or does not exist, is null. */
export function taskConfigJson({ passthroughs, contributions, env, resources }: TaskConfigRequest): JsonObject {
  const captured = contributions.filter(({ passthrough }) => passthrough !== undefined && passthroughs.captures(passthrough));
  const of = (field: PassthroughField): NamedContribution[] => captured.filter(({ passthrough }) => passthrough === field);
  const volumes = of("KUBERNETES_VOLUMES");
  const affinity = Object.assign({}, ...of("KUBERNETES_AFFINITY").map(({ pod }) => pod?.affinity)) as JsonObject;
  const resourceClaims = last(of("KUBERNETES_RESOURCE_CLAIMS"), "resourceClaims");
  const config = {
    affinity: Object.keys(affinity).length === 0 ? null : affinity,
    tolerations: last(of("KUBERNETES_TOLERATIONS"), "tolerations") ?? null,
    nodeSelector: last(of("KUBERNETES_NODE_SELECTOR"), "nodeSelector") ?? null,
    env: passthroughs.captures("ENV") ? mergeEnvironment(env, ...of("ENV").map((each) => each.env ?? [])) : null,
    volumes: filledOrNull(volumes.flatMap((each) => each.volumes)),
    volumeMounts: filledOrNull(volumes.flatMap(({ volumeMounts }) => volumeMounts)),
    resources: passthroughs.captures("RESOURCES") ? resources : {},
    ...(resourceClaims === undefined ? {} : { resourceClaims }),
  };
  // Typed objects of Kubernetes may hold members that are undefined; a value of the run may not.
  return JSON.parse(JSON.stringify(config)) as JsonObject;
}

function last(contributions: readonly NamedContribution[], member: "tolerations" | "nodeSelector" | "resourceClaims"): unknown {
  return contributions.findLast(({ pod }) => pod?.[member] !== undefined)?.pod?.[member];
}

function filledOrNull(items: readonly unknown[]): JsonValue | readonly unknown[] {
  return items.length === 0 ? null : items;
}
