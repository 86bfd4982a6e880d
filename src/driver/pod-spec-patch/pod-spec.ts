/**
 * The part of a Kubernetes PodSpec that a patch of ours can hold.
 *
 * Optional members are absent when they say nothing (docs/spec/pod-spec-patch.md#json-emission-rules); `resources` is always
 * there, if only as `{}`.
 *
 * @module
 */
export interface EnvironmentEntry {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly fieldRef: { readonly fieldPath: string } };
}

export interface ResourceRequirements {
  readonly limits?: Readonly<Record<string, string>>;
  readonly requests?: Readonly<Record<string, string>>;
}

export interface SecurityContext {
  readonly runAsUser?: number;
  readonly runAsGroup?: number;
  readonly runAsNonRoot?: boolean;
}

export interface VolumeMount {
  readonly name: string;
  readonly mountPath: string;
}

export interface Volume {
  readonly name: string;
  readonly persistentVolumeClaim: { readonly claimName: string };
}

export interface ContainerPatch {
  readonly name: "main";
  readonly image?: string;
  readonly command: readonly string[];
  readonly args?: readonly string[];
  readonly env: readonly EnvironmentEntry[];
  readonly resources: ResourceRequirements;
  readonly volumeMounts?: readonly VolumeMount[];
  readonly securityContext?: SecurityContext;
}

/** Applied by Argo as a strategic merge patch over the compiled template (docs/spec/pod-spec-patch.md#how-it-is-consumed). */
export interface PodSpecPatch {
  readonly containers: readonly [ContainerPatch];
  readonly volumes?: readonly Volume[];
  readonly hostUsers?: boolean;
}
