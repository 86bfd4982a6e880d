/**
 * What one feature adds to the pod of a step, and the shape that every feature has.
 *
 * A feature reads the config and resolved values and returns data; nothing it does depends on another feature. Assembling decides
 * what goes where: names of volumes, order, and what TaskConfig takes instead of the pod.
 *
 * Source: docs/spec/kubernetes-executor-config.md#order-of-application, docs/spec/task-config-workspace-modelcar.md#taskconfig-passthrough.
 *
 * @module
 */
import type { IContainer, IEnvVar, IPodSpec, IVolume, IVolumeMount } from "kubernetes-models/v1";
import type { SpecError } from "../../core/errors.ts";
import type { InputParameterSpec } from "../../core/kfp-types.ts";
import type { Value } from "../../core/values/value.ts";
import type { KubernetesExecutorConfig } from "../../gen/kfp_kubernetes/kubernetes_executor_config_pb.js";

/** Settings that a component may take as task configuration; what has none of them always goes to the pod. */
export type PassthroughField =
  | "RESOURCES"
  | "ENV"
  | "KUBERNETES_AFFINITY"
  | "KUBERNETES_TOLERATIONS"
  | "KUBERNETES_NODE_SELECTOR"
  | "KUBERNETES_VOLUMES"
  | "KUBERNETES_RESOURCE_CLAIMS";

/** A volume and where the user's container sees it. */
export interface MountedVolume {
  /** The name it gets when that is a valid name which nothing else has; assembling finds another one otherwise. */
  readonly preferredName: string;
  /** True for names that are part of a contract and must not change. */
  readonly isFixedName?: boolean;
  /** Exactly one member. */
  readonly source: Omit<IVolume, "name">;
  readonly mount: Omit<IVolumeMount, "name">;
}

/** Members of the patch that features set; lists are appended in the order of the features, objects are merged. */
export interface Contribution {
  readonly volumes?: readonly MountedVolume[];
  /** Of the user's container, after its own variables and those of the pod's identity. */
  readonly env?: readonly IEnvVar[];
  readonly main?: Partial<Pick<IContainer, "imagePullPolicy" | "securityContext" | "resources">>;
  readonly pod?: Partial<
    Pick<
      IPodSpec,
      | "activeDeadlineSeconds"
      | "affinity"
      | "hostUsers"
      | "imagePullSecrets"
      | "nodeSelector"
      | "resourceClaims"
      | "shareProcessNamespace"
      | "tolerations"
    >
  >;
  /** Besides the user's container. */
  readonly containers?: readonly IContainer[];
  readonly initContainers?: readonly IContainer[];
}

/** A contribution with who makes it. */
export interface AttributedContribution extends Contribution {
  /** JSON name of the config's member, or another word for messages. */
  readonly member: string;
  readonly passthrough?: PassthroughField;
}

/** A member of the config whose value the run gives. */
export interface DynamicField {
  /** For messages: `secretAsVolume[0].secretNameParameter`. */
  readonly member: string;
  readonly spec: InputParameterSpec;
  /** For messages: `secret name`. */
  readonly what: string;
}

/** Values of dynamic fields, and where remarks go. */
export interface ResolveDynamic {
  /**
   * @returns `undefined` when the enclosing DAG has no such input or it is null: the entry that asks is left out.
   * @throws {ResolveError} when the source of the value does not exist.
   */
  readonly value: (field: DynamicField) => Promise<Value | undefined>;
  /** The same for a name. @throws {SpecError} SPEC_INVALID for anything but a text that is not empty. */
  readonly text: (field: DynamicField) => Promise<string | undefined>;
  /** An error that names the task, the member and what is wrong with it. */
  readonly refuse: (member: string, reason: string) => SpecError;
  /** Something was ignored, or read in a way that its writer may not have meant. */
  readonly warn: (message: string, fields?: Readonly<Record<string, string>>) => void;
}

/** What a member of the Kubernetes executor config does to the pod. */
export type Contribute = (config: KubernetesExecutorConfig, resolve: ResolveDynamic) => Promise<Contribution> | Contribution;

/** One member of the config and what it does. */
export interface Feature {
  readonly member: string;
  readonly passthrough?: PassthroughField;
  readonly contribute: Contribute;
}
