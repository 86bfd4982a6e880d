/**
 * What every object of the Kubernetes API has.
 *
 * Standard: Kubernetes API conventions, "Objects" and "Metadata".
 *
 * @module
 */
import type { JsonObject } from "../../../src/core/values/value.ts";

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
}

export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly generateName?: string;
  readonly uid: string;
  readonly resourceVersion: string;
  /** RFC 3339 in whole seconds, as all times of objects. */
  readonly creationTimestamp: string;
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
}

/** A stored object: nobody changes one, a new one takes its place. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec?: JsonObject;
  readonly status?: JsonObject;
  readonly [member: string]: unknown;
}

/** What a client sends. */
export interface KubeObjectInput {
  readonly metadata?: Partial<ObjectMeta>;
  readonly [member: string]: unknown;
}

/** An answer other than success, as the API's `Status` object tells it. */
export class KubeStatusError extends Error {
  readonly code: number;
  /** Machine-readable, such as `NotFound`. */
  readonly reason: string;

  constructor(code: number, reason: string, message: string) {
    super(message);
    this.code = code;
    this.reason = reason;
  }
}
