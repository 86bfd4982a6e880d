/**
 * The patch of a step's pod, in the words of Kubernetes.
 *
 * Optional members are absent when they say nothing; `resources` of the user's container is always there, if only as `{}`.
 *
 * Source: docs/spec/pod-spec-patch.md#json-emission-rules.
 *
 * @module
 */
import type { IContainer, IPodSpec } from "kubernetes-models/v1";

/** The user's container. */
export interface ContainerPatch extends IContainer {
  readonly name: "main";
  readonly command: string[];
  readonly env: NonNullable<IContainer["env"]>;
  readonly resources: NonNullable<IContainer["resources"]>;
}

/** Applied by Argo as a strategic merge patch over the compiled template (docs/spec/pod-spec-patch.md#how-it-is-consumed). */
export interface PodSpecPatch extends Omit<IPodSpec, "containers"> {
  readonly containers: [ContainerPatch, ...IContainer[]];
}
