/**
 * What a kubelet asks the API for, and the objects that pods name.
 *
 * @module
 */
import type { IPodSpec } from "kubernetes-models/v1";
import type { KubeObject } from "../kube-api/kube-object.ts";

/** A pod as the API stores it. */
export interface Pod extends KubeObject {
  readonly podSpec: IPodSpec;
}

export function podOf(object: KubeObject): Pod {
  return { ...object, podSpec: object.spec as unknown as IPodSpec };
}

/** Read-only, in the namespace of a pod. */
export interface PodSources {
  /** Data of a config map, undefined when there is none of that name. */
  configMap(namespace: string, name: string): ReadonlyMap<string, Buffer> | undefined;
  secret(namespace: string, name: string): ReadonlyMap<string, Buffer> | undefined;
  hasClaim(namespace: string, name: string): boolean;
  token(namespace: string, serviceAccount: string): string;
}

/** The pod waits until what it names is there. */
export class NotReadyError extends Error {
  /** As the kubelet tells it in the state of a container. */
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}
