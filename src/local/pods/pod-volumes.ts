/**
 * The volumes of a patched pod, as what a machine without a cluster can make of them: where they come from and where they are seen.
 *
 * Source: docs/spec/kubernetes-executor-config.md#order-of-application (volumes and mounts of the patch); Kubernetes' subPath.
 *
 * @module
 */
import type { IVolume, IVolumeMount } from "kubernetes-models/v1";
import { SpecError } from "../../core/errors.ts";
import type { PodSpecPatch } from "../../driver/pod-spec-patch/pod-spec.ts";
import type { ObjectKind } from "../objects/local-objects.ts";

/** Where the files of a volume are. */
export type VolumeSource =
  /** The keys of an object as files. */
  | { readonly kind: "object"; readonly object: ObjectKind; readonly name: string; readonly optional: boolean }
  /** A folder that outlives the pod. */
  | { readonly kind: "claim"; readonly name: string }
  /** A folder of this pod, which goes with it. */
  | { readonly kind: "temporary"; readonly inMemory: boolean };

/** A volume and where a container sees it. */
export interface PodMount {
  /** Of the volume, unique in the pod. */
  readonly volume: string;
  readonly source: VolumeSource;
  /** Absolute path in the container, without `/` at the end. */
  readonly path: string;
  /** Below the volume; empty: all of it. */
  readonly subPath: string;
  readonly readOnly: boolean;
}

/**
 * What the given mounts of a container are, in their order.
 *
 * @throws {SpecError} SPEC_INVALID for a path that is not absolute, a sub-path that leaves the volume, a mount of no volume;
 *   FEATURE_UNSUPPORTED for a kind of volume that no driver asks for.
 */
export function podMounts({ volumes = [] }: Pick<PodSpecPatch, "volumes">, mounts: readonly IVolumeMount[] = []): PodMount[] {
  return mounts.map(({ name, mountPath, subPath = "", readOnly = false }) => {
    const volume = volumes.find((other) => other.name === name);
    if (volume === undefined) throw new SpecError("SPEC_INVALID", `The pod mounts volume "${name}" and has no such volume`);
    if (!mountPath.startsWith("/")) {
      throw new SpecError("SPEC_INVALID", `Cannot mount volume "${name}": path "${mountPath}" is not absolute`);
    }
    if (subPath.startsWith("/") || subPath.split("/").includes("..")) {
      throw new SpecError("SPEC_INVALID", `Cannot mount volume "${name}": its sub-path "${subPath}" is not below the volume`);
    }
    const source = sourceOf(volume);
    const path = mountPath.replace(/(?<=.)\/+$/, "");
    return { volume: name, source, path, subPath, readOnly: readOnly || source.kind === "object" };
  });
}

function sourceOf(volume: IVolume): VolumeSource {
  const { name, secret, configMap, persistentVolumeClaim, ephemeral, emptyDir } = volume;
  if (secret !== undefined) {
    return { kind: "object", object: "Secret", name: secret.secretName ?? "", optional: secret.optional === true };
  }
  if (configMap !== undefined) {
    return { kind: "object", object: "ConfigMap", name: configMap.name ?? "", optional: configMap.optional === true };
  }
  if (persistentVolumeClaim !== undefined) return { kind: "claim", name: persistentVolumeClaim.claimName };
  if (ephemeral !== undefined) return { kind: "temporary", inMemory: false };
  if (emptyDir !== undefined) return { kind: "temporary", inMemory: emptyDir.medium === "Memory" };
  throw new SpecError("FEATURE_UNSUPPORTED", `A local run cannot make volume "${name}"`);
}
